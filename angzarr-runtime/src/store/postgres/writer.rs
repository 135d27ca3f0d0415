//! Appending: one task with a connection of its own, which sends what has gathered as one call.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::append::{self, Verdict};
use super::error::Failed;
use super::events;
use super::rows::Names;
use super::session::{PATIENCE, Server, Sessions, passing, pauses};
use crate::store::{Appended, NewBook, StoreError, StreamId, raise};

/// How many calls share a commit at most.
const GROUP: usize = 256;

/// How many books, if the calls bring several.
const BOOKS: usize = 2048;

/// How many bytes of payloads, unless one book has more.
const BYTES: usize = 8 << 20;

/// How many calls may wait; senders beyond that wait themselves.
const QUEUE: usize = 1024;

/// How long a group waits to become as large as the last one.
const GATHERING: Duration = Duration::from_micros(200);

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

    /// How many books can go together, and how many bytes they have: up to the one that uses a key again, or that makes
    /// the call too large.
    fn together(&self) -> (usize, usize) {
        let (mut keys, mut bytes) = (HashSet::new(), 0);
        for (count, book) in self.books.iter().enumerate() {
            let again = book.idempotency_key.as_deref().is_some_and(|key| !keys.insert(key));
            let size: usize = book.records.iter().map(|record| record.payload.value.len()).sum();
            if again || count == BOOKS || (count > 0 && bytes + size > BYTES) {
                return (count, bytes);
            }
            bytes += size;
        }
        (self.books.len(), bytes)
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
        let desk = Desk { line, queue, waiting: VecDeque::new(), fetches: JoinSet::new(), sessions, names, head };
        let task = tokio::spawn(desk.run());
        Self { jobs: Mutex::new(Some(jobs)), task: Mutex::new(Some(task)) }
    }

    /// One that is too large is not even sent: the server would cut the connection, whoever else shares the call.
    pub(super) async fn append(&self, mut books: Vec<NewBook>) -> Results {
        let refused = books.iter().enumerate().find_map(|(place, book)| Some((place, book.check_size().err()?)));
        let Some((place, error)) = refused else { return self.send(books).await };
        books.truncate(place);
        let mut results = self.send(books).await;
        if results.iter().all(Appended::is_stored) {
            results.push(Err(error));
        }
        results
    }

    async fn send(&self, books: Vec<NewBook>) -> Results {
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
    /// The server refused it: nothing was written.
    Refused(StoreError),
    /// There is no server to be reached: nothing was written.
    Away(StoreError),
    /// The connection was lost, for this reason, and nobody can say.
    Unknown(StoreError),
}

impl Unwritten {
    /// Why nothing else could be written now, either; what it says is true of what was not tried.
    fn passing(&self) -> Option<StoreError> {
        match self {
            Unwritten::Refused(error) if !error.retryable() => None,
            Unwritten::Refused(error) | Unwritten::Away(error) | Unwritten::Unknown(error) => Some(error.clone()),
        }
    }
}

