//! Writing: one thread that takes what has gathered, and commits it together.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::lock::ProcessLock;
use super::reader;
use crate::store::{Appended, NewBook, Record, Snapshot, StoreError, StreamId};
use crate::time;

/// How many jobs share a commit at most.
const GROUP: usize = 256;

/// How many jobs may wait; senders beyond that wait themselves.
const QUEUE: usize = 1024;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What came of the books of one call; see `Store::append_in_order`.
type Results = Vec<Result<Appended, StoreError>>;

/// Something to write.
pub(super) enum Job {
    Append { books: Vec<NewBook>, answer: Answer<Results> },
    Snapshot { stream: StreamId, snapshot: Box<Snapshot>, answer: Answer<()> },
    Checkpoint { consumer: String, position: u64, answer: Answer<()> },
    Close { answer: Answer<()> },
}

/// The way to the writer's thread.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// The thread keeps the lock until its connection is closed.
    pub(super) fn start(connection: Connection, lock: ProcessLock, path: &Path) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("angzarr-sqlite-writer".into())
            .spawn(move || run(connection, lock, queue))
            .map_err(|error| StoreError::CannotOpen { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { jobs })
    }

    pub(super) async fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)
    }
}

fn run(connection: Connection, lock: ProcessLock, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = queue.try_recv()
        {
            group.push(job);
        }
        let close = group.iter().position(|job| matches!(job, Job::Close { .. })).map(|at| group.split_off(at));
        commit(&connection, group);
        if let Some(rest) = close {
            let closed = connection.close().map_err(|(_, error)| StoreError::from(error));
            drop(lock);
            for job in rest {
                match job {
                    close @ Job::Close { .. } => answer(close, closed.clone().map(|()| vec![])),
                    other => answer(other, Err(StoreError::Closed)),
                }
            }
            return;
        }
    }
    // All senders are gone. The lock outlives the connection.
    drop(connection);
    drop(lock);
}

/// Why a group was not written.
enum Unwritten {
    /// Not even begun: the file is locked, or out of reach.
    Begin(StoreError),
    /// Something in it could not be written, or not be committed.
    Inside(StoreError),
}

/// Writes a group and answers. If something in it cannot be written, each job is written by itself, so that what is
/// wrong with one is no other's loss; if the store itself is what is wrong, nobody has to wait for that.
fn commit(connection: &Connection, group: Vec<Job>) {
    let error = match write(connection, &group) {
        Ok(results) => {
            for (job, results) in group.into_iter().zip(results) {
                answer(job, Ok(results));
            }
            return;
        }
        Err(Unwritten::Begin(error)) => {
            tracing::warn!(code = error.code(), %error, jobs = group.len(), "a group of writes was refused");
            group.into_iter().for_each(|job| answer(job, Err(error.clone())));
            return;
        }
        Err(Unwritten::Inside(error)) => error,
    };
    // Fails only if there is no transaction, which is what it is to achieve.
    let _ = connection.execute_batch("ROLLBACK");
    tracing::warn!(code = error.code(), %error, jobs = group.len(), "a group of writes was rolled back");
    let mut group = group.into_iter();
    match (group.next(), group.len()) {
        (Some(Job::Append { books, answer }), 0) if books.len() > 1 => one_by_one(connection, books, answer),
        (Some(job), 0) => answer(job, Err(error)),
        (first, _) => first.into_iter().chain(group).for_each(|job| commit(connection, vec![job])),
    }
}

/// Writes the books of one job each by itself, up to the first that is not stored.
fn one_by_one(connection: &Connection, books: Vec<NewBook>, answer: Answer<Results>) {
    let mut results = Vec::new();
    for book in books {
        let (one, mut answered) = oneshot::channel();
        commit(connection, vec![Job::Append { books: vec![book], answer: one }]);
        match answered.try_recv() {
            Ok(Ok(result)) => results.extend(result),
            Ok(Err(error)) => results.push(Err(error)),
            Err(_) => results.push(Err(StoreError::Closed)),
        }
        if !results.last().is_some_and(Appended::is_stored) {
            break;
        }
    }
    // A caller that went away does not need its answer.
    let _ = answer.send(Ok(results));
}

/// Writes and commits a group; gives the results of each job, none for those that are no appends.
fn write(connection: &Connection, group: &[Job]) -> Result<Vec<Results>, Unwritten> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| Unwritten::Begin(error.into()))?;
    let written = (|| {
        let mut position = last_position(connection)?;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            results.push(match job {
                Job::Append { books, .. } => append_in_order(connection, books, &mut position)?,
                Job::Snapshot { stream, snapshot, .. } => {
                    save_snapshot(connection, stream, snapshot).map(|()| vec![])?
                }
                Job::Checkpoint { consumer, position, .. } => {
                    save_checkpoint(connection, consumer, *position).map(|()| vec![])?
                }
                Job::Close { .. } => vec![],
            });
        }
        connection.execute_batch("COMMIT")?;
        Ok(results)
    })();
    written.map_err(Unwritten::Inside)
}

/// A conflict is the book's own; any other error is everybody's, since the transaction may be half-done.
fn append_in_order(connection: &Connection, books: &[NewBook], position: &mut i64) -> Result<Results, StoreError> {
    let mut results = Vec::with_capacity(books.len());
    for book in books {
        results.push(match append(connection, book, position) {
            Err(error @ (StoreError::Conflict { .. } | StoreError::StreamFull)) => Err(error),
            other => Ok(other?),
        });
        if !results.last().is_some_and(Appended::is_stored) {
            break;
        }
    }
    Ok(results)
}

