//! What `angzarr gen` writes, removes, leaves alone and only tells.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const MANIFEST: &str = ".angzarr-manifest";

fn angzarr(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_angzarr")).current_dir(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A proto whose one aggregate, in its own package, is called as given.
fn proto(name: &str) -> String {
    format!(
        "syntax = \"proto3\";\npackage {name}.v1;\nimport \"angzarr/v1/options.proto\";\n\
         message Do {{ string id = 1 [(angzarr.v1.field).root = true]; }}\nmessage Done {{}}\nmessage State {{}}\n\
         service Doer {{\n  option (angzarr.v1.component).aggregate = {{ domain: \"{name}\" state: \"State\" }};\n  \
         rpc Perform(Do) returns (Done);\n}}\n"
    )
}

/// A directory with `a.proto` and `b.proto`, both generated into `gen`.
fn generated() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.proto"), proto("a")).unwrap();
    fs::write(directory.path().join("b.proto"), proto("b")).unwrap();
    let output = both(directory.path(), &[]);
    assert_eq!(text(&output.stdout), "3 written, 0 unchanged\n", "{}", text(&output.stderr));
    directory
}

fn both(directory: &Path, more: &[&str]) -> Output {
    angzarr(directory, &[&["gen", "rust", "--out", "gen", "a.proto", "b.proto"], more].concat())
}

