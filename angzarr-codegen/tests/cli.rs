//! The `angzarr` command as a user runs it: exit codes, standard output and error, files.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn angzarr(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_angzarr")).current_dir(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A directory with one good proto, `good.proto`, and one with two mistakes, `bad.proto`.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let aggregate = |root: &str, state: &str| {
        format!(
            "syntax = \"proto3\";\n\npackage t.v1;\n\nimport \"angzarr/v1/options.proto\";\n\n\
             message Do {{ string id = 1{root}; }}\nmessage Done {{}}\nmessage State {{}}\n\n\
             service Doer {{\n  option (angzarr.v1.component).aggregate = {{ domain: \"{state}\" state: \"State\" }};\n  \
             rpc Perform(Do) returns (Done);\n}}\n"
        )
    };
    fs::write(directory.path().join("good.proto"), aggregate(" [(angzarr.v1.field).root = true]", "doer")).unwrap();
    fs::write(directory.path().join("bad.proto"), aggregate("", "Doer")).unwrap();
    directory
}

#[test]
fn a_second_run_writes_nothing() {
    let directory = workspace();
    let run = || angzarr(directory.path(), &["gen", "rust", "--out", "src/gen", "good.proto"]);
    let first = run();
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!(text(&first.stdout), "3 written, 0 unchanged\n");
    assert_eq!(text(&first.stderr), "");
    let modules = fs::read_to_string(directory.path().join("src/gen/mod.rs")).unwrap();
    assert!(modules.contains("include!(\"t.v1.rs\");"), "{modules}");
    let second = run();
    assert_eq!(second.status.code(), Some(0));
    assert_eq!(text(&second.stdout), "0 written, 3 unchanged\n");
}

#[test]
fn only_what_differs_is_written() {
    let directory = workspace();
    let run = || angzarr(directory.path(), &["gen", "rust", "--out", "gen", "good.proto"]);
    run();
    fs::write(directory.path().join("gen/mod.rs"), "changed").unwrap();
    assert_eq!(text(&run().stdout), "1 written, 2 unchanged\n");
}

