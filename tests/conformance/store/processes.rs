//! Laws 1 to 4, several processes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use angzarr_runtime::store::{Acquired, Record};
use futures_util::future::join_all;
use tokio::task::{block_in_place, spawn_blocking};
use uuid::Uuid;

use super::follow::{PATIENCE, follow, saw_all};
use super::{lease, regain, texts};
use crate::backend::Backend;

const PROCESSES: usize = 8;

/// A process that writes; killed when it is dropped.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(backend: &impl Backend, mode: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writer"));
        let mut child = command.arg(backend.text()).args(mode).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Acknowledged books, as root and sequence: `count` of them, or all that there are.
    fn acknowledged(&mut self, count: usize) -> Vec<(Uuid, u32)> {
        let lines = self.lines.by_ref().take(count).map(Result::unwrap);
        // The last line of a killed process may be cut short.
        lines.filter_map(|line| Some((line.get(..36)?.parse().ok()?, line.get(37..)?.parse().ok()?))).collect()
    }

    fn kill(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Lets it write to its end.
    async fn done(mut self) -> Vec<(Uuid, u32)> {
        spawn_blocking(move || {
            let acknowledged = self.acknowledged(usize::MAX);
            assert!(self.child.wait().unwrap().success());
            acknowledged
        })
        .await
        .unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last acknowledged sequence of each root.
fn last(acknowledged: impl IntoIterator<Item = (Uuid, u32)>) -> BTreeMap<Uuid, u32> {
    let mut last = BTreeMap::new();
    for (root, sequence) in acknowledged {
        last.entry(root).and_modify(|last: &mut u32| *last = sequence.max(*last)).or_insert(sequence);
    }
    last
}

/// Expects streams without holes, books that are whole and there once, and everything that was acknowledged.
fn sound(records: &[Record], acknowledged: &BTreeMap<Uuid, u32>) {
    let mut next: HashMap<Uuid, u32> = HashMap::new();
    for record in records {
        let next = next.entry(record.stream.root).or_default();
        assert_eq!(record.sequence, *next, "{} has no holes", record.stream.root);
        *next += 1;
    }
    for (root, last) in acknowledged {
        assert!(next.get(root).is_some_and(|next| next > last), "{root} acknowledged {last}: {:?}", next.get(root));
    }
    let (said, mut books) = (texts(records), HashSet::new());
    let mut rest = said.iter();
    while let Some(first) = rest.next() {
        let (book, place) = first.rsplit_once(' ').unwrap();
        let size: usize = place.strip_prefix("0/").unwrap().parse().unwrap();
        for place in 1..size {
            assert_eq!(rest.next(), Some(&format!("{book} {place}/{size}")), "books stay whole");
        }
        assert!(books.insert(book), "{book} is there once");
    }
}

/// Lets eight processes write in a mode, while a reader here follows.
async fn written(backend: &impl Backend, mode: &[&str], records: usize) {
    let store = backend.open().await.store;
    let reader = tokio::spawn(follow(store.clone(), 0, 50, PROCESSES * records));
    let processes: Vec<_> = (0..PROCESSES).map(|_| Process::start(backend, mode)).collect();
    let acknowledged: Vec<_> = join_all(processes.into_iter().map(Process::done)).await.concat();
    let seen = reader.await.unwrap();
    saw_all(&store, 0, &seen).await;
    sound(&seen, &last(acknowledged));
    let writers: HashSet<_> = texts(&seen).iter().map(|text| text.split_once(' ').unwrap().0.to_owned()).collect();
    assert_eq!(writers.len(), PROCESSES, "every process wrote");
}

pub(super) async fn processes_write_to_streams_of_their_own(backend: impl Backend) {
    written(&backend, &["rounds", "4", "16"], 64).await;
}

/// None of them finds anything.
pub(super) async fn processes_make_a_log_together(backend: impl Backend) {
    let processes: Vec<_> = (0..PROCESSES).map(|_| Process::start(&backend, &["rounds", "1", "2"])).collect();
    let acknowledged = join_all(processes.into_iter().map(Process::done)).await.concat();
    let store = backend.open().await.store;
    let records = store.read(0, usize::MAX).await.unwrap();
    assert_eq!(records.len(), PROCESSES * 2);
    sound(&records, &last(acknowledged));
}

pub(super) async fn processes_write_to_one_stream(backend: impl Backend) {
    written(&backend, &["shared", &Uuid::new_v4().to_string(), "10"], 20).await;
}

pub(super) async fn processes_killed_while_they_write_lose_nothing_acknowledged(backend: impl Backend) {
    let store = backend.open().await.store;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut processes: Vec<_> = (0..3).map(|_| Process::start(&backend, &["forever"])).collect();
        for (index, process) in processes.iter_mut().enumerate() {
            acknowledged.extend(block_in_place(|| process.acknowledged(20 + 30 * round + 7 * index)));
        }
        processes.iter_mut().for_each(Process::kill);
        // What was said before the end counts too.
        let rest = processes.iter_mut().map(|process| process.acknowledged(usize::MAX));
        acknowledged.extend(rest.flatten());
    }
    // A server may still be at what the dead asked for last.
    let settled = async {
        let mut head = store.head().await.unwrap();
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            match store.head().await.unwrap() {
                same if same == head => break,
                higher => head = higher,
            }
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.unwrap();
    let records = store.read(0, usize::MAX).await.unwrap();
    assert_eq!(store.head().await.unwrap(), records.last().unwrap().position);
    saw_all(&store, 0, &follow(store.clone(), 0, 100, records.len()).await).await;
    sound(&records, &last(acknowledged));
}

pub(super) async fn leases_of_a_killed_process_are_taken_over(backend: impl Backend) {
    let store = backend.open().await.store;
    let mut process = Process::start(&backend, &["lease", "a.Consumer"]);
    let token: u64 = block_in_place(|| process.lines.next()).unwrap().unwrap().parse().unwrap();
    let held = store.acquire("a.Consumer", None).await.unwrap();
    let Acquired::Held(first) = held else { panic!("it lives: {held:?}") };
    assert_eq!(first.token, token);
    let beats = async {
        while store.acquire("a.Consumer", None).await.unwrap() == Acquired::Held(first) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, beats).await.unwrap();
    block_in_place(|| process.kill());
    let taken = regain(&store, "a.Consumer").await;
    assert!(taken.token > token);
    store.save_checkpoint(&taken, 7).await.unwrap();
}

pub(super) async fn leases_of_a_killed_process_are_free_where_nobody_else_is(backend: impl Backend) {
    let mut process = Process::start(&backend, &["lease", "a.Consumer"]);
    let token: u64 = block_in_place(|| process.lines.next()).unwrap().unwrap().parse().unwrap();
    block_in_place(|| process.kill());
    let store = backend.open().await.store;
    // Where a server has to notice it, that takes a moment.
    let free = async {
        while let Acquired::Held(_) = store.acquire("a.Consumer", None).await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.unwrap();
    let held = store.acquire("a.Consumer", None).await.unwrap();
    assert!(matches!(held, Acquired::Held(beat) if beat.token > token), "{held:?}");
    assert_eq!(lease(&store, "another.Consumer").await.token, 1);
}
