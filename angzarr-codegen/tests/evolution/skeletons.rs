//! What `angzarr upcast` prints and inserts.

use std::fs;

use angzarr_codegen::Understood;
use angzarr_codegen::evolution::lock::Lock;
use angzarr_codegen::evolution::{breaking, upcast};

use crate::{BEFORE, angzarr, before, edit, golden, read};

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
    assert!(
        error("Payd").starts_with("no event that is written today is called `Payd`; did you mean `Paid`? There are: ")
    );
    assert_eq!(
        error("Closed"),
        "no event that is written today is called `Closed`; there are: t.v1.OpenedV2, t.v1.Paid, t.v1.Reminded"
    );
    assert_eq!(error("Opened"), "`t.v1.Opened` is upcast by `History.to_v2` already; begin with what that leads to");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("t.proto"), BEFORE).unwrap();
    assert_eq!(angzarr(directory.path(), &["upcast", "Closed", "t.proto"]).0, Some(2));
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
        assert_eq!(without_user_code(&now, event), Some(format!("t.v1.{new}")));
        assert_eq!(breaking(before(), &now), []);
        assert!(Lock::of(&now.model).stored.contains_key(&format!("t.v1.{new}")));
    }
}

/// What an upcast of an event makes of it, if fields alone say that.
fn without_user_code(now: &Understood, event: &str) -> Option<String> {
    let handlers = now.model.components.iter().flat_map(|component| &component.handlers);
    let mut upcasts = handlers.filter(|handler| handler.input.0 == format!("t.v1.{event}"));
    upcasts.find_map(|handler| handler.declared()).map(|new| new.0.clone())
}

/// The changes that the first of the next steps names, each as it is told.
#[test]
fn a_skeleton_that_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.proto");
    fs::write(&file, BEFORE).unwrap();
    assert_eq!(angzarr(directory.path(), &["upcast", "Paid", "--write", "t.proto"]).0, Some(0));
    let mut text = fs::read_to_string(&file).unwrap();
    let at = text.find("message PaidV2").unwrap();
    let new = edit(
        &text[at..],
        "  uint64 cents = 2;\n",
        "  uint64 amount = 2 [(angzarr.v1.field).renamed_from = \"cents\"];\n  \
         string currency = 3 [(angzarr.v1.field).upcast_default = \"USD\"];\n  optional string payer = 4;\n",
    );
    text.replace_range(at.., &new);
    text = edit(&edit(&text, "returns (Paid);", "returns (PaidV2);"), "OnPaid(Paid)", "OnPaid(PaidV2)");
    let now = read(&text);
    assert_eq!(without_user_code(&now, "Paid").as_deref(), Some("t.v1.PaidV2"));
    assert_eq!(breaking(before(), &now), []);
}

/// A file with long line ends has no others afterwards, and is otherwise the same as one with short ones.
#[test]
fn line_ends_of_what_is_inserted() {
    let written = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("t.proto");
        fs::write(&file, text).unwrap();
        assert_eq!(angzarr(directory.path(), &["upcast", "Reminded", "--write", "t.proto"]).0, Some(0));
        fs::read_to_string(file).unwrap()
    };
    assert_eq!(written(&BEFORE.replace('\n', "\r\n")), written(BEFORE).replace('\n', "\r\n"));
}

/// A file of the user's is changed, not replaced by one of another's.
#[cfg(unix)]
#[test]
fn who_may_read_a_file_stays() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.proto");
    fs::write(&file, BEFORE).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(angzarr(directory.path(), &["upcast", "Paid", "--write", "t.proto"]).0, Some(0));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
