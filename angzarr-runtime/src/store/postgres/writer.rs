//! Appending: one task with a connection of its own, which sends what has gathered as one call.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::Retryable;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, yield_now};
use uuid::Uuid;

use super::append::{self, Verdict};
use super::error::Failed;
use super::events;
use super::rows::Names;
use super::session::{Server, Sessions, passing, pauses};
use crate::store::{Appended, NewBook, StoreError, StreamId};

/// How many calls share a commit at most.
const GROUP: usize = 256;

/// How many books, if the calls bring several.
const BOOKS: usize = 2048;

/// How many calls may wait; senders beyond that wait themselves.
const QUEUE: usize = 1024;

/// How long a group waits to become as large as the last one.
const PATIENCE: Duration = Duration::from_micros(200);

/// What came of the books of one call; see `EventStore::append_in_order`.
type Results = Vec<Result<Appended, StoreError>>;

/// Books of one call.
struct Job {
    /// Those that are still to be stored.
    books: Vec<NewBook>,
    /// What came of those before.
    results: Results,
    answer: oneshot::Sender<Results>,
}

impl Job {
    fn stream(&self) -> Option<&StreamId> {
        self.books.first().map(|book| &book.stream)
    }

    /// How many books can go together: up to the one that uses a key again.
    fn together(&self) -> usize {
        let mut keys = HashSet::new();
        let again = |book: &NewBook| book.idempotency_key.as_deref().is_some_and(|key| !keys.insert(key.to_owned()));
        self.books.iter().position(again).unwrap_or(self.books.len()).min(BOOKS)
    }

    fn answer(self) {
        // A caller that went away does not need it.
        let _ = self.answer.send(self.results);
    }

    fn fail(mut self, error: StoreError) {
        self.results.push(Err(error));
        self.answer();
    }
}

/// The way to the writer's task.
#[derive(Debug)]
pub(super) struct Writer {
    /// None once it is closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        connection: PgConnection,
        server: Server,
        writer: Uuid,
        sessions: Arc<Sessions>,
        names: Arc<Names>,
        head: watch::Sender<u64>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let line = Line { connection: Some(connection), server, writer, batch: 0 };
        let desk = Desk { line, sessions, names, head };
        let task = tokio::spawn(desk.run(queue));
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    pub(super) async fn append(&self, books: Vec<NewBook>) -> Results {
        if books.is_empty() {
            return Vec::new();
        }
        let (answer, answered) = oneshot::channel();
        let job = Job { books, results: Vec::new(), answer };
        let jobs = self.jobs.lock().await.clone();
        let sent = match jobs {
            Some(jobs) => jobs.send(job).await.is_ok(),
            None => false,
        };
        if !sent {
            return vec![Err(StoreError::Closed)];
        }
        answered.await.unwrap_or_else(|_| vec![Err(StoreError::Closed)])
    }

    /// Finishes what is queued.
    pub(super) async fn close(&self) {
        drop(self.jobs.lock().await.take());
        if let Some(task) = self.task.lock().await.take() {
            // A task that panicked has nothing to finish.
            let _ = task.await;
        }
    }
}

/// A connection that calls are made over until their outcome is known.
struct Line {
    connection: Option<PgConnection>,
    server: Server,
    writer: Uuid,
    batch: i64,
}

/// Why there are no verdicts.
enum Unwritten {
    /// It never reached the server, or the server refused it: nothing was written.
    Refused(StoreError),
    /// Nobody can say.
    Unknown(StoreError),
}

impl Line {
    /// Makes a call. One that may have reached the server is made again, under the same number, until its outcome is
    /// known or patience has an end.
    async fn call(&mut self, lists: &[append::List<'_>]) -> Result<Vec<Verdict>, Unwritten> {
        self.batch += 1;
        let (batch, writer, server) = (self.batch, self.writer, &self.server);
        let state = Mutex::new((self.connection.take(), false));
        let once = || async {
            let (connection, sent) = &mut *state.lock().await;
            let mut alive = match connection.take() {
                Some(alive) => alive,
                None => server.connect().await?,
            };
            *sent = true;
            let verdicts = append::call(&mut alive, writer, batch, lists).await;
            // A connection that was lost in the middle of an answer is of no more use.
            if !matches!(verdicts, Err(Failed::Lost(_))) {
                *connection = Some(alive);
            }
            verdicts
        };
        let called = once.retry(pauses()).when(|failed| matches!(failed, Failed::Lost(_))).await;
        let (connection, sent) = state.into_inner();
        self.connection = connection;
        called.map_err(|failed| match failed {
            Failed::Refused(error) => Unwritten::Refused(passing(error)),
            Failed::Lost(error) if !sent => Unwritten::Refused(passing(error)),
            Failed::Lost(error) => Unwritten::Unknown(StoreError::Unknown { reason: passing(error).to_string() }),
        })
    }
}

struct Desk {
    line: Line,
    sessions: Arc<Sessions>,
    names: Arc<Names>,
    head: watch::Sender<u64>,
}

impl Desk {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut waiting: VecDeque<Job> = VecDeque::new();
        let mut last = 0;
        loop {
            // Those who were answered by the last call often have more to write at once. Waiting for as many of them,
            // for a moment only, makes groups larger.
            let patience = Instant::now() + PATIENCE;
            while waiting.len() + queue.len() < last && Instant::now() < patience {
                yield_now().await;
            }
            if waiting.is_empty() {
                match queue.recv().await {
                    Some(job) => waiting.push_back(job),
                    None => break,
                }
            }
            while waiting.len() < GROUP
                && let Ok(job) = queue.try_recv()
            {
                waiting.push_back(job);
            }
            let group = gather(&mut waiting);
            last = group.len();
            // What is left of a call goes before what came later.
            for job in self.write(group).await.into_iter().rev() {
                waiting.push_front(job);
            }
        }
        if let Some(connection) = self.line.connection.take() {
            // The server notices the end of a connection without being told, too.
            let _ = connection.close().await;
        }
    }

