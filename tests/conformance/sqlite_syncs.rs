//! Law 3: nothing is acknowledged before it was forced to disk. Seen from the system's side, since a killed process does
//! not show a missing sync.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use angzarr_runtime::Storage;

use crate::backend::{Backend, Sqlite};

/// What the system saw, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Something was written to the file.
    Write,
    /// All that was written was forced to disk.
    Sync,
    /// A book was acknowledged.
    Acknowledge,
}

/// Runs the writer under strace; what it does with the log.
fn traced(mode: &[&str]) -> Vec<Call> {
    traced_at("log.db-wal>", mode)
}

/// What it does with this file.
fn traced_at(file: &str, mode: &[&str]) -> Vec<Call> {
    let backend = Sqlite::new();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "60", "-e", "trace=write,pwrite64,pwritev,fsync,fdatasync", "-o"]).arg(&trace);
    let ran = strace.arg(env!("CARGO_BIN_EXE_writer")).arg(backend.text()).args(mode).output();
    let ran = ran.unwrap_or_else(|error| panic!("strace is needed (apt-get install strace): {error}"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    calls(file, &trace)
}

fn calls(file: &str, trace: &Path) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, bool> = HashMap::new();
    let trace = std::fs::read_to_string(trace).unwrap();
    for line in trace.lines() {
        // `PID fdatasync(9</…/log.db-wal>) = 0`, or in two lines if another thread called something meanwhile.
        let (process, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        let log = call.contains(file);
        let resumed = call.starts_with("<... ");
        if log && (call.starts_with("write(") || call.starts_with("pwrite")) {
            calls.push(Call::Write);
        } else if call.starts_with("write(1<") {
            calls.push(Call::Acknowledge);
        } else if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
            // A sync counts when it has returned.
            if call.contains("<unfinished") {
                unfinished.insert(process, log);
            } else if log && call.ends_with("= 0") {
                calls.push(Call::Sync);
            }
        } else if resumed && call.contains("sync resumed") && unfinished.remove(process) == Some(true) {
            assert!(call.ends_with("= 0"), "{call}");
            calls.push(Call::Sync);
        }
    }
    calls
}

/// Expects `rounds` groups of `books` acknowledgements, each behind a sync of what was written for it.
fn synced_before(calls: &[Call], rounds: usize, books: usize) {
    let acknowledged = calls.iter().filter(|call| **call == Call::Acknowledge).count();
    assert_eq!(acknowledged, rounds * books);
    let mut rest = calls;
    for round in 0..rounds {
        let (mut written, mut synced, mut acknowledged) = (0, 0, 0);
        while acknowledged < books {
            let (call, behind) = rest.split_first().unwrap();
            rest = behind;
            match call {
                Call::Write => (written, synced) = (written + 1, 0),
                Call::Sync => synced += 1,
                Call::Acknowledge => {
                    assert!(written > 0 && synced > 0, "round {round}: {written} writes, then {synced} syncs");
                    acknowledged += 1;
                }
            }
        }
    }
}

#[test]
fn a_lone_writer_is_answered_after_a_sync() {
    synced_before(&traced(&["rounds", "40", "1"]), 40, 1);
}

#[test]
fn a_group_is_answered_after_a_sync() {
    synced_before(&traced(&["rounds", "6", "64"]), 6, 64);
}

#[test]
fn a_stream_of_many_callers_is_answered_after_a_sync() {
    let calls = traced(&["shared", "00000000-0000-0000-0000-000000000001", "30"]);
    synced_before(&calls, 30, 1);
}

/// Commits of views and tables need not wait for the disk; where something else relies on them, they do.
#[test]
fn views_and_tables_are_on_the_disk_once_they_were_synced() {
    for (file, what) in [("log.db.views-wal>", "views"), ("log.db.tables-wal>", "tables")] {
        synced_before(&traced_at(file, &[what]), 1, 1);
    }
}

/// A writer to a log that is there, whose syncs of `-wal` fail as strace's `when` says, counted by thread. The first
/// commit has two: of the file's head, and of what it wrote.
struct Failing {
    backend: Sqlite,
    strace: Child,
    words: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Failing {
    async fn when(when: &str) -> Self {
        let backend = Sqlite::new();
        let opened = backend.open().await;
        opened.views.close().await.unwrap();
        opened.store.close().await.unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(beside(&backend.path(), "-wal"));
        strace.args(["-e", "trace=fsync,fdatasync", "-e", &format!("inject=fsync,fdatasync:error=EIO:when={when}")]);
        strace.arg(env!("CARGO_BIN_EXE_writer")).arg(backend.text()).args(["steps", "100"]);
        let mut strace = strace.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (words, answers) = (strace.stdin.take().unwrap(), strace.stdout.take().unwrap());
        Self { backend, strace, words, answers: BufReader::new(answers).lines() }
    }

    /// Has a book written: `root sequence`, or the error's code and whether it may pass.
    fn step(&mut self) -> String {
        self.words.write_all(b"\n").unwrap();
        self.answers.next().unwrap_or_else(|| panic!("it ended; is there strace?")).unwrap()
    }

    /// The sequences in the log at this moment, as if the writer had been killed.
    async fn copied(&self) -> Vec<u32> {
        let copy = tempfile::tempdir().unwrap();
        let (from, to) = (self.backend.path(), copy.path().join("log.db"));
        std::fs::copy(&from, &to).unwrap();
        std::fs::copy(beside(&from, "-wal"), beside(&to, "-wal")).unwrap();
        let opened = Storage::Sqlite(to).open().await.unwrap();
        let records = opened.store.read(0, usize::MAX).await.unwrap();
        opened.store.close().await.unwrap();
        records.into_iter().map(|record| record.sequence).collect()
    }

    fn end(mut self) {
        drop(self.words);
        self.strace.wait().unwrap();
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(extension);
    name.into()
}

#[tokio::test]
async fn a_commit_that_was_not_synced_is_unknown() {
    let mut failing = Failing::when("3+").await;
    let mut told = failing.step();
    let mut stored = 0;
    // Whichever thread writes them.
    while told.ends_with(&format!(" {stored}")) {
        stored += 1;
        told = failing.step();
    }
    assert_eq!((told.as_str(), stored > 0), ("STORE_OUTCOME_UNKNOWN retryable", true));
    assert_eq!(failing.copied().await, (0..=stored).collect::<Vec<u32>>(), "a crash would bring the last one back");
    failing.end();
}

#[tokio::test]
async fn a_commit_that_is_synced_the_second_time_is_stored_once() {
    let mut failing = Failing::when("2").await;
    for sequence in 0..3 {
        let told = failing.step();
        assert!(told.ends_with(&format!(" {sequence}")), "{told}");
    }
    assert_eq!(failing.copied().await, [0, 1, 2]);
    failing.end();
}

/// The test's own eyes: a log that is not synced is told from one that is.
#[test]
fn a_missing_sync_is_seen() {
    let sound = [Call::Write, Call::Write, Call::Sync, Call::Acknowledge];
    synced_before(&sound, 1, 1);
    for broken in [
        &[Call::Write, Call::Acknowledge][..],
        &[Call::Sync, Call::Write, Call::Acknowledge],
        &[Call::Write, Call::Sync, Call::Write, Call::Acknowledge],
        &[Call::Write, Call::Sync, Call::Acknowledge, Call::Acknowledge],
    ] {
        let books = broken.iter().filter(|call| **call == Call::Acknowledge).count();
        let seen = std::panic::catch_unwind(|| synced_before(broken, books, 1));
        assert!(seen.is_err(), "{broken:?}");
    }
}
