//! Fingerprints of messages: what changes them and what does not, and that no depth of types is too much.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use angzarr_codegen::{Request, understand};

/// As many types as no recursion over them would survive, and no work for each of them on all others.
const MANY: usize = 20_000;

/// The fingerprint of each message of one file, by name.
fn fingerprints(messages: &str) -> BTreeMap<String, String> {
    let include = tempfile::tempdir().unwrap();
    fs::write(include.path().join("t.proto"), format!("syntax = \"proto3\";\npackage t;\n{messages}")).unwrap();
    let request =
        Request { includes: vec![include.path().to_path_buf()], files: vec!["t.proto".into()], ..Request::default() };
    let messages = understand(&request).unwrap().model.messages.into_iter();
    messages.map(|message| (message.name.0, message.shape)).collect()
}

/// Messages of which each holds the next one; the last one holds what is said.
fn chain(last: &str) -> String {
    let message = |at: usize| match at + 1 {
        MANY => format!("message M{at} {{ {last} }}\n"),
        next => format!("message M{at} {{ M{next} next = 1; }}\n"),
    };
    (0..MANY).map(message).collect()
}

#[test]
fn a_long_chain() {
    let before = fingerprints(&chain("string end = 1;"));
    assert_eq!(before.values().collect::<BTreeSet<_>>().len(), MANY);
    let after = fingerprints(&chain("bytes end = 1;"));
    assert!(before.iter().all(|(name, fingerprint)| after[name] != *fingerprint));
}

#[test]
fn a_large_circle() {
    let before = fingerprints(&chain("M0 first = 1;"));
    assert_eq!(before.values().collect::<BTreeSet<_>>().len(), MANY);
    let after = fingerprints(&chain("M0 first = 1; string end = 2;"));
    assert!(before.iter().all(|(name, fingerprint)| after[name] != *fingerprint));
}

#[test]
fn a_long_chain_of_unions() {
    let message = |at: usize| match at + 1 {
        MANY => format!("message M{at} {{}}\n"),
        next => format!("message M{at} {{ oneof one {{ M{next} next = 1; }} }}\n"),
    };
    assert_eq!(fingerprints(&(0..MANY).map(message).collect::<String>()).len(), MANY);
}

/// `Top` reaches all but `Apart`, some of it through a circle.
const REACHED: &str = "
    message Top { optional string id = 1; repeated Middle all = 2; }
    message Middle { map<string, Low> by_name = 1; oneof either { uint32 number = 2; Colour colour = 3; } }
    message Low { Lower lower = 1; }
    message Lower { Low low = 1; sint64 value = 2; }
    message Apart { string id = 1; }
    enum Colour { GREY = 0; RED = 1; }
";

#[test]
fn what_is_reached_counts() {
    let before = fingerprints(REACHED);
    for (old, new) in [
        ("optional string id = 1", "string id = 1"),
        ("optional string id = 1", "optional string id = 3"),
        ("repeated Middle all", "Middle all"),
        ("repeated Middle all", "repeated Middle every"),
        ("map<string, Low>", "map<int32, Low>"),
        ("map<string, Low>", "map<string, Lower>"),
        ("oneof either", "oneof one"),
        ("uint32 number = 2; Colour colour = 3; }", "uint32 number = 2; } Colour colour = 3;"),
        ("uint32 number = 2; Colour", "fixed32 number = 2; Colour"),
        ("Low low = 1; sint64 value = 2;", "Low low = 1; sint64 value = 3;"),
        ("Low low = 1; sint64 value = 2;", "Low low = 1; sint64 worth = 2;"),
        ("Low low = 1; sint64 value = 2;", "Low low = 1;"),
        ("Low low = 1; sint64 value = 2;", "sint64 value = 2;"),
        ("Low low = 1; sint64 value = 2;", "Low low = 1; sint64 value = 2; bool more = 4;"),
        ("RED = 1", "BLUE = 1"),
        ("RED = 1", "RED = 2"),
        ("RED = 1;", "RED = 1; BLUE = 2;"),
    ] {
        assert!(REACHED.contains(old), "{old}");
        let after = fingerprints(&REACHED.replace(old, new));
        assert_ne!(before["t.Top"], after["t.Top"], "{old} -> {new}");
        assert_eq!(before["t.Apart"], after["t.Apart"], "{old} -> {new}");
    }
}

#[test]
fn what_is_not_reached_does_not_count() {
    let before = fingerprints(REACHED);
    let apart = fingerprints(&REACHED.replace("Apart { string id = 1; }", "Apart { string id = 2; Top top = 1; }"));
    assert_ne!(before["t.Apart"], apart["t.Apart"]);
    let top = fingerprints(&REACHED.replace("optional string id = 1", "optional string id = 3"));
    for name in ["t.Top", "t.Middle", "t.Low", "t.Lower"] {
        assert_eq!(before[name], apart[name], "{name}");
        assert_eq!(before[name] == top[name], name != "t.Top", "{name}");
    }
}

#[test]
fn order_and_comments_do_not_count() {
    let mut lines: Vec<&str> = REACHED.lines().collect();
    lines.reverse();
    let turned = lines
        .join("\n// A comment.\n")
        .replace("Low low = 1; sint64 value = 2;", "sint64 value = 2 [json_name = \"worth\"]; Low low = 1;");
    assert_eq!(fingerprints(REACHED), fingerprints(&turned));
}
