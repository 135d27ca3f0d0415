//! The real program, killed at random moments and started again with the same command.

#![expect(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flights::report::Report;
use flights::{departures, reference};

/// How many departures are fed, and how often the program is killed. `KILLS` and `ROWS` make it longer; `SEED` replays.
const ROWS: u64 = 2_500;
const KILLS: u64 = 8;

#[test]
fn killed_again_and_again_it_ends_with_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let data = some_rows(folder.path(), number("ROWS", ROWS));
    let expected = reference::report(&departures::read(&data).unwrap());
    let seed = number("SEED", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("SEED={seed}");

    let whole = run_to_end(folder.path(), &data, "whole");
    assert_eq!(without_seconds(&whole), expected);

    // Moments between the start and a little after the end of an undisturbed run.
    let longest = Duration::from_secs_f64(whole.seconds * 1.2);
    let mut random = seed | 1;
    for _ in 0..number("KILLS", KILLS) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = start(folder.path(), &data, "killed");
        std::thread::sleep(longest * u32::try_from(random % 1_000).unwrap() / 1_000);
        // SIGKILL on Unix; the program may have ended before.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let report = run_to_end(folder.path(), &data, "killed");
    assert_eq!(without_seconds(&report), expected, "SEED={seed}");
    let again = run_to_end(folder.path(), &data, "killed");
    assert_eq!(without_seconds(&again), expected, "a finished run changes nothing, SEED={seed}");
}

fn start(folder: &Path, data: &Path, name: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_flights"))
        .arg("--data")
        .arg(data)
        .arg("--store")
        .arg(format!("sqlite:{}", folder.join(name).with_extension("db").display()))
        .arg("--report")
        .arg(folder.join(name).with_extension("json"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn run_to_end(folder: &Path, data: &Path, name: &str) -> Report {
    let output = start(folder, data, name).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = std::fs::read(folder.join(name).with_extension("json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn without_seconds(report: &Report) -> Report {
    Report { seconds: 0.0, ..report.clone() }
}

/// Rows from all over the month, so that both releases, cancellations and conflicts are among them.
fn some_rows(folder: &Path, rows: u64) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flights-2013-01.csv.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(source).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let all: Vec<_> = lines.collect();
    let step = (all.len() / usize::try_from(rows).unwrap()).max(1);
    let path = folder.join("rows.csv");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "{header}").unwrap();
    for line in all.iter().step_by(step) {
        writeln!(file, "{line}").unwrap();
    }
    path
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