#[test]
fn findings_go_to_standard_error_and_nothing_is_written() {
    let directory = workspace();
    let output = angzarr(directory.path(), &["gen", "rust", "-I", ".", "--out", "gen", "bad.proto"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        text(&output.stderr),
        r#"error[AZ0301]: command `t.v1.Do` has no root
  --> bad.proto:7:9
   |
 7 | message Do { string id = 1; }
   |         ^^
...
13 |   rpc Perform(Do) returns (Done);
   |       ------- the handler of the command
   |
   = help: mark one field with `[(angzarr.v1.field).root = true]`

error[AZ0102]: `Doer` has the domain "Doer"
  --> bad.proto:12:55
   |
12 |   option (angzarr.v1.component).aggregate = { domain: "Doer" state: "State" };
   |                                                       ^^^^^^
   |
   = help: give a domain of lower-case letters, digits, '_' and '-', starting with a letter

`angzarr explain AZ0301` says more.
"#
    );
    assert!(!directory.path().join("gen").exists());
}

#[test]
fn a_missing_file_is_a_finding() {
    let directory = workspace();
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "gen", "good.proto", "--with", "nowhere.proto"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error[AZ0002]: "), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_cannot_be_read_ends_with_3() {
    let directory = workspace();
    fs::create_dir(directory.path().join("folder.proto")).unwrap();
    let output = angzarr(directory.path(), &["ir", "bad.proto", "folder.proto"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("error[AZ0009]: "), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("error[AZ0301]: "), "{}", text(&output.stderr));
}

#[test]
fn a_misspelt_file_is_told_its_name() {
    let directory = workspace();
    let good = fs::read_to_string(directory.path().join("good.proto")).unwrap();
    fs::create_dir(directory.path().join("deep")).unwrap();
    fs::write(directory.path().join("deep/imports.proto"), good.replace("v1/options", "v1/option")).unwrap();
    for (file, meant) in [
        ("god.proto", Some("good.proto")),
        ("deep/import.proto", Some("deep/imports.proto")),
        ("deep/imports.proto", Some("angzarr/v1/options.proto")),
        ("deep/good.proto", None),
        ("unlike.proto", None),
    ] {
        let output = angzarr(directory.path(), &["ir", file]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).starts_with("error[AZ0002]: "), "{}", text(&output.stderr));
        let suggestion = text(&output.stderr).split_once("did you mean `").and_then(|(_, rest)| rest.split('`').next());
        assert_eq!(suggestion, meant, "{}", text(&output.stderr));
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let directory = workspace();
    fs::write(directory.path().join("gen"), "a file, not a directory").unwrap();
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "gen", "good.proto"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("error: cannot write gen: "), "{}", text(&output.stderr));
}

#[test]
fn wrong_usage() {
    let directory = workspace();
    for arguments in [
        &["gen", "rust", "--out", "gen"][..],
        &["gen", "rust", "good.proto"],
        &["gen", "cobol", "--out", "gen", "good.proto"],
        &["gen", "rust", "--out", "gen", "--nonsense", "good.proto"],
        &["gen", "rust", "--out", "gen", "--extern", "shop.stock.v1", "good.proto"],
        &["gen"],
        &[],
    ] {
        assert_eq!(angzarr(directory.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_dash_is_standard_output_where_one_file_is_written() {
    let directory = workspace();
    for command in ["graph", "docs"] {
        let plain = angzarr(directory.path(), &[command, "good.proto"]);
        let dash = angzarr(directory.path(), &[command, "good.proto", "--out", "-"]);
        assert_eq!(dash.status.code(), Some(0), "{}", text(&dash.stderr));
        assert_eq!(text(&dash.stdout), text(&plain.stdout));
    }
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "-", "good.proto"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("so --out is a directory"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn what_to_do_next_can_be_pasted() {
    let directory = workspace();
    for (path, said) in [("shelf", "cd shelf &&"), ("my shop's", "cd 'my shop'\\''s' &&"), ("-p", "cd ./-p &&")] {
        let output = angzarr(directory.path(), &["new", "shelf", "--lang", "rust", &format!("--path={path}")]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(&format!("next: {said} cargo test\n")), "{}", text(&output.stderr));
    }
}

#[test]
fn warnings_go_to_standard_error_and_everything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/az0409_uncompensated.proto");
    fs::copy(case, directory.path().join("warned.proto")).unwrap();
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "gen", "warned.proto"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "3 written, 0 unchanged\n");
    assert!(text(&output.stderr).starts_with("warning[AZ0409]: "), "{}", text(&output.stderr));
}

#[test]
fn findings_for_programs() {
    let directory = workspace();
    let output =
        angzarr(directory.path(), &["--format", "json", "gen", "rust", "-I", ".", "--out", "gen", "bad.proto"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr).lines().next(),
        Some(
            r#"{"severity":"error","code":"AZ0301","message":"command `t.v1.Do` has no root","place":{"file":"bad.proto","path":"bad.proto","line":7,"column":9,"end_line":7,"end_column":11,"text":"message Do { string id = 1; }"},"related":[{"label":"the handler of the command","place":{"file":"bad.proto","path":"bad.proto","line":13,"column":7,"end_line":13,"end_column":14,"text":"  rpc Perform(Do) returns (Done);"}}],"suggestion":null,"help":"mark one field with `[(angzarr.v1.field).root = true]`"}"#
        )
    );
    assert_eq!(text(&output.stderr).lines().count(), 2);
}

#[test]
fn findings_for_workflows() {
    let directory = workspace();
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "gen", "bad.proto", "--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr).lines().next(),
        Some(
            "::error file=bad.proto,line=7,endLine=7,col=9,endColumn=11,title=AZ0301::\
             command `t.v1.Do` has no root%0Abad.proto:13:7: the handler of the command%0Ahelp: mark one field with `[(angzarr.v1.field).root = true]`"
        )
    );
}

#[test]
fn codes_are_explained() {
    let directory = workspace();
    let page = angzarr(directory.path(), &["explain", "az0301"]);
    assert_eq!(page.status.code(), Some(0));
    assert!(text(&page.stdout).starts_with("# AZ0301: no root\n\nA command, fact or query"), "{}", text(&page.stdout));
    let all = angzarr(directory.path(), &["explain"]);
    assert_eq!(text(&all.stdout).lines().next(), Some("AZ0001  error    a file does not parse or link"));
    let unknown = angzarr(directory.path(), &["explain", "AZ0310x"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).starts_with("error: there is no code AZ0310x; did you mean AZ0310?\n"));
    let unknown = angzarr(directory.path(), &["explain", "root"]);
    assert!(text(&unknown.stderr).starts_with("error: there is no code root; `angzarr explain` lists all\n"));
}

#[test]
fn a_page_of_the_manual_is_told_its_name() {
    let directory = workspace();
    let page = angzarr(directory.path(), &["man", "breaking"]);
    assert!(text(&page.stdout).contains("angzarr\\-breaking"), "{}", text(&page.stdout));
    let unknown = angzarr(directory.path(), &["man", "braking"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).starts_with("error: there is no subcommand `braking`; did you mean `breaking`?\n"));
}

/// The device takes nothing, so whoever believes in the output would be wrong.
#[cfg(target_os = "linux")]
#[test]
fn output_that_is_lost_is_a_failure() {
    let directory = workspace();
    for arguments in [&["graph", "good.proto"][..], &["ir", "good.proto"], &["explain"], &["--help"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let command = Command::new(env!("CARGO_BIN_EXE_angzarr"))
            .current_dir(directory.path())
            .args(arguments)
            .stdout(full)
            .output();
        let output = command.unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("error: cannot write to standard output: "), "{arguments:?}");
    }
}

/// A reader like `head` has what it wanted.
#[test]
fn a_reader_that_went_away_is_no_failure() {
    let directory = workspace();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(directory.path())
        .arg("explain")
        .stdout(writer)
        .output();
    let output = output.unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn failures_obey_the_format() {
    let directory = workspace();
    let failure = |message: &str, place: &str| {
        format!(
            r#"{{"severity":"error","code":null,"message":"{message}","place":{place},"related":[],"suggestion":null,"help":null}}"#
        ) + "\n"
    };
    let whole = r#"{"file":"no.bin","path":"no.bin","line":0,"column":0,"end_line":0,"end_column":0,"text":null}"#;
    let missing = "cannot read no.bin: No such file or directory (os error 2)";
    let misspelt = "unexpected argument '--nonsense' found";
    for (arguments, exit, json, github) in [
        (
            &["gen", "rust", "--out", "gen", "--descriptor-set", "no.bin"][..],
            3,
            failure(missing, whole),
            format!("::error file=no.bin,title=angzarr::{missing}\n"),
        ),
        (&["gen", "--nonsense"], 2, failure(misspelt, "null"), format!("::error title=angzarr::{misspelt}\n")),
        (
            &["explain", "AZ0310x"],
            2,
            failure("there is no code AZ0310x; did you mean AZ0310?", "null"),
            "::error title=angzarr::there is no code AZ0310x; did you mean AZ0310?\n".to_owned(),
        ),
    ] {
        for (format, expected) in [("json", json), ("github", github)] {
            let output = angzarr(directory.path(), &[&["--format", format], arguments].concat());
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(exit), expected.as_str()));
        }
    }
}

#[test]
fn what_is_not_as_generated_is_annotated() {
    let directory = workspace();
    let check = |format| {
        angzarr(directory.path(), &["--format", format, "gen", "rust", "--out", "gen", "--check", "good.proto"])
    };
    let output = check("github");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "missing: gen/.angzarr-manifest\nmissing: gen/angzarr-description.rs\nmissing: gen/mod.rs\nmissing: gen/t.v1.rs\n"
    );
    let lines: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 4);
    let expected = "::error file=gen/mod.rs,title=AZ0707::`gen/mod.rs` is generated, and not there%0Ahelp: ";
    assert!(lines[2].starts_with(expected), "{lines:?}");
    let output = check("json");
    assert!(text(&output.stderr).lines().all(|line| line.contains(r#""code":"AZ0707""#)), "{}", text(&output.stderr));
}

#[test]
fn a_lock_that_is_not_up_to_date_is_annotated() {
    let directory = workspace();
    let lock = |more: &[&str]| angzarr(directory.path(), &[&["lock", "good.proto"], more].concat());
    let output = lock(&["--check", "--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "there is no angzarr.lock; `angzarr lock` writes it\n");
    assert_eq!(
        text(&output.stderr),
        "::error file=angzarr.lock,title=AZ0707::there is no angzarr.lock%0Ahelp: run `angzarr lock`, and commit what comes of it\n"
    );
    assert_eq!(text(&lock(&[]).stdout), "angzarr.lock: 1 stored message in 1 domain\n");
    let source = fs::read_to_string(directory.path().join("good.proto")).unwrap();
    let more = source.replace("message Done {}", "message Done { string by = 1; }");
    fs::write(directory.path().join("good.proto"), more).unwrap();
    let output = lock(&["--check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let message = "angzarr.lock is not up to date: t.v1.Done is different";
    assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    let output = lock(&["--check"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), ""));
}

/// So that a terminal or an editor opens it.
#[test]
fn places_are_paths_from_where_the_command_runs() {
    let directory = workspace();
    fs::create_dir(directory.path().join("proto")).unwrap();
    fs::rename(directory.path().join("bad.proto"), directory.path().join("proto/bad.proto")).unwrap();
    let run = |format| angzarr(directory.path(), &["--format", format, "ir", "-I", "proto", "bad.proto"]);
    assert!(text(&run("text").stderr).contains("\n  --> proto/bad.proto:7:9\n"), "{}", text(&run("text").stderr));
    let github = run("github");
    assert!(text(&github.stderr).starts_with("::error file=proto/bad.proto,"), "{}", text(&github.stderr));
    assert!(text(&github.stderr).contains("%0Aproto/bad.proto:13:7: the handler"), "{}", text(&github.stderr));
}
