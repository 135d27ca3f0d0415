//! Real processes, killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "in a test's helper, a panic is how the test fails"
)]

mod shop;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use angzarr_runtime::store::{Load, Storage, StreamId};
use uuid::Uuid;

/// How often the writer is killed, each time after this many acknowledgements more.
const KILLS: usize = 6;
const ACKNOWLEDGEMENTS: usize = 400;

#[tokio::test]
async fn kill_nine_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let mut acknowledged: HashMap<Uuid, u32> = HashMap::new();
    for kill in 1..=KILLS {
        let mut child = writer(&path).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().take(kill * ACKNOWLEDGEMENTS) {
            note(&mut acknowledged, &line.unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What was said before the end counts too; the last line may be cut short.
        lines.map_while(Result::ok).filter(|line| line.len() > 37).for_each(|line| note(&mut acknowledged, &line));
    }
    assert_eq!(acknowledged.len(), 16);

    let opened = Storage::Sqlite(path).open().await.unwrap();
    for (root, last) in acknowledged {
        let stream = StreamId::new("written", root);
        let loaded = opened.store.load(Load::of(stream)).await.unwrap();
        assert!(loaded.next_sequence > last, "{root} acknowledged {last}, but holds {} records", loaded.next_sequence);
        let sequences: Vec<_> = loaded.records.iter().map(|record| record.sequence).collect();
        assert_eq!(sequences, (0..loaded.next_sequence).collect::<Vec<_>>());
    }
}

fn writer(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
    command.arg(format!("sqlite:{}", path.display())).arg("forever");
    command
}

fn note(acknowledged: &mut HashMap<Uuid, u32>, line: &str) {
    let (root, sequence) = line.split_once(' ').unwrap();
    let sequence = sequence.parse().unwrap();
    let last = acknowledged.entry(root.parse().unwrap()).or_insert(sequence);
    *last = sequence.max(*last);
}