impl Line {
    /// Makes a call. One that may have reached the server is made again, under the same number, until its outcome is
    /// known or patience has an end; a server that says nothing at all ends it too.
    async fn call(&mut self, lists: &[append::List<'_>]) -> Result<Vec<Verdict>, Unwritten> {
        self.batch += 1;
        let until = Instant::now() + PATIENCE;
        let mut pauses = pauses().build();
        let mut sent = false;
        loop {
            let unsure = sent;
            let lost = match timeout_at(until, self.attempt(lists, &mut sent)).await {
                Ok(Ok(verdicts)) => return Ok(verdicts),
                Ok(Err(Failed::Refused(error))) if !unsure => {
                    if error.retryable() {
                        // Perhaps because of where the connection leads: another server may write by now.
                        self.connection = None;
                    }
                    return Err(Unwritten::Refused(passing(error)));
                }
                // Or it was refused now, after an attempt that may have written, or still waits to: say, for the lock
                // for which this one has waited too long.
                Ok(Err(Failed::Lost(error) | Failed::Refused(error))) => passing(error),
                Err(_) => {
                    let reason = format!("the server gave no answer within {} s", PATIENCE.as_secs());
                    StoreError::Unavailable { reason }
                }
            };
            // It is gone, or in the middle of an answer.
            self.connection = None;
            match pauses.next() {
                Some(pause) if Instant::now() + pause < until => sleep(pause).await,
                _ if sent => return Err(Unwritten::Unknown(lost)),
                _ => return Err(Unwritten::Away(lost)),
            }
        }
    }

    async fn attempt(&mut self, lists: &[append::List<'_>], sent: &mut bool) -> Result<Vec<Verdict>, Failed> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.server.connect().await?),
        };
        *sent = true;
        match append::call(connection, self.writer, self.batch, lists).await {
            // Asked again, it is found, and published.
            Err(Failed::Refused(error)) if append::is_committed(connection, self.writer, self.batch).await? => {
                Err(Failed::Lost(error))
            }
            told => told,
        }
    }
}

struct Desk {
    line: Line,
    queue: mpsc::Receiver<Job>,
    /// What was taken from the queue and is not written yet.
    waiting: VecDeque<Job>,
    /// Answers that are read from the log.
    fetches: JoinSet<()>,
    sessions: Arc<Sessions>,
    names: Arc<Names>,
    head: watch::Sender<u64>,
}

impl Desk {
    async fn run(mut self) {
        let mut last = 0;
        loop {
            // Those who were answered by the last call often have more to write at once. Waiting for as many of them,
            // for a moment only, makes groups larger.
            let until = Instant::now() + GATHERING;
            while self.waiting.len() + self.queue.len() < last && Instant::now() < until {
                yield_now().await;
            }
            if self.waiting.is_empty() {
                match self.queue.recv().await {
                    Some(job) => self.waiting.push_back(job),
                    None => break,
                }
            }
            while self.waiting.len() < GROUP
                && let Ok(job) = self.queue.try_recv()
            {
                self.waiting.push_back(job);
            }
            let group = gather(&mut self.waiting);
            last = group.len();
            // What is left of a call goes before what came later.
            for job in self.write(group).await.into_iter().rev() {
                self.waiting.push_front(job);
            }
            while self.fetches.try_join_next().is_some() {}
        }
        while self.fetches.join_next().await.is_some() {}
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
                self.write_each(group).await
            }
            Err(unwritten) => {
                self.fail(group, unwritten);
                Vec::new()
            }
        }
    }

    /// Makes each call by itself, as long as there is a server to take it.
    async fn write_each(&mut self, group: Vec<Job>) -> Vec<Job> {
        let (mut group, mut left) = (group.into_iter(), Vec::new());
        while let Some(job) = group.next() {
            let single = vec![job];
            match self.call(&single).await {
                Ok(verdicts) => left.extend(self.settle(single, verdicts)),
                Err(unwritten) => {
                    let passing = unwritten.passing();
                    self.fail(single, unwritten);
                    if let Some(error) = passing {
                        group.by_ref().for_each(|job| job.fail(error.clone()));
                    }
                }
            }
        }
        left
    }

    /// Tells that a group was not written. If there is no server, nobody who waits already has to find that out for
    /// himself.
    fn fail(&mut self, group: Vec<Job>, unwritten: Unwritten) {
        let (error, away) = match unwritten {
            Unwritten::Refused(error) => (error, None),
            Unwritten::Away(error) => (error.clone(), Some(error)),
            Unwritten::Unknown(error) => (StoreError::Unknown { reason: error.to_string() }, Some(error)),
        };
        tracing::warn!(code = error.code(), %error, calls = group.len(), "appends failed");
        group.into_iter().for_each(|job| job.fail(error.clone()));
        let Some(away) = away else { return };
        self.waiting.drain(..).for_each(|job| job.fail(away.clone()));
        for _ in 0..self.queue.len() {
            let Ok(job) = self.queue.try_recv() else { return };
            job.fail(away.clone());
        }
    }

    async fn call(&mut self, group: &[Job]) -> Result<Vec<Verdict>, Unwritten> {
        let lists: Vec<_> = group.iter().map(|job| &job.books[..job.together().0]).collect();
        self.line.call(&lists).await
    }

    /// Tells what came of a group.
    fn settle(&mut self, group: Vec<Job>, verdicts: Vec<Verdict>) -> Vec<Job> {
        let mut verdicts = verdicts.into_iter();
        let mut left = Vec::new();
        for mut job in group {
            let (together, _) = job.together();
            let books: Vec<_> = job.books.drain(..together).collect();
            let (mut recorded, mut named) = (None, None);
            for (book, verdict) in books.into_iter().zip(verdicts.by_ref().take(together)) {
                match verdict {
                    Verdict::Stored { first, position, stream, key } => {
                        // The first book of a new stream names it; the others of its call may have meant otherwise.
                        let key = key.or_else(|| named.clone());
                        let records = append::stored(&book, key, first, position);
                        named = named.or_else(|| stream.map(|_| book.key.clone()));
                        if let (Some(number), Some(record)) = (stream, records.first()) {
                            self.names.learn(number, (record.stream.clone(), record.key.clone()));
                        }
                        if let Some(last) = records.last() {
                            raise(&self.head, last.position);
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
    fn fetch(&mut self, mut job: Job, stream: i64, first: u32, count: u32) {
        let (sessions, names) = (self.sessions.clone(), self.names.clone());
        self.fetches.spawn(async move {
            let records = events::range(&sessions, &names, stream, first, first.saturating_add(count)).await;
            job.results.push(records.map(|records| Appended { records, duplicate: true }));
            job.answer();
        });
    }
}

/// The calls that go together: one a stream.
fn gather(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut group, mut later) = (Vec::new(), VecDeque::new());
    let (mut streams, mut books, mut bytes) = (HashSet::new(), 0, 0);
    for job in waiting.drain(..) {
        let (more, larger) = job.together();
        let fits = group.is_empty() || (group.len() < GROUP && books + more <= BOOKS && bytes + larger <= BYTES);
        // Whoever waits for a stream is not overtaken by those who came later.
        if job.stream().is_some_and(|stream| streams.insert(stream.clone())) && fits {
            books += more;
            bytes += larger;
            group.push(job);
        } else {
            later.push_back(job);
        }
    }
    *waiting = later;
    group
}
