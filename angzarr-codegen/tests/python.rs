//! Generated Python under a real interpreter and a real type checker.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder with two packages, everything in `tests/python`, and what the guide shows.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in fs::read_dir(root().join("angzarr-codegen/tests/python")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    fs::write(directory.path().join("guide.py"), guide()).unwrap();
    fs::copy(root().join("docs/semantics/vectors.json"), directory.path().join("vectors.json")).unwrap();
    generate(directory.path(), "shop", "examples/shop/proto");
    generate(directory.path(), "rows", "angzarr-codegen/tests/golden/rows/proto");
    directory
}

/// Makes a package of all protos below a folder.
fn generate(directory: &Path, package: &str, protos: &str) {
    let protos = root().join(protos);
    let mut files = Vec::new();
    let mut open = vec![protos.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                files.push(entry.strip_prefix(&protos).unwrap().display().to_string());
            }
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(directory)
        .args(["gen", "python", "--out", package, "-I", &protos.display().to_string()])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// A program of the environment that `tests/python/install` makes.
fn python(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    let program = root().join("target/tools/python/bin").join(program);
    // gRPC's library would tell of every connection that ends.
    let output = Command::new(&program).current_dir(directory).args(arguments).env("GRPC_VERBOSITY", "NONE").output();
    output.unwrap_or_else(|error| panic!("{}: {error}; tests/python/install makes it", program.display()))
}

/// The program in the guide, and its tests.
fn guide() -> String {
    let guide = fs::read_to_string(root().join("docs/python.md")).unwrap();
    let blocks = guide.split("```python\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0).collect()
}

#[test]
fn generated_python_passes_strict_checks() {
    let directory = workspace();
    for (package, protos) in [("words", "keywords"), ("oddities", "odd"), ("parts", "with"), ("versions", "upcasting")]
    {
        generate(directory.path(), package, &format!("angzarr-codegen/tests/golden/{protos}/proto"));
    }
    let packages = ["shop", "rows", "words", "oddities", "parts", "versions"];
    let users = ["shop_rules.py", "messages.py", "serving.py", "upcasting.py", "check.py", "kit.py", "guide.py"];
    let output = python(directory.path(), "mypy", &[&["--strict"], packages.as_slice(), users.as_slice()].concat());
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn generated_python_does_what_it_says() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "shop", "rows", "shop_rules", "messages"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("6 passed, 0 failed\n", ""));
}

#[test]
fn the_python_test_kit_tells_right_from_wrong() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "kit", "guide"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("9 passed, 0 failed\n", ""));
}

#[test]
fn python_serves_what_runtimes_ask() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "serving"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("12 passed, 0 failed\n", ""));
    generate(directory.path(), "versions", "angzarr-codegen/tests/golden/upcasting/proto");
    let output = python(directory.path(), "python", &["check.py", "upcasting"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("2 passed, 0 failed\n", ""));
}

/// Several packages share Angzarr's own protos, and one of them names everything like a word of the language.
#[test]
fn packages_live_in_one_process() {
    let directory = workspace();
    generate(directory.path(), "words", "angzarr-codegen/tests/golden/keywords/proto");
    generate(directory.path(), "oddities", "angzarr-codegen/tests/golden/odd/proto");
    let output = python(directory.path(), "python", &["check.py", "words", "shop", "oddities"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("0 passed, 0 failed\n", ""));
}

#[test]
fn a_type_checker_refuses_what_does_not_fit() {
    let directory = workspace();
    let output = python(directory.path(), "mypy", &["--strict", "--no-pretty", "wrong.py"]);
    let expected = root().join("angzarr-codegen/tests/python/wrong.txt");
    let actual = text(&output.stdout);
    if fs::read_to_string(&expected).unwrap_or_default() != actual {
        fs::write(&expected, actual).unwrap();
        panic!("what the type checker says changed; the file was rewritten, review it with `git diff`:\n{actual}");
    }
}

#[test]
fn a_second_run_writes_nothing() {
    let directory = workspace();
    let before: Vec<_> = fs::read_dir(directory.path().join("shop/shop/orders/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    generate(directory.path(), "shop", "examples/shop/proto");
    let after: Vec<_> = fs::read_dir(directory.path().join("shop/shop/orders/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    assert_eq!(before, after);
}
