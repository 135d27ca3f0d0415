//! The commands, and what they compare with: a lock, a commit, a descriptor set.

use std::fs;
use std::path::Path;

use angzarr_codegen::Request;
use angzarr_codegen::evolution::past;

use crate::{BEFORE, angzarr, edit, here, lock, run};

#[test]
fn the_lock_of_a_project() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let proto = here.join("t.proto");
    fs::write(&proto, BEFORE).unwrap();
    let (code, _, told) = angzarr(here, &["breaking", "t.proto"]);
    assert_eq!((code, told.starts_with("error: there is no angzarr.lock; ")), (Some(3), true), "{told}");
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
    assert_eq!((code, told.starts_with("error: angzarr.lock: it cannot be read: ")), (Some(3), true), "{told}");
}

/// What was removed is only in the lock: not even by force is one written over that cannot be read.
#[test]
fn a_lock_that_cannot_be_read_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    for unread in ["<<<<<<< HEAD\nformat = 1\n", "format = 2\n"] {
        fs::write(here.join("angzarr.lock"), unread).unwrap();
        let (code, _, told) = angzarr(here, &["lock", "--force", "t.proto"]);
        assert_eq!((code, told.starts_with("error: angzarr.lock: it ")), (Some(3), true), "{told}");
        assert_eq!(fs::read_to_string(here.join("angzarr.lock")).unwrap(), unread);
    }
}

#[test]
fn what_is_not_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let check = |text: &str| {
        fs::write(here.join("t.proto"), text).unwrap();
        let (code, told, _) = angzarr(here, &["lock", "--check", "t.proto"]);
        assert_eq!(code, Some(1));
        told.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    assert_eq!(angzarr(here, &["lock", "t.proto"]).0, Some(0));
    let last = "angzarr.lock is not up to date; `angzarr lock` writes it";
    let version = "state: \"Account\"\n    snapshot: {every: 9 version: 3}";
    let domain = ["the domain \"accounts\" is different", last];
    assert_eq!(check(&edit(BEFORE, "state: \"Account\"", version)), domain);
    let sent = "  rpc OnPaid(Paid) returns (Pay) {\n    option (angzarr.v1.handler).key = \"account\";\n  }\n";
    let gone =
        ["the domain \"reminders\" is different", "t.v1.Pay is gone", "the consumer t.v1.Reminder is different", last];
    assert_eq!(check(&edit(BEFORE, sent, "")), gone);
    let added = ["t.v1.Paid is different", last];
    assert_eq!(check(&edit(BEFORE, "message Paid {", "message Paid {\n  bool twice = 3;")), added);
}

/// What does not parse any more, or did not then, is shown as it was then.
#[test]
fn protos_of_then_are_shown_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let git = |arguments: &[&str]| assert!(run(here, "git", arguments).status.success(), "{arguments:?}");
    git(&["init", "--quiet"]);
    // With what some editors put in front.
    fs::write(here.join("t.proto"), format!("\u{feff}{BEFORE}")).unwrap();
    git(&["add", "."]);
    let commit = ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--all", "-m", "t"];
    git(&commit);
    let breaking = || angzarr(here, &["breaking", "--against-git", "HEAD", "t.proto"]);
    assert_eq!(breaking(), (Some(0), "nothing that is stored breaks\n".to_owned(), String::new()));
    fs::write(here.join("t.proto"), "nonsense;\n").unwrap();
    git(&commit);
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    let (code, _, told) = breaking();
    assert_eq!(code, Some(3));
    assert!(told.contains("\n --> HEAD:t.proto:1:1\n  |\n1 | nonsense;\n  | ^^^^^^^^\n"), "{told}");
}

/// A warning keeps neither command from its end.
#[test]
fn a_consumer_with_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    assert_eq!(angzarr(here, &["lock", "t.proto"]).0, Some(0));
    fs::write(here.join("t.proto"), edit(BEFORE, "service Reminder {", "service Recaller {")).unwrap();
    let (code, told, warned) = angzarr(here, &["breaking", "t.proto"]);
    assert_eq!((code, told.as_str()), (Some(0), "nothing that is stored breaks\n"));
    assert!(warned.starts_with("warning[AZ0612]: "), "{warned}");
    let (code, _, warned) = angzarr(here, &["lock", "t.proto"]);
    assert_eq!((code, warned.starts_with("warning[AZ0612]: ")), (Some(0), true), "{warned}");
    assert_eq!(angzarr(here, &["breaking", "t.proto"]).2, "");
}

