//! What breaks a log and what does not: edits of `tests/evolution/before.proto`, and what is said of them.
//!
//! Texts lie in `tests/evolution`; a difference rewrites them and fails, so that `git diff` is the review.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use angzarr_codegen::evolution::lock::Lock;
use angzarr_codegen::evolution::{breaking, past, upcast};
use angzarr_codegen::{Report, Request, Understood, understand};
use proptest::prelude::*;

const BEFORE: &str = include_str!("evolution/before.proto");

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Understands one file of the given text.
fn read(text: &str) -> Understood {
    let include = tempfile::tempdir().unwrap();
    fs::write(include.path().join("t.proto"), text).unwrap();
    let files = vec!["t.proto".into()];
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    understand(&request).unwrap_or_else(|found| unreadable(text, &found))
}

#[expect(clippy::panic, reason = "a test may stop where it stands")]
fn unreadable(text: &str, found: &[Report]) -> Understood {
    panic!("{}\n{text}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// The lock of `BEFORE`.
fn before() -> &'static Lock {
    static LOCK: LazyLock<Lock> = LazyLock::new(|| lock(BEFORE));
    &LOCK
}

fn lock(text: &str) -> Lock {
    Lock::of(&read(text).model)
}

/// The text with one place replaced, which must be there.
fn edit(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not there");
    text.replacen(from, to, 1)
}

fn golden(name: &str, actual: &str) {
    let path = here().join("tests/evolution").join(name);
    let same = fs::read_to_string(&path).unwrap_or_default() == actual;
    if !same {
        fs::write(&path, actual).unwrap();
    }
    assert!(same, "{name} changed and was rewritten; review it with `git diff`");
}

/// Changes that break something: the code, what is replaced, by what.
const UNSAFE: &[(&str, &str, &str)] = &[
    ("AZ0601", "  rpc ToV2(Opened) returns (OpenedV2);", "  rpc ToV2(Older) returns (OpenedV2);"),
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
        "rpc ToV2(Opened) returns (OpenedV2);",
        "rpc ToV2(Older) returns (OpenedV2);\n}\nservice Others {\n  option (angzarr.v1.component).aggregate = {domain: \"others\" state: \"Account\"};\n  rpc Take(Opened) returns (Taken);",
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
    ("AZ0609", "(angzarr.v1.handler).key = \"account\"", "(angzarr.v1.handler).key = \"ledger\""),
    ("AZ0609", "      key: \"account\"\n", ""),
];

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
    let before = lock(BEFORE);
    let mut texts = String::new();
    for (code, from, to) in UNSAFE {
        let found = breaking(&before, &read(&mended(edit(BEFORE, from, to))));
        let codes: BTreeSet<&str> = found.iter().map(|report| report.code).collect();
        assert_eq!(codes, BTreeSet::from([*code]), "`{from}` to `{to}`: {found:?}");
        let edit = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        texts.push_str(&format!("-- {}\n++ {}\n", edit(from), edit(to)));
        texts.extend(found.iter().map(|report| format!("{report}\n")));
        texts.push('\n');
    }
    golden("texts.txt", &texts);
}

