//! Each kind of change, alone and together with others.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use angzarr_codegen::Understood;
use angzarr_codegen::evolution::breaking;
use angzarr_codegen::evolution::lock::Lock;
use proptest::prelude::*;

use crate::{edit, golden, here, lock, read};

const BEFORE: &str = concat!(include_str!("before.proto"), include_str!("notes.proto"));

const OLDER: &str = include_str!("older.proto");

/// The lock of `BEFORE`.
fn before() -> &'static Lock {
    static LOCK: LazyLock<Lock> = LazyLock::new(|| lock(BEFORE));
    &LOCK
}

/// Changes that break something: the code, what is replaced, by what.
const UNSAFE: &[(&str, &str, &str)] = &[
    ("AZ0601", "  rpc ToV2(Opened) returns (OpenedV2)", "  rpc ToV2(Older) returns (OpenedV2)"),
    ("AZ0601", "rpc OnOverdue(Overdue)", "rpc OnOverdue(Later)"),
    ("AZ0601", "returns (Paid);", "returns (PaidV2);"),
    ("AZ0602", "string note = 12;", "string note = 14;"),
    ("AZ0602", "string owner = 2;\n  Kind", "string phone_owner = 2;\n  string owner = 15;\n  Kind"),
    ("AZ0602", "int32 weight = 3;", "int32 weight = 4;"),
    ("AZ0603", "uint32 limit = 4;", "int32 limit = 4;"),
    ("AZ0603", "uint32 limit = 4;", "string limit = 4;"),
    ("AZ0603", "sint32 shift = 13;", "int32 shift = 13;"),
    ("AZ0603", "repeated Tag tags = 5;", "repeated Account tags = 5;"),
    ("AZ0603", "map<string, Tag> named = 6;", "map<int32, Tag> named = 6;"),
    ("AZ0603", "map<string, Tag> named = 6;", "repeated Account named = 6;"),
    ("AZ0603", "google.protobuf.Timestamp at = 7;", "string at = 7;"),
    ("AZ0603", "Kind kind = 3;", "string kind = 3;"),
    ("AZ0603", "int32 weight = 3;", "fixed32 weight = 3;"),
    ("AZ0603", "uint64 cents = 2;\n}\n\n// What", "int64 cents = 2;\n}\n\n// What"),
    ("AZ0604", "string note = 12;", "repeated string note = 12;"),
    ("AZ0604", "repeated Tag tags = 5;", "Tag tags = 5;"),
    ("AZ0604", "    string phone = 9;\n  }", "    string phone = 9;\n    string note = 12;\n  }"),
    ("AZ0605", "  KIND_COMPANY = 2;\n", ""),
    ("AZ0605", "KIND_COMPANY = 2;", "KIND_COMPANY = 3;"),
    ("AZ0606", "string note = 12;", "uint32 stars = 12;"),
    (
        "AZ0606",
        "rpc ToV2(Opened) returns (OpenedV2) { option (angzarr.v1.handler).hook = true; }",
        "rpc ToV2(Older) returns (OpenedV2) { option (angzarr.v1.handler).hook = true; }\n}\nservice Others {\n  option (angzarr.v1.component).aggregate = {domain: \"others\" state: \"Account\"};\n  rpc Take(Opened) returns (Taken);",
    ),
    ("AZ0607", "domain: \"accounts\"\n    state", "domain: \"books\"\n    state"),
    (
        "AZ0607",
        "rpc Settle(Pay) returns (Paid);\n}",
        "}\nservice Payments {\n  option (angzarr.v1.component).aggregate = {domain: \"payments\" state: \"Account\"};\n  rpc Settle(Pay) returns (Paid);\n}",
    ),
    (
        "AZ0608",
        "string account = 1 [(angzarr.v1.field).root = true];\n  string owner = 2;",
        "string account = 1;\n  string owner = 2 [(angzarr.v1.field).root = true];",
    ),
    (
        "AZ0608",
        "string account = 1 [(angzarr.v1.field).root = true];\n  string owner = 2;",
        "uint64 account = 1 [(angzarr.v1.field).root = true];\n  string owner = 2;",
    ),
    (
        "AZ0608",
        "string account = 1 [(angzarr.v1.field).root = true];\n  string owner = 2;",
        "string owner = 1 [(angzarr.v1.field).root = true];\n  string account = 2;",
    ),
    ("AZ0609", "(angzarr.v1.handler).key = \"account\"", "(angzarr.v1.handler).key = \"ledger\""),
    ("AZ0609", "      key: \"account\"\n", ""),
    ("AZ0610", "upcast_default = \"nobody\"", "upcast_default = \"somebody\""),
    ("AZ0610", "renamed_from = \"text\"", "upcast_default = \"\""),
    ("AZ0610", "optional uint32 line = 3;", "optional uint32 line = 3 [(angzarr.v1.field).upcast_default = \"1\"];"),
    (
        "AZ0611",
        "string id = 2 [(angzarr.v1.field).idempotency_key = true];\n  string source = 3;",
        "string id = 2;\n  string source = 3 [(angzarr.v1.field).idempotency_key = true];",
    ),
    ("AZ0612", "service Reminder {", "service Recaller {"),
];