/// Answers a job. A caller that went away does not need it.
fn answer(job: Job, result: Result<Results, StoreError>) {
    match job {
        Job::Append { answer, .. } => drop(answer.send(result)),
        Job::Snapshot { answer, .. } | Job::Checkpoint { answer, .. } | Job::Close { answer } => {
            drop(answer.send(result.map(drop)));
        }
    }
}

fn last_position(connection: &Connection) -> Result<i64, StoreError> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(position) FROM records")?.query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

/// Appends one book inside the group's transaction. A conflict is found before anything is written.
fn append(connection: &Connection, book: &NewBook, position: &mut i64) -> Result<Appended, StoreError> {
    let found = connection
        .prepare_cached("SELECT id, next_sequence, key FROM streams WHERE domain = ?1 AND root = ?2")?
        .query_row(params![book.stream.domain, book.stream.root.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, Arc<str>>(2)?))
        })
        .optional()?;
    if let (Some((stream, ..)), Some(key)) = (&found, &book.idempotency_key)
        && let Some(records) = reader::recorded(connection, *stream, key)?
    {
        return Ok(Appended { records, duplicate: true });
    }
    let actual = found.as_ref().map_or(0, |(_, next, _)| *next);
    if let Some(expected) = book.expected
        && expected != actual
    {
        return Err(StoreError::Conflict { expected, actual });
    }
    let nothing = Appended { records: Vec::new(), duplicate: false };
    if book.records.is_empty() && book.idempotency_key.is_none() {
        return Ok(nothing);
    }
    let next = u32::try_from(book.records.len()).ok().and_then(|count| actual.checked_add(count));
    let next = next.ok_or(StoreError::StreamFull)?;
    let (stream, key) = match found {
        Some((stream, _, key)) => {
            connection
                .prepare_cached("UPDATE streams SET next_sequence = ?2 WHERE id = ?1")?
                .execute(params![stream, next])?;
            (stream, key)
        }
        None => {
            connection
                .prepare_cached("INSERT INTO streams (domain, root, key, next_sequence) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![book.stream.domain, book.stream.root.as_bytes().as_slice(), book.key, next])?;
            (connection.last_insert_rowid(), book.key.clone())
        }
    };
    if let Some(idempotency_key) = &book.idempotency_key {
        connection
            .prepare_cached("INSERT INTO keys (stream, key, first_sequence, count) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![stream, idempotency_key, actual, next - actual])?;
    }
    insert(connection, book, Stream { id: stream, key, next: actual }, position)
}

/// A stream as it is before the append.
struct Stream {
    id: i64,
    key: Arc<str>,
    next: u32,
}

fn insert(connection: &Connection, book: &NewBook, stream: Stream, position: &mut i64) -> Result<Appended, StoreError> {
    let cause = book.trace.cause.as_deref().map(reader::encode_cause);
    let mut statement = connection.prepare_cached(
        "INSERT INTO records (position, stream, sequence, kind, type, payload, created_at, occurred_at, correlation_id, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let mut records = Vec::with_capacity(book.records.len());
    for (sequence, new) in (stream.next..).zip(&book.records) {
        *position += 1;
        statement.execute(params![
            *position,
            stream.id,
            sequence,
            new.kind as i64,
            new.payload.type_name,
            new.payload.value.as_ref(),
            time::to_micros(&book.created_at),
            new.occurred_at.as_ref().map(time::to_micros),
            book.trace.correlation_id,
            cause,
        ])?;
        records.push(Record {
            stream: book.stream.clone(),
            key: stream.key.clone(),
            sequence,
            position: position.unsigned_abs(),
            kind: new.kind,
            part: 0,
            parts: 0,
            payload: new.payload.clone(),
            created_at: book.created_at,
            occurred_at: new.occurred_at,
            trace: book.trace.clone(),
        });
    }
    Ok(Appended { records, duplicate: false })
}

fn save_snapshot(connection: &Connection, stream: &StreamId, snapshot: &Snapshot) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO snapshots (stream, sequence, fingerprint, type, state, checksum)
             SELECT id, ?3, ?4, ?5, ?6, ?7 FROM streams WHERE domain = ?1 AND root = ?2
             ON CONFLICT (stream) DO UPDATE SET
                 sequence = excluded.sequence, fingerprint = excluded.fingerprint,
                 type = excluded.type, state = excluded.state, checksum = excluded.checksum",
        )?
        .execute(params![
            stream.domain,
            stream.root.as_bytes().as_slice(),
            snapshot.sequence,
            snapshot.fingerprint,
            snapshot.state.type_name,
            snapshot.state.value.as_ref(),
            reader::checksum(snapshot).as_bytes().as_slice(),
        ])?;
    Ok(())
}

fn save_checkpoint(connection: &Connection, consumer: &str, position: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO checkpoints (consumer, position) VALUES (?1, ?2)
             ON CONFLICT (consumer) DO UPDATE SET position = excluded.position",
        )?
        .execute(params![consumer, i64::try_from(position).unwrap_or(i64::MAX)])?;
    Ok(())
}
