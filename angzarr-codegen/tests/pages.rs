//! What the documentation shows is what happens: its console sessions, in a copy of the shop.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lines of all `console` blocks of a page.
fn session(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page)).unwrap();
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let target: PathBuf = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

/// A copy of the shop's protos and lock.
fn shop() -> tempfile::TempDir {
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop");
    let directory = tempfile::tempdir().unwrap();
    copy(&shop.join("proto"), &directory.path().join("proto"));
    fs::copy(shop.join("angzarr.lock"), directory.path().join("angzarr.lock")).unwrap();
    directory
}

fn run(page: &str) {
    let directory = shop();
    let here = directory.path();
    let expected = session(page);
    let mut script = "git init --quiet; git add .\n".to_owned();
    for command in expected.iter().filter_map(|line| line.strip_prefix("$ ")) {
        script.push_str(&format!("cat <<'END'\n$ {command}\nEND\n{command}\n"));
    }
    let program = Path::new(env!("CARGO_BIN_EXE_angzarr")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("bash").args(["-c", &format!("exec 2>&1\n{script}")]).env("PATH", path).current_dir(here).output();
    let told = String::from_utf8(output.unwrap().stdout).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), expected, "\n{told}");
}

#[test]
fn evolution() {
    run("evolution.md");
}

#[test]
fn pictures() {
    run("pictures.md");
}

/// Examples in the table of a page: `angzarr …`, without the first word.
fn examples(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter_map(|line| line.strip_prefix("| `angzarr ")?.split('`').next())
}

/// The table of subcommands names all of them that ask no sidecar, and its examples run.
#[test]
fn cli() {
    let directory = shop();
    fs::write(directory.path().join("angzarr.yaml"), "include: [proto]\n").unwrap();
    let run = "sidecar: /bin/true\nservices:\n  orders: { command: [sh], address: \"unix:a\", listen: \"unix:b\" }\n";
    fs::write(directory.path().join("angzarr.run.yaml"), run).unwrap();
    let angzarr = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_angzarr")).current_dir(directory.path()).args(arguments).output().unwrap()
    };
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md")).unwrap();
    let mut shown = Vec::new();
    for example in examples(&text) {
        let arguments: Vec<&str> = example.split(' ').collect();
        let output = angzarr(&arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), told.contains("warning")), (Some(0), false), "{example}: {told}");
        shown.push(arguments[0]);
    }
    let help = String::from_utf8(angzarr(&["--help"]).stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let operating = include_str!("../../docs/operating.md");
    let operate: BTreeSet<_> = examples(operating).filter_map(|example| example.split(' ').next()).collect();
    let commands = commands.filter(|command| *command != "help");
    let (asking, others): (Vec<_>, Vec<_>) = commands.partition(|command| operate.contains(command));
    assert_eq!(shown, others);
    assert_eq!(BTreeSet::from_iter(asking), if cfg!(feature = "operate") { operate } else { BTreeSet::new() });
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(text.contains(&format!("| {code} | {meaning} |")), "{line}");
    }
}