/// The same of `OLDER`.
const UNSAFE_OLDER: &[(&str, &str, &str)] = &[
    ("AZ0613", "[default = \"EUR\"]", "[default = \"USD\"]"),
    ("AZ0613", " [default = \"EUR\"]", ""),
    ("AZ0613", "optional uint32 limit = 3;", "optional uint32 limit = 3 [default = 9];"),
    ("AZ0613", "optional Kind kind = 4;", "optional Kind kind = 4 [default = KIND_COMPANY];"),
    ("AZ0613", "  KIND_PRIVATE = 1;\n  KIND_COMPANY = 2;", "  KIND_COMPANY = 2;\n  KIND_PRIVATE = 1;"),
    ("AZ0613", "[default = true]", "[default = false]"),
    ("AZ0613", "[default = 1.5]", "[default = 1.25]"),
    ("AZ0613", "[default = \"\\001\"]", "[default = \"\\002\"]"),
    (
        "AZ0603",
        "  optional Contact contact = 7;",
        "  optional group Contact = 7 {\n    optional string mail = 1;\n    optional double weight = 2 [default = 1.5];\n  }",
    ),
    (
        "AZ0603",
        "  optional group Owner = 6 {\n    optional string name = 1;\n    optional bool known = 2 [default = true];\n  }",
        "  optional Owner owner = 6;\n  message Owner {\n    optional string name = 1;\n    optional bool known = 2 [default = true];\n  }",
    ),
];

/// Changes of `OLDER` that break nothing.
const SAFE_OLDER: &[(&str, &str)] = &[
    // A default that the type has anyway.
    ("optional uint32 limit = 3;", "optional uint32 limit = 3 [default = 0];"),
    ("optional Kind kind = 4;", "optional Kind kind = 4 [default = KIND_PRIVATE];"),
    // The same value in other words.
    ("[default = 1.5]", "[default = 15e-1]"),
    ("[default = \"\\001\"]", "[default = \"\\x01\"]"),
    ("KIND_PRIVATE = 1;", "KIND_PERSON = 1;"),
    // What is required is always stored.
    ("[default = 7]", "[default = 8]"),
    // A state is folded again.
    ("optional uint64 cents = 1 [default = 1];", "optional uint64 cents = 1 [default = 2];"),
    ("  optional Contact contact = 7;\n", ""),
];

/// Every change that breaks something, with what it changes.
fn unsafe_edits() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    let with = |text: &'static str| move |(code, from, to): &(&'static str, _, _)| (text, *code, *from, *to);
    UNSAFE.iter().map(with(BEFORE)).chain(UNSAFE_OLDER.iter().map(with(OLDER)))
}

/// What makes an edit above a proto without mistakes, where that takes more than one place.
fn mended(text: String) -> String {
    let mut text = text;
    if text.contains("(Older)") {
        text.push_str("message Older {}\nmessage Taken {}\n");
        text = text.replace(
            "  option (angzarr.v1.message).retired = true;\n\n  string account = 1;",
            if text.contains("Take(Opened)") {
                "  string account = 1 [(angzarr.v1.field).root = true];"
            } else {
                "  string account = 1;"
            },
        );
    }
    if text.contains("    string note = 12;") {
        text = text.replace("\n  string note = 12;\n", "\n");
    }
    if text.contains("(Later)") {
        text.push_str("message Later {}\n");
    }
    if text.contains("(PaidV2)") {
        text.push_str("message PaidV2 { string account = 1; }\n");
        text = text.replace("OnPaid(Paid)", "OnPaid(PaidV2)");
    }
    if text.contains("\"books\"") {
        text = text.replace("{domain: \"accounts\"}", "{domain: \"books\"}");
    }
    if text.contains("\"ledger\"") {
        text = text.replace("message Paid {\n", "message Paid {\n  string ledger = 3;\n");
    }
    if text.contains("key = \"account\"") && !text.contains("key: \"account\"") {
        text = text.replace("    option (angzarr.v1.handler).key = \"account\";\n", "");
    }
    text
}