#[test]
fn every_code_has_an_edit() {
    let told: BTreeSet<&str> = UNSAFE.iter().map(|(code, ..)| *code).collect();
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
    let name = |declared: &str| declared.split_whitespace().take(2).collect::<Vec<_>>().join(" ") + " ";
    let mut text = "syntax = \"proto3\";\npackage shop.v1;\nimport \"angzarr/v1/options.proto\";\n".to_owned() + shown;
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
    for code in UNSAFE.iter().map(|(code, ..)| *code).collect::<BTreeSet<_>>() {
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
];

fn safe(chosen: &[bool]) -> String {
    let mut text = BEFORE.to_owned();
    for ((from, to), _) in SAFE.iter().zip(chosen).filter(|(_, chosen)| **chosen) {
        text = edit(&text, from, to);
    }
    // Two of them only go together.
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

#[test]
fn a_field_that_is_required() {
    let text = edit(BEFORE, "syntax = \"proto3\"", "syntax = \"proto2\"");
    let labelled = text.lines().map(|line| {
        let field = line.trim_start();
        let bare = line.starts_with("  ")
            && !line.starts_with("    ")
            && field.contains(" = ")
            && !field.starts_with("option");
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

/// A rename that says so keeps what was stored, under both names.
#[test]
fn stored_names() {
    let before = lock(BEFORE);
    let renamed = read(&BEFORE.replace("Paid", "Settled"));
    let codes = |found: Vec<Report>| -> Vec<&str> { found.iter().map(|report| report.code).collect() };
    assert_eq!(codes(breaking(&before, &renamed)), ["AZ0601"]);
    let mut now = renamed;
    let named = |now: &mut Understood, names: &[&str]| {
        let message = now.model.messages.iter_mut().find(|message| message.name.0 == "t.v1.Settled").unwrap();
        message.stored_as = names.iter().map(|name| (*name).to_owned()).collect();
    };
    named(&mut now, &["t.v1.Paid"]);
    assert_eq!(codes(breaking(&before, &now)), [""; 0]);
    let next = Lock::of(&now.model);
    assert_eq!(Lock::parse(&next.to_string()), Ok(next.clone()));
    // Once it was said, it has to stay.
    named(&mut now, &[]);
    assert_eq!(codes(breaking(&next, &now)), ["AZ0601"]);
    // The name is no excuse for another shape.
    let mut other = read(&edit(
        &BEFORE.replace("Paid", "Settled"),
        "uint64 cents = 2;\n}\n\nmessage Account",
        "string cents = 2;\n}\n\nmessage Account",
    ));
    named(&mut other, &["t.v1.Paid"]);
    assert_eq!(codes(breaking(&before, &other)), ["AZ0603"]);
}

#[test]
fn other_recipes() {
    let now = read(BEFORE);
    let mut before = lock(BEFORE);
    let accounts = before.domains.get_mut("accounts").unwrap();
    accounts.namespace = "7d9f0c4e-63f4-4b0e-9a53-0b8c1a2e3f40".to_owned();
    let reminders = before.domains.get_mut("reminders").unwrap();
    reminders.kind = "aggregate".to_owned();
    let texts: String = breaking(&before, &now).iter().map(|report| format!("{report}\n")).collect();
    golden("recipes.txt", &texts);
}

#[test]
fn namespaces_are_those_of_the_vectors() {
    let vectors = fs::read_to_string(here().join("../docs/semantics/vectors.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let vector = &vectors["root_ids"][0];
    let shop = lock(&BEFORE.replace("\"accounts\"", &format!("\"{}\"", vector["domain"].as_str().unwrap())));
    let namespace: uuid::Uuid = shop.domains[vector["domain"].as_str().unwrap()].namespace.parse().unwrap();
    let root = uuid::Uuid::new_v5(&namespace, vector["key"].as_str().unwrap().as_bytes());
    assert_eq!(root.to_string(), vector["root"].as_str().unwrap());
}

#[test]
fn the_text_of_locks() {
    golden("before.lock", &lock(BEFORE).to_string());
    let shop = here().join("../examples/shop/proto");
    let mut files: Vec<PathBuf> = Vec::new();
    for domain in ["checkout", "orders", "payments", "stock"] {
        files.extend([
            format!("shop/{domain}/v1/{domain}.proto").into(),
            format!("shop/{domain}/v1/app/{domain}.proto").into(),
        ]);
    }
    let request = Request { includes: vec![shop], files, ..Request::default() };
    golden("../../../examples/shop/angzarr.lock", &Lock::of(&understand(&request).unwrap().model).to_string());
}

/// What was only read belongs to another program, and so does what it stores.
#[test]
fn what_is_only_read_is_not_locked() {
    let include = here().join("tests/golden/with/proto");
    let case = here().join("tests/golden/with");
    let with: Vec<PathBuf> = fs::read_to_string(case.join("with.txt")).unwrap().lines().map(PathBuf::from).collect();
    let mut files = Vec::new();
    let mut open = vec![include.clone()];
    while let Some(next) = open.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => open.push(path),
                false => files.push(path.strip_prefix(&include).unwrap().to_path_buf()),
            }
        }
    }
    files.retain(|file| !with.contains(file));
    let understood = understand(&Request { includes: vec![include], files, with, ..Request::default() }).unwrap();
    let own = |domain: &str| {
        let owner = understood.model.components.iter().find(|component| component.own_domain() == Some(domain));
        owner.is_some_and(|owner| owner.generate)
    };
    let lock = Lock::of(&understood.model);
    assert!(lock.domains.keys().all(|domain| own(domain)), "{:?}", lock.domains.keys());
    assert!(understood.model.components.iter().any(|component| !component.generate));
}

/// The skeleton for an event of a file, with the next steps.
fn skeleton(text: &str, event: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("t.proto"), text).unwrap();
    let (code, told, wrong) = angzarr(directory.path(), &["upcast", event, "t.proto"]);
    assert_eq!((code, wrong.as_str()), (Some(0), ""));
    told
}

#[test]
fn skeletons_of_upcasters() {
    golden("upcast_with_upcaster.txt", &skeleton(BEFORE, "OpenedV2"));
    golden("upcast_without.txt", &skeleton(BEFORE, "t.v1.Reminded"));
    let fact = "// Somebody said\n// something.\nmessage Told {\n  string account = 1 [(angzarr.v1.field).root = true];\n  \
        // What they call it.\n  string id = 2 [(angzarr.v1.field).idempotency_key = true];\n  Part part = 3;\n  \
        message Part {}\n}\n";
    let text = edit(BEFORE, "message Paid {", &format!("{fact}message Paid {{"));
    let text = edit(
        &text,
        "  rpc Settle",
        "  rpc Hear(Told) returns (stream Paid) {\n    \
        option (angzarr.v1.handler).kind = FACT;\n  }\n  rpc Settle",
    );
    golden("upcast_fact.txt", &skeleton(&text, "Told"));
}

#[test]
fn no_skeleton() {
    let understood = read(BEFORE);
    let error = |name: &str| upcast::skeleton(&understood, name).unwrap_err().to_string();
    assert_eq!(
        error("Closed"),
        "no event that is written today is called `Closed`; there are: t.v1.OpenedV2, t.v1.Paid, t.v1.Reminded"
    );
    assert_eq!(error("Opened"), "`t.v1.Opened` is upcast by `History.to_v2` already; begin with what that leads to");
}

/// With the steps that are left to the user, what was inserted is complete, and nothing that was stored breaks.
#[test]
fn a_skeleton_that_is_filled_in() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::create_dir(here.join("proto")).unwrap();
    let file = here.join("proto/t.proto");
    for (event, new, replaced) in [
        ("Paid", "PaidV2", vec![("returns (Paid);", "returns (PaidV2);"), ("OnPaid(Paid)", "OnPaid(PaidV2)")]),
        ("Reminded", "RemindedV2", vec![("(Reminded) {", "(RemindedV2) {"), ("(Reminded) {", "(RemindedV2) {")]),
        (
            "OpenedV2",
            "OpenedV3",
            vec![
                ("Begin(Open) returns (OpenedV2);", "Begin(Open) returns (OpenedV3);"),
                ("OnOpened(OpenedV2)", "OnOpened(OpenedV3)"),
            ],
        ),
    ] {
        // The upcaster may stand above the event, or below it.
        let upcaster = &BEFORE[BEFORE.find("service History").unwrap()..BEFORE.find("message Reminded ").unwrap()];
        let above = edit(&edit(BEFORE, upcaster, ""), "message Open {", &format!("{upcaster}message Open {{"));
        fs::write(&file, if event == "Paid" { &above } else { BEFORE }).unwrap();
        let (code, told, _) = angzarr(here, &["upcast", event, "--write", "-I", "proto", "t.proto"]);
        assert_eq!(code, Some(0));
        assert!(told.starts_with(&format!("proto/t.proto now has its part of `t.v1.{new}`\n1. Change ")), "{told}");
        let mut text = fs::read_to_string(&file).unwrap();
        for (from, to) in replaced {
            text = edit(&text, from, to);
        }
        let now = read(&text);
        assert_eq!(breaking(before(), &now), []);
        assert!(Lock::of(&now.model).stored.contains_key(&format!("t.v1.{new}")));
    }
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(directory).args(arguments).output().unwrap()
}

fn angzarr(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(directory, env!("CARGO_BIN_EXE_angzarr"), arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_lock_of_a_project() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let proto = here.join("t.proto");
    fs::write(&proto, BEFORE).unwrap();
    let (code, _, told) = angzarr(here, &["breaking", "t.proto"]);
    assert_eq!((code, told.starts_with("error: there is no angzarr.lock; ")), (Some(2), true), "{told}");
    assert_eq!(angzarr(here, &["lock", "--check", "t.proto"]).0, Some(1));
    let (code, told, _) = angzarr(here, &["lock", "t.proto"]);
    assert_eq!((code, told.as_str()), (Some(0), "angzarr.lock: 6 stored messages in 2 domains\n"));
    assert_eq!(fs::read_to_string(here.join("angzarr.lock")).unwrap(), lock(BEFORE).to_string());
    assert_eq!(angzarr(here, &["lock", "t.proto"]).1, "angzarr.lock is up to date\n");
    assert_eq!(angzarr(here, &["lock", "--check", "t.proto"]).0, Some(0));
    let nothing = (Some(0), "nothing that is stored breaks\n".to_owned(), String::new());
    assert_eq!(angzarr(here, &["breaking", "t.proto"]), nothing);

    fs::write(&proto, edit(BEFORE, "uint32 limit = 4;", "string limit = 4;")).unwrap();
    let (code, _, told) = angzarr(here, &["breaking", "t.proto"]);
    assert_eq!((code, told.starts_with("error[AZ0603]: `limit` of `t.v1.OpenedV2` ")), (Some(1), true), "{told}");
    // A lock does not forget what is stored, unless it is told to.
    assert_eq!(angzarr(here, &["lock", "t.proto"]).0, Some(1));
    assert_eq!(fs::read_to_string(here.join("angzarr.lock")).unwrap(), lock(BEFORE).to_string());
    assert_eq!(angzarr(here, &["lock", "--force", "t.proto"]).0, Some(0));
    assert_eq!(angzarr(here, &["breaking", "t.proto"]), nothing);

    fs::write(here.join("angzarr.lock"), "<<<<<<< HEAD\nformat = 1\n").unwrap();
    let (code, _, told) = angzarr(here, &["breaking", "t.proto"]);
    assert_eq!((code, told.starts_with("error: angzarr.lock: it cannot be read: ")), (Some(2), true), "{told}");
}

#[test]
fn against_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
        let output = run(root, "git", &[&identity, arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // Neither the repository's root nor the current directory is where names begin.
    let here = root.join("program");
    fs::create_dir_all(here.join("proto/t")).unwrap();
    fs::write(here.join("proto/t/t.proto"), BEFORE).unwrap();
    let other = "syntax = \"proto3\";\npackage o.v1;\nimport \"angzarr/v1/options.proto\";\n\
        message Do { string id = 1 [(angzarr.v1.field).root = true]; }\nmessage Done {}\nmessage State {}\n\
        service Doer {\n  option (angzarr.v1.component).aggregate = { domain: \"doer\" state: \"State\" };\n  \
        rpc Perform(Do) returns (Done);\n}\n";
    fs::write(here.join("proto/other.proto"), other).unwrap();
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let arguments = ["breaking", "-I", "proto", "--git", "HEAD", "proto/t/t.proto", "other.proto"];
    let nothing = (Some(0), "nothing that is stored breaks\n".to_owned(), String::new());
    assert_eq!(angzarr(&here, &arguments), nothing);

    let named = edit(BEFORE, "string note = 12;", "string note = 14;");
    fs::write(here.join("proto/t/t.proto"), named).unwrap();
    fs::remove_file(here.join("proto/other.proto")).unwrap();
    let (code, _, told) = angzarr(&here, &arguments[..6]);
    assert_eq!(code, Some(1));
    let codes: Vec<&str> = told.lines().filter(|line| line.starts_with("error[")).collect();
    assert_eq!(codes.len(), 2, "{told}");
    assert!(codes[0].starts_with("error[AZ0607]: the domain \"doer\" is gone: "), "{told}");
    assert!(codes[1].starts_with("error[AZ0602]: `note` of `t.v1.OpenedV2` had the number 12 "), "{told}");

    let (code, _, told) = angzarr(&here, &["breaking", "-I", "proto", "--git", "nowhere", "t/t.proto"]);
    assert_eq!((code, told.starts_with("error: git: ")), (Some(2), true), "{told}");
}

#[test]
fn against_a_descriptor_set() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    fs::write(here.join("options.proto"), "").unwrap();
    let set = set_of(here);
    fs::write(here.join("before.binpb"), set).unwrap();
    let arguments = ["breaking", "--descriptor-set", "before.binpb", "t.proto"];
    assert_eq!(angzarr(here, &arguments).0, Some(0));
    fs::write(here.join("t.proto"), edit(BEFORE, "string note = 12;", "string note = 14;")).unwrap();
    let (code, _, told) = angzarr(here, &arguments);
    assert_eq!((code, told.starts_with("error[AZ0602]: ")), (Some(1), true), "{told}");
    fs::write(here.join("before.binpb"), "no descriptors").unwrap();
    let (code, _, told) = angzarr(here, &arguments);
    assert_eq!((code, told.starts_with("error: before.binpb is no descriptor set: ")), (Some(2), true), "{told}");
    let missing = past::descriptor_set(&here.join("nowhere.binpb"), &Request::default()).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
}

/// As a compiler writes it, our own options included.
fn set_of(include: &Path) -> Vec<u8> {
    let mut compiler = protox::Compiler::new([include, &here().join("proto")]).unwrap();
    compiler.include_imports(true).open_file("t.proto").unwrap();
    compiler.encode_file_descriptor_set()
}
