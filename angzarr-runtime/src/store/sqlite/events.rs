//! Streams in tables.

use async_trait::async_trait;
use prost_types::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;
use uuid::Uuid;

use super::rows::{COLUMNS, collect};
use super::{SqliteStore, append, is_conversion};
use crate::message::Payload;
use crate::store::{
    Appended, AsOf, Deadline, Due, EventStore, Load, Loaded, NewBook, Record, Root, Snapshot, StoreError, StreamId,
};
use crate::time;

/// So many of the newest records are read by the caller himself: they have just been written, so no disk is waited for.
const SHORT: u64 = 16;

fn load(connection: &mut Connection, load: &Load) -> Result<Loaded, StoreError> {
    let transaction = connection.transaction()?;
    let found = transaction
        .prepare_cached("SELECT id, next_sequence FROM streams WHERE domain = ?1 AND root = ?2")?
        .query_row(params![load.stream.domain, load.stream.root.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?))
        })
        .optional()?;
    let Some((stream, next)) = found else { return Ok(Loaded::default()) };
    if let Some(key) = &load.idempotency_key
        && let Some(recorded) = recorded(&transaction, stream, key)?
    {
        return Ok(Loaded { recorded: Some(recorded), ..Loaded::default() });
    }
    let next_sequence = end(&transaction, stream, load.as_of, next)?;
    let snapshot = match &load.fingerprint {
        Some(fingerprint) => snapshot(&transaction, stream, fingerprint, next_sequence)?,
        None => None,
    };
    let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence + 1).max(load.from);
    let records = range(&transaction, stream, from, next_sequence)?;
    Ok(Loaded { recorded: None, snapshot, records, next_sequence })
}

/// The sequence behind the last one that counts.
fn end(connection: &Connection, stream: i64, as_of: AsOf, next: u32) -> Result<u32, StoreError> {
    match as_of {
        AsOf::Now => Ok(next),
        AsOf::Sequence(last) => Ok(next.min(last.saturating_add(1))),
        AsOf::Time(time) => {
            let later: Option<u32> = connection
                .prepare_cached("SELECT min(sequence) FROM records WHERE stream = ?1 AND created_at > ?2")?
                .query_row(params![stream, time::to_micros(&time)], |row| row.get(0))?;
            Ok(later.unwrap_or(next))
        }
    }
}

/// The book that is recorded under a key.
pub(super) fn recorded(connection: &Connection, stream: i64, key: &str) -> Result<Option<Vec<Record>>, StoreError> {
    let book = connection
        .prepare_cached("SELECT first_sequence, count FROM keys WHERE stream = ?1 AND key = ?2")?
        .query_row(params![stream, key], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?)))
        .optional()?;
    let Some((first, count)) = book else { return Ok(None) };
    let to = first.checked_add(count);
    let to = to.ok_or_else(|| StoreError::Damaged { reason: format!("the book of key \"{key}\" ends nowhere") })?;
    range(connection, stream, first, to).map(Some)
}

fn range(connection: &Connection, stream: i64, from: u32, to: u32) -> Result<Vec<Record>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records r JOIN streams s ON s.id = r.stream
         WHERE r.stream = ?1 AND r.sequence >= ?2 AND r.sequence < ?3 ORDER BY r.sequence"
    ))?;
    let records = collect(statement, params![stream, from, to], (to - from) as usize)?;
    if !records.iter().map(|record| record.sequence).eq(from..to) {
        let reason = format!("stream {stream} has not all records from {from} to {}", to - 1);
        return Err(StoreError::Damaged { reason });
    }
    Ok(records)
}

/// The snapshot, unless it was made with something else or is damaged: then it is as good as none.
fn snapshot(
    connection: &Connection,
    stream: i64,
    fingerprint: &[u8],
    next_sequence: u32,
) -> Result<Option<Snapshot>, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT sequence, fingerprint, type, state, checksum FROM snapshots
             WHERE stream = ?1 AND fingerprint = ?2 AND sequence < ?3",
        )?
        .query_row(params![stream, fingerprint, next_sequence], |row| {
            let state = Payload { type_name: row.get::<_, String>(2)?.into(), value: row.get::<_, Vec<u8>>(3)?.into() };
            Ok((Snapshot { sequence: row.get(0)?, fingerprint: row.get(1)?, state }, row.get::<_, Vec<u8>>(4)?))
        })
        .optional();
    match found {
        Ok(Some((snapshot, sum))) if sum == snapshot.checksum().as_bytes() => Ok(Some(snapshot)),
        Ok(None) => Ok(None),
        Err(error) if !is_conversion(&error) => Err(error.into()),
        Ok(Some(_)) | Err(_) => {
            tracing::warn!(stream, "a snapshot is damaged and is ignored");
            Ok(None)
        }
    }
}