#[test]
fn each_unsafe_edit_raises_its_code_and_no_other() {
    let mut texts = String::new();
    for (text, code, from, to) in unsafe_edits() {
        let found = breaking(&lock(text), &read(&mended(edit(text, from, to))));
        let codes: BTreeSet<&str> = found.iter().map(|report| report.code).collect();
        assert_eq!(codes, BTreeSet::from([code]), "`{from}` to `{to}`: {found:?}");
        let edit = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        texts.push_str(&format!("-- {}\n++ {}\n", edit(from), edit(to)));
        texts.extend(found.iter().map(crate::told));
        texts.push('\n');
    }
    golden("texts.txt", &texts);
}

#[test]
fn every_code_has_an_edit() {
    let told: BTreeSet<&str> = unsafe_edits().map(|(_, code, ..)| code).collect();
    let all = angzarr_codegen::model::codes::ALL.iter().map(|code| code.id);
    assert_eq!(told, all.filter(|id| id.starts_with("AZ06")).collect());
}

/// The code block behind a heading of a page.
fn block<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    section.split_once("```proto\n").unwrap().1.split_once("```").unwrap().0
}

/// An example of a page, with what it leaves as it is.
fn example(shown: &str, rest: &str) -> Understood {
    let (syntax, shown) = match shown.strip_prefix("syntax = \"proto2\";\n") {
        Some(shown) => ("proto2", shown),
        None => ("proto3", shown),
    };
    let name = |declared: &str| declared.split_whitespace().take(2).collect::<Vec<_>>().join(" ") + " ";
    let mut text = format!("syntax = \"{syntax}\";\n")
        + "package shop.v1;\nimport \"angzarr/v1/options.proto\";\nimport \"google/protobuf/empty.proto\";\n"
        + shown;
    let mut declared = String::new();
    for line in rest.lines() {
        declared.push_str(&format!("{line}\n"));
        if line.ends_with('}') && !line.starts_with(' ') {
            if !shown.contains(&name(&declared)) {
                text.push_str(&declared);
            }
            declared.clear();
        }
    }
    read(&text)
}

#[test]
fn pages_show_what_breaks() {
    let docs = here().join("../docs");
    let guide = fs::read_to_string(docs.join("evolution.md")).unwrap();
    let rest = block(&guide, "The examples");
    for code in unsafe_edits().map(|(_, code, ..)| code).collect::<BTreeSet<_>>() {
        let page = fs::read_to_string(docs.join("diagnostics").join(code).with_extension("md")).unwrap();
        let before = Lock::of(&example(block(&page, "Before"), rest).model);
        let found = breaking(&before, &example(block(&page, "Now"), rest));
        let codes: BTreeSet<&str> = found.iter().map(|report| report.code).collect();
        assert_eq!(codes, BTreeSet::from([code]));
        assert_eq!(breaking(&before, &example(block(&page, "Before"), rest)), []);
        assert!(guide.contains(&format!("| {code} | ")));
    }
}

