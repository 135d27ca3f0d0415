//! The tutorial of the README, block by block: what it tells to run is run and has to print what it shows, and what it
//! tells to write is written.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A fenced block and the comment above it, which says what to do with it.
struct Block {
    told: String,
    text: String,
}

/// The blocks that have a comment, in their order.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(told) = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) else { continue };
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```"), "`{told}` stands above `{fence}`, which is no block");
        let text = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        blocks.push(Block { told: told.to_owned(), text });
    }
    blocks
}

struct Reader {
    root: PathBuf,
    /// Where the reader is.
    folder: PathBuf,
}

impl Reader {
    fn follow(&mut self, block: &Block) {
        if block.told == "run" {
            let commands = block.text.split("$ ").skip(1);
            commands.for_each(|command| self.run(command));
        } else if let Some(file) = block.told.strip_prefix("at the end of ") {
            let path = self.folder.join(file);
            let before = fs::read_to_string(&path).unwrap();
            fs::write(path, before + &block.text).unwrap();
        } else {
            let place = block.told.strip_prefix("in ").and_then(|place| place.split_once(", below: "));
            let (file, above) = place.unwrap_or_else(|| panic!("nobody knows what `{}` means", block.told));
            self.insert(file, above, &block.text);
        }
    }

    fn insert(&self, file: &str, above: &str, text: &str) {
        let path = self.folder.join(file);
        let before = fs::read_to_string(&path).unwrap();
        assert_eq!(before.lines().filter(|line| line.trim() == above).count(), 1, "`{above}` in {file}");
        let with = |line: &str| if line.trim() == above { format!("{line}\n{text}") } else { format!("{line}\n") };
        fs::write(path, before.lines().map(with).collect::<String>()).unwrap();
    }

    /// Runs the first line, and compares the others with what it prints.
    fn run(&mut self, command: &str) {
        let (command, expected) = command.split_once('\n').unwrap();
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder = self.folder.join(folder);
            return;
        }
        // So that the same versions are taken, whatever has been released since.
        if self.folder.join("Cargo.toml").is_file() && !self.folder.join("Cargo.lock").is_file() {
            fs::copy(self.root.join("Cargo.lock"), self.folder.join("Cargo.lock")).unwrap();
        }
        let output = self.bash(command);
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        let fails = expected.lines().any(|line| line.starts_with("error"));
        assert_eq!(output.status.success(), !fails, "$ {command}\n{printed}");
        let mut rest = printed.as_str();
        for line in expected.lines() {
            // An ellipsis stands for whatever comes there.
            let wanted = line.split('…').next().unwrap();
            let at = rest.find(wanted).unwrap_or_else(|| panic!("`{line}` is not printed by `{command}`:\n{printed}"));
            rest = &rest[at + wanted.len()..];
        }
    }

    /// Builds with the workspace's artefacts where they fit.
    fn bash(&self, command: &str) -> Output {
        let programs = Path::new(env!("CARGO_BIN_EXE_angzarr")).parent().unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        Command::new("bash")
            .args(["-c", command])
            .current_dir(&self.folder)
            .env("PATH", path)
            .env("ANGZARR", &self.root)
            .env("CARGO_TARGET_DIR", programs.parent().unwrap())
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_NET_OFFLINE", "true")
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// An empty folder, the same one each time: the path is part of what cargo names its artefacts by.
fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn the_tutorial_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = empty_folder("tutorial");
    // Nothing of how this repository likes its own code.
    fs::write(folder.join("rustfmt.toml"), "").unwrap();
    fs::write(folder.join("clippy.toml"), "").unwrap();
    let mut reader = Reader { root, folder };
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 9);
    blocks.iter().for_each(|block| reader.follow(block));
    let unknown = reader.bash("cargo run -q -- unknown");
    assert_eq!((unknown.status.code(), text(&unknown.stdout)), (Some(2), ""));
    assert!(text(&unknown.stderr).contains("usage: todo add NAME TEXT | list"), "{}", text(&unknown.stderr));
    // What it has become still is what CI of the project wants.
    let clean = reader.bash("cargo fmt --all --check && cargo clippy -q --all-targets -- -D warnings && cargo test -q");
    assert!(clean.status.success(), "{}{}", text(&clean.stdout), text(&clean.stderr));
}

#[test]
fn a_project_is_written_once() {
    let folder = empty_folder("scaffold");
    let angzarr = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_angzarr")).current_dir(&folder).args(arguments).output().unwrap()
    };
    fs::create_dir(folder.join("here")).unwrap();
    fs::write(folder.join("here/README.md"), "mine").unwrap();
    let output = angzarr(&["new", "my-shop", "--lang", "rust", "--path", "here"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("created: here/proto/my_shop/tasks/v1/tasks.proto\n"));
    assert!(text(&output.stdout).contains("kept: here/README.md\n"));
    assert_eq!(fs::read_to_string(folder.join("here/README.md")).unwrap(), "mine");
    let manifest = fs::read_to_string(folder.join("here/Cargo.toml")).unwrap();
    // The command was built from a checkout, so the crates need not be published.
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let codegen = format!("angzarr-codegen = {{ path = \"{}/angzarr-codegen\" }}", checkout.display());
    assert!(manifest.contains(&codegen), "{manifest}");
    let place = format!("its Cargo.toml takes Angzarr's crates from {}; ", checkout.display());
    assert!(text(&output.stderr).starts_with(&place), "{}", text(&output.stderr));
    let output = angzarr(&["new", "my-shop", "--lang", "rust", "--path", "here"]);
    assert!(!text(&output.stdout).contains("created"), "{}", text(&output.stdout));
    // The command works on it from anywhere inside.
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(folder.join("here/src"))
        .args(["gen", "--out", "gen"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_a_project_cannot_be_is_said() {
    let folder = empty_folder("refused");
    for (arguments, message) in [
        (
            &["Shop", "--lang", "rust"][..],
            "a project's name has lower-case letters, digits, `-` and `_`, and begins with a letter",
        ),
        (
            &["async", "--lang", "rust"],
            "`async` means something else in Rust or Python, or in the project itself; choose another name",
        ),
        (&["shop", "--lang", "rust", "--angzarr", "nowhere"], "there is no checkout of Angzarr"),
        (&["shop", "--lang", "python", "--angzarr", "0.1.0"], "--angzarr is about Rust's crates"),
        (&["shop", "--lang", "cobol"], "[possible values: python, rust]"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
            .current_dir(&folder)
            .arg("new")
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
