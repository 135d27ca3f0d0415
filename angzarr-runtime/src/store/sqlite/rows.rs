//! Records as rows.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use prost::Message;
use rusqlite::{CachedStatement, Row};
use uuid::Uuid;

use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, Record, RecordKind, StoreError, StreamId, Trace};
use crate::telemetry::Traceparent;
use crate::time;

/// What [`collect`] wants to be selected, of records `r` and their streams `s`.
pub(super) const COLUMNS: &str = "r.position, r.sequence, r.kind, r.type, r.payload, r.created_at, r.occurred_at, \
                                  r.correlation_id, r.cause, s.domain, s.root, s.key, r.stream, r.traceparent";

/// Reads records, about as many as are `expected`.
pub(super) fn collect(
    mut statement: CachedStatement<'_>,
    params: impl rusqlite::Params,
    expected: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut rows = statement.query(params)?;
    let mut records = Vec::with_capacity(expected.min(MANY));
    let (mut payloads, mut stream) = (Payloads::default(), None);
    while let Some(row) = rows.next()? {
        let (left, before) = (expected.saturating_sub(records.len()), stream.replace(row.get::<_, i64>(12)?));
        let previous = records.last().map(|record| Previous { record, same_stream: before == stream });
        let record = record(row, previous, |payload| payloads.keep(payload, left))?;
        records.push(record);
    }
    Ok(records)
}

/// Room is made for so many records at once.
const MANY: usize = 1024;

/// Payloads of neighbours lie together in pieces of about this size: these are made and freed by different threads, which
/// costs more than copying does.
const PIECE: usize = 64 << 10;

#[derive(Default)]
struct Payloads {
    piece: BytesMut,
}

impl Payloads {
    /// Copies one of which about so many are `left`.
    fn keep(&mut self, payload: &[u8], left: usize) -> Bytes {
        if self.piece.capacity() < payload.len() {
            let room = payload.len().saturating_mul(left).min(PIECE);
            self.piece = BytesMut::with_capacity(room.max(payload.len()));
        }
        self.piece.extend_from_slice(payload);
        self.piece.split().freeze()
    }
}

/// The record before one.
struct Previous<'a> {
    record: &'a Record,
    same_stream: bool,
}

/// Neighbours often share their names: what is the same as in `previous` is not copied.
fn record(
    row: &Row<'_>,
    previous: Option<Previous<'_>>,
    keep: impl FnOnce(&[u8]) -> Bytes,
) -> Result<Record, StoreError> {
    let position = row.get::<_, i64>(0)?.unsigned_abs();
    let damaged = |what: &str| StoreError::Damaged { reason: format!("{what} at position {position}") };
    let number: i64 = row.get(2)?;
    let cause = match row.get_ref(8)?.as_blob_or_null().map_err(|_| damaged("a cause is no blob"))? {
        Some(bytes) => Some(decode_cause(bytes).ok_or_else(|| damaged("a cause does not decode"))?),
        None => None,
    };
    let in_stream = previous.as_ref().filter(|previous| previous.same_stream).map(|previous| previous.record);
    let previous = previous.map(|previous| previous.record);
    let shared = |index, previous: Option<&Arc<str>>| -> Result<Arc<str>, StoreError> {
        let text = row.get_ref(index)?.as_str().map_err(|error| damaged(&error.to_string()))?;
        Ok(previous.filter(|previous| &***previous == text).cloned().unwrap_or_else(|| text.into()))
    };
    let (stream, key) = match in_stream {
        Some(previous) => (previous.stream.clone(), previous.key.clone()),
        None => {
            let root = row.get_ref(10)?.as_blob().ok().and_then(|root| Uuid::from_slice(root).ok());
            let root = root.ok_or_else(|| damaged("a root is not 16 bytes long"))?;
            let domain = shared(9, previous.map(|record| &record.stream.domain))?;
            (StreamId { domain, root }, shared(11, previous.map(|record| &record.key))?)
        }
    };
    Ok(Record {
        stream,
        key,
        sequence: row.get(1)?,
        position,
        kind: RecordKind::from_number(number).ok_or_else(|| damaged(&format!("unknown kind {number} of record")))?,
        part: 0,
        parts: 0,
        payload: Payload {
            type_name: shared(3, previous.map(|record| &record.payload.type_name))?,
            value: keep(row.get_ref(4)?.as_blob().map_err(|error| damaged(&error.to_string()))?),
        },
        created_at: time::from_micros(row.get(5)?),
        occurred_at: row.get::<_, Option<i64>>(6)?.map(time::from_micros),
        trace: Trace {
            correlation_id: shared(7, previous.map(|record| &record.trace.correlation_id))?,
            cause: cause.map(Arc::new),
            // What is not understood is of no use, and does no harm.
            traceparent: row.get_ref(13)?.as_str_or_null().ok().flatten().and_then(Traceparent::parse),
        },
    })
}

pub(super) fn encode_cause(cause: &Cause) -> Vec<u8> {
    proto::Cause::from(cause).encode_to_vec()
}

fn decode_cause(bytes: &[u8]) -> Option<Cause> {
    proto::Cause::decode(bytes).ok()?.try_into().ok()
}