/// Changes that break nothing, each on a line of its own, so that any of them go together.
const SAFE: &[(&str, &str)] = &[
    ("  string note = 12;\n", "  string note = 12;\n  string added = 20;\n"),
    ("string owner = 2;\n  Kind", "string holder = 2;\n  Kind"),
    ("  bool vip = 11;\n", ""),
    ("Kind kind = 3;", "Kind sort = 3;"),
    ("uint32 limit = 4;", "uint64 limit = 4;"),
    ("optional int32 rank = 10;", "int32 rank = 10;"),
    ("sint32 shift = 13;", "sint64 shift = 13;"),
    ("string text = 1;", "bytes text = 1;"),
    ("int32 weight = 3;", "int64 weight = 3;\n  repeated Tag more = 4;"),
    ("KIND_COMPANY = 2;", "KIND_FIRM = 2;"),
    ("KIND_PRIVATE = 1;", "KIND_PRIVATE = 1;\n  KIND_STATE = 7;"),
    ("    string phone = 9;\n", "    string phone = 9;\n    string fax = 21;\n"),
    ("message Account {\n  uint64 cents = 1;", "message Account {\n  string everything = 1;\n  bool different = 2;"),
    (
        "domain: \"accounts\"\n    state: \"Account\"",
        "domain: \"accounts\"\n    state: \"Account\"\n    snapshot: {every: 9 version: 3}",
    ),
    ("rpc Begin(Open) returns (OpenedV2);", "rpc Start(Open) returns (stream OpenedV2);"),
    (
        "service History",
        "message Close {\n  string account = 1 [(angzarr.v1.field).root = true];\n}\nmessage Closed {}\nservice History",
    ),
    ("  rpc Settle", "  rpc End(Closing) returns (Ended);\n  rpc Settle"),
    (
        "message Paid {",
        "message Closing {\n  uint64 account = 1 [(angzarr.v1.field).root = true];\n}\nmessage Ended {}\n// With a comment.\nmessage Paid {",
    ),
    (
        "  string account = 1;\n  uint64 cents = 2;\n}\n\nmessage Account",
        "  string account = 1;\n  uint64 cents = 2;\n  reserved 5, 6;\n}\n\nmessage Account",
    ),
    ("string by = 2 [", "string author = 2 ["),
    ("string id = 2 [", "string number = 2 ["),
    (
        "string colour = 2;\n}\n\nmessage NotedV2 {\n",
        "string color = 2;\n}\n\nmessage NotedV2 {\n  string ink = 6 [(angzarr.v1.field).upcast_default = \"black\"];\n",
    ),
    ("string colour = 5;", "string colour = 5 [(angzarr.v1.field).renamed_from = \"color\"];"),
    ("upcast_default = \"16\"", "upcast_default = \"0x10\""),
];

fn safe(chosen: &[bool]) -> String {
    let mut text = BEFORE.to_owned();
    for ((from, to), _) in SAFE.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
        text = edit(&text, from, to);
    }
    // Some of them only go together.
    if text.contains("string color = 2") != text.contains("renamed_from = \"color\"") {
        text = text.replace("string color = 2", "string colour = 2");
        text = text.replace(" [(angzarr.v1.field).renamed_from = \"color\"]", "");
    }
    if text.contains("(Closing)") && !text.contains("message Closing") {
        text.push_str(
            "message Closing {\n  string account = 1 [(angzarr.v1.field).root = true];\n}\nmessage Ended {}\n",
        );
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn safe_edits_raise_nothing(chosen in prop::collection::vec(any::<bool>(), SAFE.len())) {
        let now = read(&safe(&chosen));
        prop_assert_eq!(breaking(before(), &now), []);
        // What was removed or renamed stays known, and is no reason to complain the next time either.
        let mut next = Lock::of(&now.model);
        next.remember(before());
        prop_assert_eq!(breaking(&next, &now), []);
        prop_assert_eq!(Lock::parse(&next.to_string()), Ok(next));
    }

    #[test]
    fn an_unsafe_edit_among_safe_ones_is_found(
        chosen in prop::collection::vec(any::<bool>(), SAFE.len()),
        unsafe_edit in prop::sample::select(UNSAFE),
    ) {
        let (code, from, to) = unsafe_edit;
        let text = safe(&chosen);
        // A safe edit may have taken the place of the unsafe one.
        prop_assume!(text.contains(from));
        let found = breaking(before(), &read(&mended(edit(&text, from, to))));
        let codes: BTreeSet<&str> = found.iter().map(|report| report.code).collect();
        prop_assert_eq!(codes, BTreeSet::from([code]), "{:?}", found);
    }
}

#[test]
fn enums_of_fields_with_new_names() {
    let text = edit(&edit(BEFORE, "Kind kind = 3;", "Kind sort = 3;"), "  KIND_COMPANY = 2;\n", "");
    let found = breaking(before(), &read(&text));
    assert_eq!(found.iter().map(|report| report.code).collect::<Vec<_>>(), ["AZ0605"]);
}

