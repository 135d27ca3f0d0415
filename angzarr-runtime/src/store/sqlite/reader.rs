//! Reading: a handful of connections, each used by one call at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{blocking, connect, is_conversion};
use crate::id::ANGZARR;
use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, Load, Loaded, Record, RecordKind, Snapshot, StoreError, StreamId, Trace};
use crate::time;

const CONNECTIONS: usize = 4;

/// The connections; a closed one is none.
#[derive(Debug)]
pub(super) struct Readers {
    connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS],
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS] = Default::default();
        for slot in &mut connections {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            *slot = Arc::new(Mutex::new(Some(connection)));
        }
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Runs `query` on one of the connections.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let connection = self.connections[index].clone();
        blocking(move || {
            // Queries leave no half-done state behind, so a poisoned lock guards a sound connection.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            query(connection.as_mut().ok_or(StoreError::Closed)?)
        })
        .await
    }

    pub(super) fn close(&self) {
        for connection in &self.connections {
            drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

const COLUMNS: &str = "r.position, r.sequence, r.kind, r.type, r.payload, r.created_at, r.occurred_at, \
                       r.correlation_id, r.cause, s.domain, s.root, s.key";

pub(super) fn load(connection: &mut Connection, load: &Load) -> Result<Loaded, StoreError> {
    let transaction = connection.transaction()?;
    let found = transaction
        .prepare_cached("SELECT id, next_sequence FROM streams WHERE domain = ?1 AND root = ?2")?
        .query_row(params![load.stream.domain, load.stream.root.as_bytes().as_slice()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?))
        })
        .optional()?;
    let Some((stream, next_sequence)) = found else { return Ok(Loaded::default()) };
    if let Some(key) = &load.idempotency_key
        && let Some(recorded) = recorded(&transaction, stream, key)?
    {
        return Ok(Loaded { recorded: Some(recorded), ..Loaded::default() });
    }
    let snapshot = match &load.fingerprint {
        Some(fingerprint) => snapshot(&transaction, stream, fingerprint, next_sequence)?,
        None => None,
    };
    let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence + 1).max(load.from);
    let records = range(&transaction, stream, from, next_sequence)?;
    Ok(Loaded { recorded: None, snapshot, records, next_sequence })
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
    let records = collect(statement, params![stream, from, to])?;
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
        Ok(Some((snapshot, sum))) if sum == checksum(&snapshot).as_bytes() => Ok(Some(snapshot)),
        Ok(None) => Ok(None),
        Err(error) if !is_conversion(&error) => Err(error.into()),
        Ok(Some(_)) | Err(_) => {
            tracing::warn!(stream, "a snapshot is damaged and is ignored");
            Ok(None)
        }
    }
}

/// Tells a snapshot that was cut short or altered: protobuf itself decodes any prefix that ends between two fields.
pub(super) fn checksum(snapshot: &Snapshot) -> Uuid {
    let Snapshot { sequence, fingerprint, state } = snapshot;
    let name = state.type_name.as_bytes();
    Uuid::new_v5(&ANGZARR, &[fingerprint.as_slice(), &sequence.to_be_bytes(), name, &[0], &state.value].concat())
}

pub(super) fn read(connection: &mut Connection, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
    let statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM records r JOIN streams s ON s.id = r.stream
         WHERE r.position > ?1 ORDER BY r.position LIMIT ?2"
    ))?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    collect(statement, params![after, i64::try_from(limit).unwrap_or(i64::MAX)])
}

pub(super) fn head(connection: &mut Connection) -> Result<u64, StoreError> {
    let head: Option<i64> =
        connection.prepare_cached("SELECT max(position) FROM records")?.query_row([], |row| row.get(0))?;
    Ok(head.unwrap_or(0).unsigned_abs())
}

pub(super) fn checkpoint(connection: &mut Connection, consumer: &str) -> Result<u64, StoreError> {
    let position: Option<i64> = connection
        .prepare_cached("SELECT position FROM checkpoints WHERE consumer = ?1")?
        .query_row([consumer], |row| row.get(0))
        .optional()?;
    let damaged = |_| StoreError::Damaged { reason: format!("the checkpoint of {consumer} is negative") };
    u64::try_from(position.unwrap_or(0)).map_err(damaged)
}

fn collect(mut statement: CachedStatement<'_>, params: impl rusqlite::Params) -> Result<Vec<Record>, StoreError> {
    let mut rows = statement.query(params)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row)?);
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> Result<Record, StoreError> {
    let position = row.get::<_, i64>(0)?.unsigned_abs();
    let damaged = |what: &str| StoreError::Damaged { reason: format!("{what} at position {position}") };
    let number: i64 = row.get(2)?;
    let cause = match row.get_ref(8)?.as_blob_or_null().map_err(|_| damaged("a cause is no blob"))? {
        Some(bytes) => Some(decode_cause(bytes).ok_or_else(|| damaged("a cause does not decode"))?),
        None => None,
    };
    let root: Vec<u8> = row.get(10)?;
    Ok(Record {
        stream: StreamId {
            domain: row.get(9)?,
            root: Uuid::from_slice(&root).map_err(|_| damaged("a root is not 16 bytes long"))?,
        },
        key: row.get(11)?,
        sequence: row.get(1)?,
        position,
        kind: RecordKind::from_number(number).ok_or_else(|| damaged(&format!("unknown kind {number} of record")))?,
        part: 0,
        parts: 0,
        payload: Payload { type_name: row.get::<_, String>(3)?.into(), value: row.get::<_, Vec<u8>>(4)?.into() },
        created_at: time::from_micros(row.get(5)?),
        occurred_at: row.get::<_, Option<i64>>(6)?.map(time::from_micros),
        trace: Trace { correlation_id: row.get(7)?, cause: cause.map(Arc::new) },
    })
}

pub(super) fn encode_cause(cause: &Cause) -> Vec<u8> {
    proto::Cause::from(cause).encode_to_vec()
}

fn decode_cause(bytes: &[u8]) -> Option<Cause> {
    proto::Cause::decode(bytes).ok()?.try_into().ok()
}
