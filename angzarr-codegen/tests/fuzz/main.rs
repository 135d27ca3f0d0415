//! Nothing that a user hands over makes the generator panic, overflow its stack, or fail at something of its own.
//!
//! Each test breaks what is in its corpus at random, for `ANGZARR_FUZZ_SECONDS`. It prints its seed first;
//! `ANGZARR_FUZZ_SEED` makes it break the same things in the same way. An input that fails is saved in
//! `tests/fuzz/protos` or `tests/fuzz/sets`, and is tried first from then on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop where it stands, and tells its seed; helpers are not exempt by themselves"
)]

mod corpus;
mod protos;
mod random;
mod sets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use angzarr_codegen::model::codes;
use angzarr_codegen::{Format, Request, generate, generate_python};
use random::Random;

/// What is broken, and how it is handed to the generator.
trait Target {
    /// Folder of inputs that failed before, and the ending of their names.
    const SAVED: (&'static str, &'static str);

    /// Inputs that are all right.
    fn corpus(&self) -> Vec<Vec<u8>>;

    /// An input made of those.
    fn broken(&self, corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8>;

    /// The request for one input, for which a folder may be filled.
    fn request(&self, input: &[u8], folder: &Path) -> Request;
}

/// At least so many inputs, however slow the machine is.
const LEAST: u32 = 50;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// Runs a target in a process of its own, since an overflow of the stack ends the process that it happens in.
fn run<T: Target>(test: &str, target: &T) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(given) = std::env::var_os("ANGZARR_FUZZ_FOLDER") {
        return work(target, Path::new(&given));
    }
    let seed = std::env::var("ANGZARR_FUZZ_SEED").unwrap_or_else(|_| random::any_seed().to_string());
    eprintln!("ANGZARR_FUZZ_SEED={seed}");
    let worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("ANGZARR_FUZZ_FOLDER", folder.path())
        .env("ANGZARR_FUZZ_SEED", &seed)
        .status();
    if worker.unwrap().success() {
        return;
    }
    let input = std::fs::read(folder.path().join("input")).unwrap();
    let (saved, ending) = T::SAVED;
    let path = self::folder(saved).join(format!("{seed}.{ending}"));
    std::fs::write(&path, input).unwrap();
    panic!("seed {seed} failed; the input is {}", path.display());
}

fn work<T: Target>(target: &T, folder: &Path) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut random = Random::new(number("ANGZARR_FUZZ_SEED").unwrap_or_default());
    let time = Duration::from_secs(number("ANGZARR_FUZZ_SECONDS").unwrap_or(2));
    let mut corpus = target.corpus();
    for path in corpus::files(&self::folder(T::SAVED.0), T::SAVED.1) {
        let saved = std::fs::read(path).unwrap();
        examine(target, &saved, folder);
        corpus.push(saved);
    }
    let started = Instant::now();
    let mut tried = 0;
    while tried < LEAST || started.elapsed() < time {
        examine(target, &target.broken(&corpus, &mut random), folder);
        tried += 1;
    }
    eprintln!("{tried} inputs");
}

/// Lets the generator of each language have one input, and reads everything that it says about it.
fn examine<T: Target>(target: &T, input: &[u8], folder: &Path) {
    std::fs::write(folder.join("input"), input).unwrap();
    let request = target.request(input, folder);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for generate in [generate, generate_python] {
            let reports = match generate(&request) {
                Ok(generated) => generated.warnings,
                Err(reports) => {
                    assert!(!reports.is_empty(), "it fails without a reason");
                    reports
                }
            };
            for report in &reports {
                assert!(report.code != codes::INTERNAL.id, "{report}");
                for format in [Format::Text, Format::Coloured, Format::Json, Format::Github] {
                    assert!(!report.render(format).is_empty());
                }
            }
        }
    }));
    assert!(outcome.is_ok(), "the input that failed is kept");
}

#[test]
fn protos() {
    run("protos", &protos::Protos);
}

#[test]
fn descriptor_sets() {
    run("descriptor_sets", &sets::Sets);
}