#[test]
fn what_was_removed_must_not_come_back_as_something_else() {
    let without = edit(BEFORE, "  string note = 12;\n", "");
    let mut second = lock(&without);
    second.remember(&lock(BEFORE));
    let codes = |text: &str| -> Vec<&str> { breaking(&second, &read(text)).iter().map(|report| report.code).collect() };
    assert_eq!(codes(&without), [""; 0]);
    assert_eq!(codes(BEFORE), [""; 0], "it may come back as it was");
    assert_eq!(codes(&edit(BEFORE, "string note = 12;", "string text = 12;")), ["AZ0606"]);
    assert_eq!(codes(&edit(BEFORE, "string note = 12;", "uint32 note = 12;")), ["AZ0606"]);
    assert_eq!(codes(&edit(BEFORE, "string note = 12;", "string note = 30;")), ["AZ0606"]);
    // Whoever forces that does not hear of it again.
    let forced = edit(BEFORE, "string note = 12;", "string note = 30;");
    let mut after = lock(&forced);
    after.remember(&second);
    assert_eq!(breaking(&after, &read(&forced)), []);
    // It is remembered for more than one release.
    let mut third = lock(&without);
    third.remember(&second);
    assert_eq!(third, second);
}

/// A release after another that compares with the lock of the one before, which has to be safe, and writes its own.
fn release(before: &Lock, text: &str) -> Lock {
    let now = read(text);
    assert_eq!(breaking(before, &now), []);
    let mut lock = Lock::of(&now.model);
    lock.remember(before);
    // A lock that is up to date stays so.
    let mut again = Lock::of(&now.model);
    again.remember(&lock);
    assert_eq!(again, lock);
    assert_eq!(Lock::parse(&lock.to_string()), Ok(lock.clone()));
    lock
}

fn found(before: &Lock, text: &str) -> Vec<&'static str> {
    breaking(before, &read(text)).iter().map(|report| report.code).collect()
}

#[test]
fn what_was_removed_is_known_under_new_names() {
    // Of what is stored by itself, and of what is part of that.
    let without = edit(&edit(BEFORE, "  string note = 12;\n", ""), "  int32 weight = 3;\n", "");
    let second = release(before(), &without);
    let option = "  option (angzarr.v1.message).stored_as = \"t.v1.OpenedV2\";\n";
    let renamed = without.replace("OpenedV2", "Begun").replace("Tag ", "Label ").replace("Tag>", "Label>");
    let renamed = edit(&renamed, "message Begun {\n", &format!("message Begun {{\n{option}"));
    let third = release(&second, &renamed);
    let reused = edit(&renamed, "  sint32 shift = 13;\n", "  sint32 shift = 13;\n  uint32 stars = 12;\n");
    assert_eq!(found(&third, &reused), ["AZ0606"]);
    let reused = edit(&renamed, "  Label parent = 2;\n", "  Label parent = 2;\n  string colour = 3;\n");
    assert_eq!(found(&third, &reused), ["AZ0606"]);
}

/// Roots of facts, keys of events, rules of upcasts: a new name of the message is no way around.
#[test]
fn what_has_a_new_name_is_found_in_the_same_way() {
    let named = |old: &str, new: &str| {
        let text = ["message OLD ", "(OLD)"].iter().fold(BEFORE.to_owned(), |text, place| {
            text.replace(&place.replace("OLD", old), &place.replace("OLD", new))
        });
        let said = format!("message {new} {{\n  option (angzarr.v1.message).stored_as = \"t.v1.{old}\";\n");
        edit(&text, &format!("message {new} {{\n"), &said)
    };
    let (fact, event, old) = (named("Heard", "Told"), named("Paid", "Settled"), named("Noted", "Written"));
    for renamed in [&fact, &event, &old] {
        assert_eq!(found(before(), renamed), [""; 0]);
    }
    let root = "string page = 1 [(angzarr.v1.field).root = true];\n  string id = 2";
    let other = "string page = 1;\n  string place = 9 [(angzarr.v1.field).root = true];\n  string id = 2";
    assert_eq!(found(before(), &edit(&fact, root, other)), ["AZ0608"]);
    let key = "key = \"account\"";
    let text = edit(
        &event,
        "  uint64 cents = 2;\n}\n\nmessage Account",
        "  uint64 cents = 2;\n  string by = 3;\n}\n\nmessage Account",
    );
    assert_eq!(found(before(), &edit(&text, key, "key = \"by\"")), ["AZ0609"]);
    assert_eq!(found(before(), &edit(&old, "\"nobody\"", "\"somebody\"")), ["AZ0610"]);
}

