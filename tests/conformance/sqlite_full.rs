//! A disk that is full: told, nothing acknowledged is lost, and writing goes on once there is room.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use angzarr_runtime::Storage;
use angzarr_runtime::store::Record;
use tempfile::TempDir;

/// Bytes of a book.
const BOOK: &str = "20000";

/// Mounts a disk of 2 MiB, fills a part of it, and writes there.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=2m tmpfs "$1" || exit 7
head -c "$3" /dev/zero > "$1/filler"
exec "$2" "sqlite:$1/log.db" steps "$4"
"#;

/// A command in a mount namespace of its own: what is mounted there goes away with it.
fn small_disk(folder: &TempDir, filler: usize) -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = Command::new("unshare");
    command.arg(if root { "-m" } else { "-rm" }).args(["sh", "-c", SCRIPT, "small_disk"]);
    command.arg(folder.path()).arg(env!("CARGO_BIN_EXE_writer")).arg(filler.to_string()).arg(BOOK);
    command
}

/// A writer on a small disk; killed when it is dropped.
struct SmallDisk {
    folder: TempDir,
    child: Child,
    words: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl SmallDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = small_disk(&folder, 1 << 20);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (words, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { folder, child, words, answers: BufReader::new(answers).lines() }
    }

    /// Has a book written: its sequence, or the error's code and whether it may pass.
    fn step(&mut self) -> Result<u32, String> {
        self.words.write_all(b"\n").unwrap();
        let answer = self.answers.next().unwrap_or_else(|| panic!("it ended; may it unshare and mount?")).unwrap();
        let sequence = answer.rsplit_once(' ').and_then(|(_, sequence)| sequence.parse().ok());
        sequence.ok_or(answer)
    }

    /// A file on the disk, as the writer sees it.
    fn file(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.child.id().to_string()).join("root").join(folder).join(name)
    }

    /// What the log holds at this moment, as if the writer had been killed.
    async fn copied(&self) -> Vec<Record> {
        let copy = tempfile::tempdir().unwrap();
        for name in ["log.db", "log.db-wal"] {
            std::fs::copy(self.file(name), copy.path().join(name)).unwrap();
        }
        let opened = Storage::Sqlite(copy.path().join("log.db")).open().await.unwrap();
        let records = opened.store.read(0, usize::MAX).await.unwrap();
        opened.store.close().await.unwrap();
        records
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn sequences(records: &[Record]) -> Vec<u32> {
    records.iter().map(|record| record.sequence).collect()
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing() {
    let mut disk = SmallDisk::new();
    let mut next = 0;
    let full = loop {
        match disk.step() {
            Ok(sequence) => assert_eq!(sequence, next),
            Err(told) => break told,
        }
        next += 1;
        assert!(next < 200, "it fills up");
    };
    assert!(next > 5, "{next} books found room");
    assert_eq!(full, "STORE_FULL retryable");
    for _ in 0..5 {
        assert_eq!(disk.step(), Err("STORE_FULL retryable".into()), "it stays so");
    }
    assert_eq!(sequences(&disk.copied().await), (0..next).collect::<Vec<_>>());

    std::fs::remove_file(disk.file("filler")).unwrap();
    for sequence in next..next + 10 {
        assert_eq!(disk.step(), Ok(sequence), "there is room again");
    }
    assert_eq!(sequences(&disk.copied().await), (0..next + 10).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_takes_no_new_log() {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = small_disk(&folder, 4 << 20).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert!(!status.success(), "{told}");
    assert!(told.lines().any(|line| line.starts_with("STORE_FULL: ")), "{told}");
}