    /// Writes a group and answers; gives the calls that have books left. If the server refuses it, each call is made by
    /// itself, so that what is wrong with one is no other's loss.
    async fn write(&mut self, group: Vec<Job>) -> Vec<Job> {
        match self.call(&group).await {
            Ok(verdicts) => self.settle(group, verdicts),
            Err(Unwritten::Refused(error)) if group.len() > 1 && !error.retryable() => {
                tracing::warn!(code = error.code(), %error, calls = group.len(), "a group of appends was refused");
                let mut left = Vec::new();
                for job in group {
                    let single = vec![job];
                    match self.call(&single).await {
                        Ok(verdicts) => left.extend(self.settle(single, verdicts)),
                        Err(unwritten) => fail(single, unwritten),
                    }
                }
                left
            }
            Err(unwritten) => {
                fail(group, unwritten);
                Vec::new()
            }
        }
    }

    async fn call(&mut self, group: &[Job]) -> Result<Vec<Verdict>, Unwritten> {
        let lists: Vec<_> = group.iter().map(|job| &job.books[..job.together()]).collect();
        self.line.call(&lists).await
    }

    /// Tells what came of a group.
    fn settle(&self, group: Vec<Job>, verdicts: Vec<Verdict>) -> Vec<Job> {
        let mut verdicts = verdicts.into_iter();
        let mut left = Vec::new();
        for mut job in group {
            let together = job.together();
            let books: Vec<_> = job.books.drain(..together).collect();
            let mut recorded = None;
            for (book, verdict) in books.into_iter().zip(verdicts.by_ref().take(together)) {
                match verdict {
                    Verdict::Stored { first, position, stream, key } => {
                        let records = append::stored(&book, key, first, position);
                        if let (Some(number), Some(record)) = (stream, records.first()) {
                            self.names.learn(number, (record.stream.clone(), record.key.clone()));
                        }
                        if let Some(last) = records.last() {
                            events::raise(&self.head, last.position);
                        }
                        job.results.push(Ok(Appended { records, duplicate: false }));
                    }
                    Verdict::Duplicate { stream, first, count } => recorded = Some((stream, first, count)),
                    Verdict::Conflict { actual } => {
                        let expected = book.expected.unwrap_or(actual);
                        job.results.push(Err(StoreError::Conflict { expected, actual }));
                    }
                    Verdict::Full => job.results.push(Err(StoreError::StreamFull)),
                    Verdict::NotTried => {}
                }
            }
            match recorded {
                Some((stream, first, count)) => self.fetch(job, stream, first, count),
                None if job.books.is_empty() || !job.results.last().is_some_and(Appended::is_stored) => job.answer(),
                None => left.push(job),
            }
        }
        left
    }

    /// Answers with the book that is recorded; nobody else waits for that.
    fn fetch(&self, mut job: Job, stream: i64, first: u32, count: u32) {
        let (sessions, names) = (self.sessions.clone(), self.names.clone());
        tokio::spawn(async move {
            let records = events::range(&sessions, &names, stream, first, first.saturating_add(count)).await;
            job.results.push(records.map(|records| Appended { records, duplicate: true }));
            job.answer();
        });
    }
}

fn fail(group: Vec<Job>, unwritten: Unwritten) {
    let (Unwritten::Refused(error) | Unwritten::Unknown(error)) = unwritten;
    tracing::warn!(code = error.code(), %error, calls = group.len(), "appends failed");
    group.into_iter().for_each(|job| job.fail(error.clone()));
}

/// The calls that go together: one a stream.
fn gather(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut group, mut later) = (Vec::new(), VecDeque::new());
    let (mut streams, mut books) = (HashSet::new(), 0);
    for job in waiting.drain(..) {
        let fits = group.len() < GROUP && (group.is_empty() || books + job.together() <= BOOKS);
        // Whoever waits for a stream is not overtaken by those who came later.
        if job.stream().is_some_and(|stream| streams.insert(stream.clone())) && fits {
            books += job.together();
            group.push(job);
        } else {
            later.push_back(job);
        }
    }
    *waiting = later;
    group
}
