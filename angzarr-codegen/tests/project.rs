//! `angzarr.yaml`, descriptor sets, and what else the command offers to other tools.

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

fn shop() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop/proto").canonicalize().unwrap().display().to_string()
}

/// A project that generates the shop's protos.
fn project(yaml: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("angzarr.yaml"), yaml.replace("SHOP", &shop())).unwrap();
    fs::create_dir_all(directory.path().join("deep/below")).unwrap();
    directory
}

const SHOP: &str = "include: [\"SHOP\"]\nlanguages: {rust: {out: src/generated}}\n";

#[test]
fn the_nearest_project_says_everything() {
    let directory = project(SHOP);
    for (folder, stdout) in [(".", "10 written, 0 unchanged\n"), ("deep/below", "0 written, 10 unchanged\n")] {
        let output = angzarr(&directory.path().join(folder), &["gen"]);
        assert_eq!(text(&output.stdout), stdout, "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }
    assert!(directory.path().join("src/generated/mod.rs").is_file());
    let elsewhere = tempfile::tempdir().unwrap();
    let file = directory.path().join("angzarr.yaml").display().to_string();
    let output = angzarr(elsewhere.path(), &["gen", "--project", &file]);
    assert_eq!(text(&output.stdout), "0 written, 10 unchanged\n", "{}", text(&output.stderr));
}

#[test]
fn flags_replace_what_the_project_says() {
    let directory = project(SHOP);
    let stock = ["shop/stock/v1/stock.proto", "shop/stock/v1/app/stock.proto"];
    let output = angzarr(directory.path(), &[&["gen", "rust", "--out", "stock"], &stock[..]].concat());
    assert_eq!(text(&output.stdout), "4 written, 0 unchanged\n", "{}", text(&output.stderr));
    assert!(directory.path().join("stock/mod.rs").is_file());
    let output = angzarr(directory.path(), &["gen", "rust", "-I", "deep", stock[0]]);
    assert!(text(&output.stderr).starts_with("error[AZ0002]"), "{}", text(&output.stderr));
}

#[test]
fn files_are_patterns_and_those_of_with_are_not_generated() {
    let directory = project(
        "include: [\"SHOP\"]\nfiles: [\"shop/*/v1/*.proto\", \"shop/*/v1/app/*.proto\"]\nwith: [\"shop/stock/**/*.proto\"]\n\
         languages:\n  rust:\n    out: gen\n    extern: {shop.stock.v1: \"::stock::shop::stock::v1\"}\n",
    );
    let output = angzarr(directory.path(), &["gen"]);
    assert_eq!(text(&output.stdout), "8 written, 0 unchanged\n", "{}", text(&output.stderr));
    assert!(!directory.path().join("gen/shop.stock.v1.rs").exists());
    let saga = fs::read_to_string(directory.path().join("gen/shop.orders.v1.app.rs")).unwrap();
    assert!(saga.contains("::stock::shop::stock::v1::ReserveStock"), "{saga}");
}

/// What was generated is not taken away by a slip in the project file.
#[test]
fn a_project_that_only_reads_is_a_mistake() {
    let directory = project(SHOP);
    assert_eq!(text(&angzarr(directory.path(), &["gen"]).stdout), "9 written, 0 unchanged\n");
    let all = SHOP.replace("SHOP", &shop()) + "with: [\"**/*.proto\"]\n";
    fs::write(directory.path().join("angzarr.yaml"), all).unwrap();
    let output = angzarr(directory.path(), &["gen"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "error[AZ0703]: every file is only read, so nothing is left to generate\n --> angzarr.yaml:3:8\n";
    assert!(text(&output.stderr).starts_with(expected), "{}", text(&output.stderr));
    assert!(directory.path().join("src/generated/shop.stock.v1.rs").is_file());
}

#[test]
fn a_project_without_includes_has_its_own_folder() {
    let directory = project("languages: {rust: {out: gen}}\n");
    let proto = "syntax = \"proto3\";\npackage t.v1;\nmessage Note { string text = 1; }\n";
    fs::write(directory.path().join("deep/note.proto"), proto).unwrap();
    // Copies of what the generator brings along are not generated.
    fs::create_dir_all(directory.path().join("angzarr/v1")).unwrap();
    fs::write(directory.path().join("angzarr/v1/options.proto"), "nonsense").unwrap();
    for folder in [".", "deep"] {
        let output = angzarr(&directory.path().join(folder), &["gen"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    assert!(directory.path().join("gen/t.v1.rs").is_file());
    assert_eq!(text(&angzarr(directory.path(), &["gen", "--check"]).stdout), "");
}

#[test]
fn mistakes_in_a_project_are_findings() {
    let directory = project("include: [\"SHOP\"]\nfile: [a.proto]\n");
    let output = angzarr(directory.path(), &["gen"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "error[AZ0702]: unknown key `file`\n --> angzarr.yaml:2:1\n  |\n2 | file: [a.proto]\n  | ^^^^\n  |\n  \
         = help: did you mean `files`?\n  \
         = help: here may stand `include`, `files`, `with`, `lock`, `languages`\n\n`angzarr explain AZ0702` says more.\n"
    );
    let directory = project("include: [\"SHOP\"]\nfiles:\n  - shop/orders/*.proto\nlanguages: {rust: {out: gen}}\n");
    let output = angzarr(directory.path(), &["gen"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "error[AZ0703]: no file fits `shop/orders/*.proto`\n --> angzarr.yaml:3:5\n  |\n3 |   - shop/orders/*.proto\n  \
         |     ^^^^^^^^^^^^^^^^^^^\n  |\n  \
         = help: write patterns relative to the include directories, like \"shop/**/*.proto\"\n\n`angzarr explain AZ0703` says more.\n"
    );
    let directory = project("include: [\"SHOP\"]\nfiles: [\"***\"]\nlanguages: {rust: {out: gen}}\n");
    let output = angzarr(directory.path(), &["gen"]);
    assert!(text(&output.stderr).starts_with("error[AZ0701]: `***` is no pattern: "), "{}", text(&output.stderr));
}

#[test]
fn an_include_directory_that_is_not_there_is_named() {
    let directory = project("include: [nowhere]\nlanguages: {rust: {out: gen}}\n");
    let output = angzarr(directory.path(), &["gen"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "error[AZ0002]: there is no include directory `nowhere`\n --> angzarr.yaml:1:11\n";
    assert!(text(&output.stderr).starts_with(expected), "{}", text(&output.stderr));
    let output = angzarr(directory.path(), &["gen", "-I", "neither"]);
    let expected = "error[AZ0002]: there is no include directory `neither`\n |\n = help: ";
    assert!(text(&output.stderr).starts_with(expected), "{}", text(&output.stderr));
}

#[test]
fn what_is_missing_is_said() {
    let bare = tempfile::tempdir().unwrap();
    let without_out = project("include: [\"SHOP\"]\nlanguages: {rust: }\n");
    let without_language = project("include: [\"SHOP\"]\n");
    for (directory, message) in [
        (&bare, "error: there are no files to work on: name some, or write an angzarr.yaml\n"),
        (&without_out, "error: there is no directory to write to: give --out, or `out` in angzarr.yaml\n"),
        (
            &without_language,
            "error: there is no language to generate: name one, like `rust`, or list it in angzarr.yaml\n",
        ),
    ] {
        let output = angzarr(directory.path(), &["gen"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).starts_with(message), "{}", text(&output.stderr));
    }
    let output = angzarr(bare.path(), &["gen", "--project", "nowhere.yaml"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("error: cannot read nowhere.yaml: "), "{}", text(&output.stderr));
    let output = angzarr(bare.path(), &["gen", "rust", "--out", "gen", "--descriptor-set", "nowhere.bin"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).starts_with("error: cannot read nowhere.bin: "), "{}", text(&output.stderr));
}

#[test]
fn every_shell_completes_and_every_subcommand_has_a_page() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = angzarr(directory.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("dry-run"), "{shell}");
    }
    for (arguments, words) in [
        (&["man"][..], &["angzarr \\- Code generation", "angzarr\\-gen(1)", "mistakes in the input"][..]),
        (&["man", "gen"], &["angzarr\\-gen \\- Generate code", "\\-\\-dry\\-run"]),
    ] {
        let output = angzarr(directory.path(), arguments);
        for word in words {
            assert!(text(&output.stdout).contains(word), "{word} is not in {}", text(&output.stdout));
        }
    }
    assert_eq!(angzarr(directory.path(), &["man", "nothing"]).status.code(), Some(2));
}

#[test]
fn the_exit_codes_are_documented_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let help = angzarr(directory.path(), &["--help"]);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md")).unwrap();
    let (_, table) = text(&help.stdout).split_once("Exit codes:\n").unwrap();
    assert_eq!(table.lines().count(), 5);
    for line in table.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(page.contains(&format!("| {code} | {meaning} |")), "docs/cli.md lacks `{line}`");
    }
}

#[test]
fn the_lock_lies_where_the_project_says() {
    for (said, file) in [("", "angzarr.lock"), ("lock: stored/events.lock\n", "stored/events.lock")] {
        let directory = project(&format!("include: [\"SHOP\"]\n{said}"));
        fs::create_dir_all(directory.path().join("stored")).unwrap();
        let below = directory.path().join("deep/below");
        let none = angzarr(&below, &["breaking"]);
        assert_eq!(none.status.code(), Some(3));
        assert!(
            text(&none.stderr).starts_with(&format!("error: there is no ../../{file}; ")),
            "{}",
            text(&none.stderr)
        );
        assert_eq!(angzarr(&below, &["lock"]).status.code(), Some(0));
        assert!(directory.path().join(file).is_file());
        assert_eq!(text(&angzarr(directory.path(), &["lock", "--check"]).stdout), format!("{file} is up to date\n"));
        assert_eq!(text(&angzarr(&below, &["breaking"]).stdout), "nothing that is stored breaks\n");
        // A flag is relative to where it is given.
        let flag = angzarr(&below, &["breaking", "--against-lock", "mine.lock"]);
        assert!(text(&flag.stderr).starts_with("error: there is no mine.lock; "), "{}", text(&flag.stderr));
        assert_eq!(angzarr(&below, &["lock", "--lock", "mine.lock"]).status.code(), Some(0));
        assert!(below.join("mine.lock").is_file());
    }
}

/// A shell completes paths, and an editor has whole ones.
#[test]
fn a_file_is_found_by_its_path_too() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    // The directory has the name with which the names in it begin.
    fs::create_dir_all(here.join("shop/shop/v1")).unwrap();
    fs::create_dir_all(here.join("elsewhere")).unwrap();
    let source = fs::read_to_string(Path::new(&shop()).join("shop/stock/v1/stock.proto")).unwrap();
    fs::write(here.join("shop/shop/v1/stock.proto"), source).unwrap();
    let whole = here.join("shop/shop/v1/stock.proto").display().to_string();
    for (folder, include, file) in [
        (".", "shop", "shop/v1/stock.proto"),
        (".", "shop", "shop/shop/v1/stock.proto"),
        (".", "./shop", "shop/shop/v1/../v1/stock.proto"),
        (".", "shop", whole.as_str()),
        ("shop", ".", whole.as_str()),
        ("shop", ".", "shop/v1/stock.proto"),
        ("shop/shop", "..", "v1/stock.proto"),
        ("elsewhere", "../shop", "../shop/shop/v1/stock.proto"),
    ] {
        let output = angzarr(&here.join(folder), &["gen", "rust", "--out", "gen", "-I", include, file]);
        assert_eq!(text(&output.stdout), "2 written, 0 unchanged\n", "{folder} {file}: {}", text(&output.stderr));
        fs::remove_dir_all(here.join(folder).join("gen")).unwrap();
    }
    fs::write(here.join("angzarr.yaml"), "include: [shop]\nlanguages: {rust: {out: gen}}\n").unwrap();
    let output = angzarr(here, &["gen"]);
    assert_eq!(text(&output.stdout), "2 written, 0 unchanged\n", "{}", text(&output.stderr));
    let output = angzarr(&here.join("shop/shop/v1"), &["gen", "rust", "stock.proto"]);
    assert_eq!(text(&output.stdout), "0 written, 2 unchanged\n", "{}", text(&output.stderr));
}
