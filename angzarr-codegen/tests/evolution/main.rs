//! What is stored and what may change: edits of `tests/evolution/before.proto`, and what is said of them.
//!
//! Texts lie beside it; a difference rewrites them and fails, so that `git diff` is the review.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

mod edits;
mod locks;
mod past;
mod skeletons;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use angzarr_codegen::evolution::lock::Lock;
use angzarr_codegen::{Report, Request, Understood, understand};

pub(crate) const BEFORE: &str = include_str!("before.proto");

pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Understands one file of the given text.
pub(crate) fn read(text: &str) -> Understood {
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
pub(crate) fn before() -> &'static Lock {
    static LOCK: LazyLock<Lock> = LazyLock::new(|| lock(BEFORE));
    &LOCK
}

pub(crate) fn lock(text: &str) -> Lock {
    Lock::of(&read(text).model)
}

/// The text with one place replaced, which must be there.
pub(crate) fn edit(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not there");
    text.replacen(from, to, 1)
}

/// A finding as people read it, its places without the directory, which is another one each time.
pub(crate) fn told(report: &Report) -> String {
    let text = report.to_string();
    let lines = text.lines().map(|line| match (line.split_once("--> /"), line.rsplit_once('/')) {
        (Some((margin, _)), Some((_, place))) => format!("{margin}--> {place}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

pub(crate) fn golden(name: &str, actual: &str) {
    let path = here().join("tests/evolution").join(name);
    let same = fs::read_to_string(&path).unwrap_or_default() == actual;
    if !same {
        fs::write(&path, actual).unwrap();
    }
    assert!(same, "{name} changed and was rewritten; review it with `git diff`");
}

pub(crate) fn run(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    Command::new(program).current_dir(directory).args(arguments).output().unwrap()
}

pub(crate) fn angzarr(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(directory, env!("CARGO_BIN_EXE_angzarr"), arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