fn only_a(directory: &Path, more: &[&str]) -> Output {
    angzarr(directory, &[&["gen", "rust", "--out", "gen", "a.proto"], more].concat())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_not_generated_any_more_goes_and_nothing_else() {
    let directory = generated();
    let gen_ = directory.path().join("gen");
    fs::write(gen_.join("mine.rs"), "// mine\n").unwrap();
    let output = only_a(directory.path(), &[]);
    assert_eq!(text(&output.stdout), "1 written, 1 unchanged, 1 removed\n");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(names(&gen_), [MANIFEST, "a.v1.rs", "mine.rs", "mod.rs"]);
}

#[test]
fn an_orphan_that_was_edited_is_told_and_stays() {
    let directory = generated();
    let orphan = directory.path().join("gen/b.v1.rs");
    fs::write(&orphan, "edited").unwrap();
    let output = only_a(directory.path(), &["--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("edited: gen/b.v1.rs\n"), "{}", text(&output.stdout));
    let output = only_a(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "1 written, 1 unchanged\n");
    let warning = "warning[AZ0706]: `gen/b.v1.rs` is not generated any more, but was edited: it stays\n";
    assert!(text(&output.stderr).starts_with(warning), "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(&orphan).unwrap(), "edited");
    // From now on it is the user's, and `--check` tells that it does not belong there.
    let output = only_a(directory.path(), &["--check"]);
    assert_eq!(text(&output.stdout), "stray: gen/b.v1.rs\n");
}

#[test]
fn a_second_run_touches_nothing() {
    let directory = generated();
    let times = || {
        let gen_ = directory.path().join("gen");
        names(&gen_).iter().map(|name| gen_.join(name).metadata().unwrap().modified().unwrap()).collect::<Vec<_>>()
    };
    let before = times();
    assert_eq!(text(&both(directory.path(), &[]).stdout), "0 written, 3 unchanged\n");
    assert_eq!(times(), before);
}

#[test]
fn the_manifest_lists_everything_and_is_sorted() {
    let directory = generated();
    let manifest = fs::read_to_string(directory.path().join("gen").join(MANIFEST)).unwrap();
    let listed: Vec<&str> = manifest.lines().skip(1).map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(listed, ["a.v1.rs", "b.v1.rs", "mod.rs"]);
}

#[test]
fn check_lists_what_is_not_as_generated() {
    let directory = generated();
    let output = both(directory.path(), &["--check"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""), "{}", text(&output.stderr));
    fs::write(directory.path().join("gen/a.v1.rs"), "edited").unwrap();
    fs::remove_file(directory.path().join("gen/b.v1.rs")).unwrap();
    fs::create_dir(directory.path().join("gen/sub")).unwrap();
    fs::write(directory.path().join("gen/sub/stray.rs"), "").unwrap();
    let output = both(directory.path(), &["--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "different: gen/a.v1.rs\nmissing: gen/b.v1.rs\nstray: gen/sub/stray.rs\n");
    assert_eq!(
        text(&output.stderr),
        "error: gen is not as generated; run the same without --check, and commit what comes of it\n"
    );
    assert_eq!(fs::read_to_string(directory.path().join("gen/a.v1.rs")).unwrap(), "edited");
    let output = only_a(directory.path(), &["--check"]);
    assert!(text(&output.stdout).contains("different: gen/.angzarr-manifest\n"), "{}", text(&output.stdout));
}

#[test]
fn check_before_the_first_run_misses_everything() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.proto"), proto("a")).unwrap();
    let output = only_a(directory.path(), &["--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "missing: gen/.angzarr-manifest\nmissing: gen/a.v1.rs\nmissing: gen/mod.rs\n");
    assert!(!directory.path().join("gen").exists());
}

#[test]
fn files_that_git_does_not_track_count() {
    let directory = generated();
    let git = |arguments: &[&str]| {
        let git = Command::new("git").current_dir(directory.path()).args(arguments).output().unwrap();
        assert!(git.status.success(), "{}", text(&git.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "gen/mod.rs", "gen/.angzarr-manifest", "gen/a.v1.rs"]);
    let output = both(directory.path(), &["--check"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "untracked: gen/b.v1.rs\n"));
    fs::write(directory.path().join(".gitignore"), "gen/b.v1.rs\n").unwrap();
    assert_eq!(both(directory.path(), &["--check"]).status.code(), Some(0));
}

#[test]
fn a_diff_shows_what_would_change_and_changes_nothing() {
    let directory = generated();
    let modules = directory.path().join("gen/mod.rs");
    let before = fs::read_to_string(&modules).unwrap();
    fs::write(&modules, before.replace("include!(\"a.v1.rs\");", "include!(\"a.rs\");")).unwrap();
    let output = both(directory.path(), &["--diff"]);
    assert_eq!(output.status.code(), Some(0));
    let diff = text(&output.stdout);
    assert!(diff.starts_with("--- gen/mod.rs\n+++ gen/mod.rs\n@@ "), "{diff}");
    assert!(diff.contains("-        include!(\"a.rs\");\n+        include!(\"a.v1.rs\");\n"), "{diff}");
    assert_eq!(both(directory.path(), &["--diff", "--check"]).status.code(), Some(1));
    assert!(fs::read_to_string(&modules).unwrap().contains("a.rs"));
    let diff = only_a(directory.path(), &["--diff"]).stdout;
    assert!(text(&diff).contains("--- gen/b.v1.rs\n+++ /dev/null\n"), "{}", text(&diff));
}

#[test]
fn a_dry_run_lists_and_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.proto"), proto("a")).unwrap();
    let output = only_a(directory.path(), &["--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "missing: gen/.angzarr-manifest\nmissing: gen/a.v1.rs\nmissing: gen/mod.rs\n");
    assert!(!directory.path().join("gen").exists());
}

#[test]
fn what_was_not_generated_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("a.proto"), proto("a")).unwrap();
    fs::create_dir_all(here.join("gen/a.v1.rs")).unwrap();
    fs::write(here.join("gen/mod.rs"), "pub mod mine;\n").unwrap();
    let output = only_a(here, &[]);
    assert_eq!(output.status.code(), Some(1));
    let heads: Vec<&str> = text(&output.stderr).lines().filter(|line| line.starts_with("error")).collect();
    assert_eq!(
        heads,
        [
            "error[AZ0704]: `gen/a.v1.rs` is no file, so it is left alone",
            "error[AZ0704]: `gen/mod.rs` was not generated, so it is left alone"
        ]
    );
    assert_eq!(fs::read_to_string(here.join("gen/mod.rs")).unwrap(), "pub mod mine;\n");
    // What an earlier release wrote has no manifest, but a header.
    fs::remove_dir(here.join("gen/a.v1.rs")).unwrap();
    fs::write(here.join("gen/mod.rs"), "// Generated by angzarr from a.proto.\n").unwrap();
    assert_eq!(text(&only_a(here, &[]).stdout), "2 written, 0 unchanged\n");
}

#[cfg(unix)]
#[test]
fn nothing_is_written_or_removed_behind_a_link() {
    let directory = generated();
    let here = directory.path();
    fs::write(here.join("outside.rs"), "mine").unwrap();
    for name in ["gen/a.v1.rs", "gen/b.v1.rs"] {
        fs::remove_file(here.join(name)).unwrap();
        std::os::unix::fs::symlink(here.join("outside.rs"), here.join(name)).unwrap();
    }
    let output = only_a(here, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr).matches("error[AZ0704]").count(), 2, "{}", text(&output.stderr));
    assert_eq!(fs::read_to_string(here.join("outside.rs")).unwrap(), "mine");
    assert!(here.join("gen/b.v1.rs").is_symlink());
}

#[test]
fn a_manifest_leads_nowhere_else() {
    let directory = generated();
    fs::write(directory.path().join("precious.rs"), "mine").unwrap();
    let manifest = directory.path().join("gen").join(MANIFEST);
    let line = |name: &str| format!("67e55044-10b1-426f-9247-bb680e5fe0c8 {name}\n");
    fs::write(&manifest, format!("{}{}<<<<<<< ours\n", line("../precious.rs"), line("/etc/hosts"))).unwrap();
    let output = both(directory.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    for (message, line) in [
        ("`../precious.rs` leaves its folder", 1),
        ("`/etc/hosts` leaves its folder", 2),
        ("`<<<<<<<` is no fingerprint", 3),
    ] {
        assert!(stderr.contains(&format!("error[AZ0705]: {message}\n")), "{stderr}");
        assert!(stderr.contains(&format!("--> gen/.angzarr-manifest:{line}:1\n")), "{stderr}");
    }
    assert_eq!(fs::read_to_string(directory.path().join("precious.rs")).unwrap(), "mine");
}

#[test]
fn watching_goes_on_after_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::create_dir(here.join("proto")).unwrap();
    let file = here.join("proto/a.proto");
    fs::write(&file, proto("a")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(here)
        .args(["gen", "rust", "-I", "proto", "--out", "gen", "a.proto", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut until = |end: &str| -> String {
        let mut lines = String::new();
        for line in told.by_ref() {
            let line = line.unwrap();
            if line.contains(end) {
                return lines;
            }
            lines.push_str(&line);
        }
        panic!("it ended: {lines}");
    };
    let mut done = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(until("watching"), "");
    assert_eq!(done.next().unwrap().unwrap(), "2 written, 0 unchanged");
    // Renamed into place, as many editors do, so that no half-written file is seen.
    let replace = |text: String| {
        fs::write(here.join("next"), text).unwrap();
        fs::rename(here.join("next"), &file).unwrap();
    };
    replace("nonsense".to_owned());
    assert!(until("watching").contains("error[AZ0001]"));
    replace(proto("a").replace("message Done {}", "message Done { string by = 1; }"));
    assert_eq!(until("watching"), "");
    assert_eq!(done.next().unwrap().unwrap(), "1 written, 1 unchanged");
    child.kill().unwrap();
    child.wait().unwrap();
}
