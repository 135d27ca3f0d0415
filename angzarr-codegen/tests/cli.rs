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
    assert_eq!(text(&first.stdout), "2 written, 0 unchanged\n");
    assert_eq!(text(&first.stderr), "");
    let modules = fs::read_to_string(directory.path().join("src/gen/mod.rs")).unwrap();
    assert!(modules.contains("include!(\"t.v1.rs\");"), "{modules}");
    let second = run();
    assert_eq!(second.status.code(), Some(0));
    assert_eq!(text(&second.stdout), "0 written, 2 unchanged\n");
}

#[test]
fn only_what_differs_is_written() {
    let directory = workspace();
    let run = || angzarr(directory.path(), &["gen", "rust", "--out", "gen", "good.proto"]);
    run();
    fs::write(directory.path().join("gen/mod.rs"), "changed").unwrap();
    assert_eq!(text(&run().stdout), "1 written, 1 unchanged\n");
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
  --> bad.proto:11:9
   |
11 | service Doer {
   |         ^^^^
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
fn warnings_go_to_standard_error_and_everything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/az0409_uncompensated.proto");
    fs::copy(case, directory.path().join("warned.proto")).unwrap();
    let output = angzarr(directory.path(), &["gen", "rust", "--out", "gen", "warned.proto"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "2 written, 0 unchanged\n");
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
}