/// Two branches that change the same: the lines of both sides are kept, and the lock is written again.
#[test]
fn a_merge_that_conflicts() {
    let fields = |text: &str, field: &str| edit(text, "message Paid {\n", &format!("message Paid {{\n  {field}\n"));
    let event = |text: &str, name: &str, field: &str| {
        let added = format!(
            "message {name} {{\n  string account = 1 [(angzarr.v1.field).root = true];\n}}\n\n\
             message {name}ed {{\n  string {field} = 1;\n}}\n"
        );
        let text = edit(text, "  rpc Settle", &format!("  rpc Do{name}({name}) returns ({name}ed);\n  rpc Settle"));
        format!("{text}\n{added}")
    };
    let (one, two) = ("bool partly = 3;", "string payer = 4;");
    let state =
        |text: &str, field: &str| edit(text, "message Account {\n", &format!("message Account {{\n  {field}\n"));
    let events = |one: &str, two: &str| {
        [event(BEFORE, "Bill", one), event(BEFORE, "Call", two), event(&event(BEFORE, "Bill", one), "Call", two)]
    };
    let cases = [
        [fields(BEFORE, one), fields(BEFORE, two), fields(&fields(BEFORE, one), two)],
        events("bill", "call"),
        events("account", "account"),
        [
            state(BEFORE, "bool a = 2;"),
            state(BEFORE, "bool b = 3;"),
            state(&state(BEFORE, "bool a = 2;"), "bool b = 3;"),
        ],
    ];
    for [ours, theirs, both] in cases {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        for (name, text) in [("base", BEFORE), ("ours", &ours), ("theirs", &theirs)] {
            fs::write(here.join(name), lock(text).to_string()).unwrap();
        }
        let merged = run(here, "git", &["merge-file", "-p", "ours", "base", "theirs"]);
        assert!(merged.status.code() > Some(0), "there is a conflict");
        let merged = String::from_utf8(merged.stdout).unwrap();
        let marks = ["<<<<<<<", "=======", ">>>>>>>"];
        let kept = merged.lines().filter(|line| !marks.iter().any(|mark| line.starts_with(mark)));
        fs::write(here.join("angzarr.lock"), kept.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        fs::write(here.join("t.proto"), &both).unwrap();
        let (code, _, told) = angzarr(here, &["lock", "t.proto"]);
        assert_eq!((code, told.as_str()), (Some(0), ""), "{merged}");
        assert_eq!(fs::read_to_string(here.join("angzarr.lock")).unwrap(), lock(&both).to_string());
    }
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
    let arguments = ["breaking", "-I", "proto", "--against-git", "HEAD", "proto/t/t.proto", "other.proto"];
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

    // Two directories reach the same files.
    let twice = ["breaking", "-I", ".", "-I", "proto", "--against-git", "HEAD", "proto/t/t.proto"];
    let (code, _, again) = angzarr(&here, &twice);
    assert_eq!((code, again.matches("error[AZ0607]").count()), (Some(1), 1), "{again}");

    let (code, _, told) = angzarr(&here, &["breaking", "-I", "proto", "--against-git", "nowhere", "t/t.proto"]);
    let unknown = told.starts_with("error: git cannot give the commit `nowhere`: ");
    assert_eq!((code, unknown), (Some(3), true), "{told}");
    let without = std::process::Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(&here)
        .args(&arguments[..6])
        .env("PATH", "")
        .output()
        .unwrap();
    let told = String::from_utf8(without.stderr).unwrap();
    let error = "error: git is not installed, or not in PATH; a comparison with a commit needs it\n";
    assert_eq!((without.status.code(), told.ends_with(error)), (Some(3), true), "{told}");
}

#[test]
fn against_a_descriptor_set() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("t.proto"), BEFORE).unwrap();
    fs::write(here.join("options.proto"), "").unwrap();
    let set = set_of(here);
    fs::write(here.join("before.binpb"), set).unwrap();
    let arguments = ["breaking", "--against-descriptor-set", "before.binpb", "t.proto"];
    assert_eq!(angzarr(here, &arguments).0, Some(0));
    fs::write(here.join("t.proto"), edit(BEFORE, "string note = 12;", "string note = 14;")).unwrap();
    let (code, _, told) = angzarr(here, &arguments);
    assert_eq!((code, told.starts_with("error[AZ0602]: ")), (Some(1), true), "{told}");
    fs::write(here.join("before.binpb"), "no descriptors").unwrap();
    let (code, _, told) = angzarr(here, &arguments);
    assert_eq!(
        (code, told.ends_with("error: the protos to compare with cannot be understood\n")),
        (Some(3), true),
        "{told}"
    );
    let missing = past::descriptor_set(&here.join("nowhere.binpb"), &Request::default()).unwrap_err();
    assert!(missing.to_string().starts_with("cannot read "), "{missing}");
}

/// As a compiler writes it, our own options included.
fn set_of(include: &Path) -> Vec<u8> {
    let mut compiler = protox::Compiler::new([include, &here().join("proto")]).unwrap();
    compiler.include_imports(true).open_file("t.proto").unwrap();
    compiler.encode_file_descriptor_set()
}
