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

/// Something to write.
pub(super) enum Job {
    Append { book: Box<NewBook>, answer: Answer<Appended> },
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
            let closed = connection.close().map_err(|(_, error)| error.into());
            drop(lock);
            for job in rest {
                match job {
                    Job::Close { answer } => drop(answer.send(closed.clone())),
                    other => refuse(other, &StoreError::Closed),
                }
            }
            return;
        }
    }
    // All senders are gone. The lock outlives the connection.
    drop(connection);
    drop(lock);
}

/// What a job leads to once its group is committed.
enum Done {
    Append(Answer<Appended>, Result<Appended, StoreError>),
    Other(Answer<()>),
}

/// Writes a group and answers. If it cannot be written as a whole, each job is written by itself, so that what is wrong
/// with one is no other's loss.
fn commit(connection: &Connection, group: Vec<Job>) {
    match write(connection, group) {
        Ok(done) => {
            for done in done {
                // A caller that went away does not need its answer.
                match done {
                    Done::Append(answer, result) => drop(answer.send(result)),
                    Done::Other(answer) => drop(answer.send(Ok(()))),
                }
            }
        }
        Err((jobs, error)) => {
            // Fails only if there is no transaction, which is what it is to achieve.
            let _ = connection.execute_batch("ROLLBACK");
            tracing::warn!(code = error.code(), %error, jobs = jobs.len(), "a group of writes was rolled back");
            let alone = jobs.len() == 1;
            for job in jobs {
                if alone {
                    refuse(job, &error);
                } else {
                    commit(connection, vec![job]);
                }
            }
        }
    }
}

/// Writes and commits a group; on failure gives the jobs back, none of them done.
fn write(connection: &Connection, group: Vec<Job>) -> Result<Vec<Done>, (Vec<Job>, StoreError)> {
    let mut results = Vec::with_capacity(group.len());
    let outcome = (|| {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut position = last_position(connection)?;
        for job in &group {
            results.push(match job {
                Job::Append { book, .. } => match append(connection, book, &mut position) {
                    Err(error @ StoreError::Conflict { .. }) => Some(Err(error)),
                    other => Some(Ok(other?)),
                },
                Job::Snapshot { stream, snapshot, .. } => save_snapshot(connection, stream, snapshot).map(|()| None)?,
                Job::Checkpoint { consumer, position, .. } => {
                    save_checkpoint(connection, consumer, *position).map(|()| None)?
                }
                Job::Close { .. } => None,
            });
        }
        Ok(connection.execute_batch("COMMIT")?)
    })();
    if let Err(error) = outcome {
        return Err((group, error));
    }
    let done = group.into_iter().zip(results).map(|(job, result)| match (job, result) {
        (Job::Append { answer, .. }, Some(result)) => Done::Append(answer, result),
        (Job::Append { answer, .. }, None) => Done::Append(answer, Err(StoreError::Closed)),
        (Job::Snapshot { answer, .. } | Job::Checkpoint { answer, .. } | Job::Close { answer }, _) => {
            Done::Other(answer)
        }
    });
    Ok(done.collect())
}

fn refuse(job: Job, error: &StoreError) {
    match job {
        Job::Append { answer, .. } => drop(answer.send(Err(error.clone()))),
        Job::Snapshot { answer, .. } | Job::Checkpoint { answer, .. } | Job::Close { answer } => {
            drop(answer.send(Err(error.clone())));
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
    let next = next.ok_or_else(|| StoreError::Unavailable { reason: "the stream is full".into() })?;
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