#[test]
fn what_was_removed_has_its_shape_still() {
    let message = "message Tag {\n  string text = 1;\n  Tag parent = 2;\n  int32 weight = 3;\n}\n";
    let kind = "enum Kind {\n  KIND_UNSPECIFIED = 0;\n  KIND_PRIVATE = 1;\n  KIND_COMPANY = 2;\n}\n";
    let fields = "  repeated Tag tags = 5;\n  map<string, Tag> named = 6;\n";
    let without = edit(&edit(&edit(BEFORE, message, ""), kind, ""), fields, "");
    let without = edit(&without, "  Kind kind = 3;\n", "");
    let second = release(before(), &without);
    release(&second, BEFORE);
    let third = release(&second, &without);
    assert_eq!(found(&third, &edit(BEFORE, "string text = 1;", "uint64 text = 1;")), ["AZ0603"]);
    assert_eq!(found(&third, &edit(BEFORE, "KIND_COMPANY = 2;", "KIND_COMPANY = 3;")), ["AZ0605"]);
    assert_eq!(found(&third, &edit(BEFORE, "repeated Tag tags = 5;", "Tag tags = 5;")), ["AZ0604"]);
    // The name alone does not make an enum of a message.
    let other = edit(&edit(BEFORE, message, "enum Tag {\n  NONE = 0;\n}\n"), "map<string, Tag> named = 6;\n", "");
    assert_eq!(found(&third, &other), ["AZ0606"]);
    assert_eq!(found(before(), &other), ["AZ0603"]);
}

#[test]
fn a_field_that_is_required() {
    let text = edit(crate::BEFORE, "syntax = \"proto3\"", "syntax = \"proto2\"");
    let labelled = text.lines().map(|line| {
        let field = line.trim_start();
        let bare = line.starts_with("  ")
            && !line.starts_with("    ")
            && field.contains(" = ")
            && !["option", "rpc"].iter().any(|word| field.starts_with(word));
        let bare = bare && !field.starts_with("repeated") && !field.starts_with("map<") && !field.starts_with("KIND");
        let label = if field.starts_with("string account") { "required" } else { "optional" };
        if bare { format!("  {label} {field}\n") } else { format!("{line}\n") }
    });
    let text: String = labelled.collect();
    let before = lock(&text);
    let codes = |text: &str| -> Vec<&str> { breaking(&before, &read(text)).iter().map(|report| report.code).collect() };
    assert_eq!(codes(&text), [""; 0]);
    assert_eq!(codes(&edit(&text, "optional string note = 12", "required string note = 12")), ["AZ0604"]);
    let added = edit(&text, "optional string note = 12;", "optional string note = 12;\n  required bool seen = 30;");
    assert_eq!(codes(&added), ["AZ0604"]);
}

#[test]
fn what_means_the_same_in_proto2() {
    let before = lock(OLDER);
    for (from, to) in SAFE_OLDER {
        let now = read(&edit(OLDER, from, to));
        assert_eq!(breaking(&before, &now), [], "`{from}` to `{to}`");
        assert_eq!(Lock::parse(&Lock::of(&now.model).to_string()), Ok(Lock::of(&now.model)));
    }
}

/// Without the lock nobody would know what was meant where it was not set.
#[test]
fn a_removed_field_comes_back_with_its_default() {
    let field = "  optional string currency = 2 [default = \"EUR\"];\n";
    let without = edit(OLDER, field, "");
    let second = release(&lock(OLDER), &without);
    release(&second, OLDER);
    assert_eq!(found(&second, &edit(OLDER, "\"EUR\"", "\"USD\"")), ["AZ0613"]);
}

#[test]
fn fingerprints_know_defaults_and_groups() {
    let fingerprint = |text: &str| lock(text).stored["t.v1.Opened"].fingerprint.clone();
    for (_, from, to) in UNSAFE_OLDER {
        let changed = fingerprint(&edit(OLDER, from, to)) != fingerprint(OLDER);
        assert!(changed, "`{from}` to `{to}`");
    }
    let state = |text: &str| lock(text).domains["accounts"].state.fingerprint.clone();
    assert_ne!(state(OLDER), state(&edit(OLDER, "[default = 1]", "[default = 2]")));
}