fn read(connection: &Connection, after: u64, limit: usize, expected: usize) -> Result<Vec<Record>, StoreError> {
    let statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records r JOIN streams s ON s.id = r.stream
         WHERE r.position > ?1 ORDER BY r.position LIMIT ?2"
    ))?;
    collect(statement, params![position(after), count(limit)], expected)
}

fn read_correlated(
    connection: &Connection,
    correlation_id: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records r JOIN streams s ON s.id = r.stream
         WHERE r.correlation_id = ?1 AND r.position > ?2 ORDER BY r.position LIMIT ?3"
    ))?;
    collect(statement, params![correlation_id, position(after), count(limit)], 1)
}

fn roots(connection: &Connection, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT root, key, next_sequence FROM streams
         WHERE domain = ?1 AND root > ?2 AND next_sequence > 0 ORDER BY root LIMIT ?3",
    )?;
    // Every root is behind the empty one.
    let after = after.map(|after| after.as_bytes().to_vec()).unwrap_or_default();
    let mut rows = statement.query(params![domain, after, count(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let root = Uuid::from_slice(&row.get::<_, Vec<u8>>(0)?);
        let root = root.map_err(|_| StoreError::Damaged { reason: "a root is not 16 bytes long".into() })?;
        found.push(Root { root, key: row.get::<_, String>(1)?.into(), next_sequence: row.get(2)? });
    }
    Ok(found)
}

/// The record at a position.
pub(super) fn record_at(connection: &Connection, position: i64) -> Result<Record, StoreError> {
    let statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records r JOIN streams s ON s.id = r.stream WHERE r.position = ?1"
    ))?;
    let missing = || StoreError::Damaged { reason: format!("there is no record at position {position}") };
    collect(statement, [position], 1)?.pop().ok_or_else(missing)
}

pub(super) fn last_position(connection: &Connection) -> Result<i64, StoreError> {
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(position) FROM records")?.query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0))
}

fn deadlines(connection: &Connection, domain: &str, until: i64, limit: usize) -> Result<Vec<Deadline>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, at, position FROM deadlines WHERE domain = ?1 AND at <= ?2 ORDER BY at, position LIMIT ?3",
    )?;
    let due = statement.query_map(params![domain, until, count(limit)], |row| {
        Ok((Due { name: row.get(0)?, at: time::from_micros(row.get(1)?) }, row.get::<_, i64>(2)?))
    })?;
    let due = due.collect::<Result<Vec<_>, _>>()?;
    due.into_iter().map(|(due, position)| Ok(Deadline { due, record: record_at(connection, position)? })).collect()
}

pub(super) fn position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
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
            snapshot.checksum().as_bytes().as_slice(),
        ])?;
    Ok(())
}

impl SqliteStore {
    /// Whether what lies behind a position is so little, and so new, that it is read within microseconds.
    fn is_short(&self, after: u64) -> bool {
        self.behind(after) <= SHORT
    }

    /// How many records lie behind a position at most, as far as is known.
    fn behind(&self, after: u64) -> u64 {
        self.head.borrow().saturating_sub(after)
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        let appended = self.writer.write(move |transaction| append::append_in_order(transaction, &books)).await;
        appended.unwrap_or_else(|error| vec![Err(error)])
    }

    async fn load(&self, query: Load) -> Result<Loaded, StoreError> {
        self.readers.run(move |connection| load(connection, &query)).await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let expected = usize::try_from(self.behind(after)).unwrap_or(limit).min(limit);
        let query = move |connection: &mut Connection| read(connection, after, limit, expected);
        if self.is_short(after) { self.readers.run_short(query).await } else { self.readers.run(query).await }
    }

    async fn read_correlated(&self, correlation_id: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let correlation_id = correlation_id.to_owned();
        let query = move |connection: &mut Connection| read_correlated(connection, &correlation_id, after, limit);
        if self.is_short(after) { self.readers.run_short(query).await } else { self.readers.run(query).await }
    }

    async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
        let domain = domain.to_owned();
        self.readers.run(move |connection| roots(connection, &domain, after, limit)).await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.readers.run(|connection| Ok(last_position(connection)?.unsigned_abs())).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.writer.write(move |transaction| save_snapshot(transaction.connection, &stream, &snapshot)).await
    }

    async fn deadlines(&self, domain: &str, until: Timestamp, limit: usize) -> Result<Vec<Deadline>, StoreError> {
        let (domain, until) = (domain.to_owned(), time::to_micros(&until));
        self.readers.run(move |connection| deadlines(connection, &domain, until, limit)).await
    }
}
