//! Records as rows.

use std::sync::Arc;

use prost::Message;
use rusqlite::{CachedStatement, Row};
use uuid::Uuid;

use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, Record, RecordKind, StoreError, StreamId, Trace};
use crate::time;

/// What [`collect`] wants to be selected, of records `r` and their streams `s`.
pub(super) const COLUMNS: &str = "r.position, r.sequence, r.kind, r.type, r.payload, r.created_at, r.occurred_at, \
                                  r.correlation_id, r.cause, s.domain, s.root, s.key";

/// Reads records, about as many as are `expected`.
pub(super) fn collect(
    mut statement: CachedStatement<'_>,
    params: impl rusqlite::Params,
    expected: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut rows = statement.query(params)?;
    let mut records = Vec::with_capacity(expected.min(MANY));
    while let Some(row) = rows.next()? {
        let record = record(row, records.last())?;
        records.push(record);
    }
    Ok(records)
}

/// Room is made for so many records at once.
const MANY: usize = 1024;

/// Neighbours often share their names: what is the same as in `previous` is not copied.
fn record(row: &Row<'_>, previous: Option<&Record>) -> Result<Record, StoreError> {
    let position = row.get::<_, i64>(0)?.unsigned_abs();
    let damaged = |what: &str| StoreError::Damaged { reason: format!("{what} at position {position}") };
    let number: i64 = row.get(2)?;
    let cause = match row.get_ref(8)?.as_blob_or_null().map_err(|_| damaged("a cause is no blob"))? {
        Some(bytes) => Some(decode_cause(bytes).ok_or_else(|| damaged("a cause does not decode"))?),
        None => None,
    };
    let root = row.get_ref(10)?.as_blob().ok().and_then(|root| Uuid::from_slice(root).ok());
    let shared = |index, previous: Option<&Arc<str>>| -> Result<Arc<str>, StoreError> {
        let text = row.get_ref(index)?.as_str().map_err(|error| damaged(&error.to_string()))?;
        Ok(previous.filter(|previous| &***previous == text).cloned().unwrap_or_else(|| text.into()))
    };
    Ok(Record {
        stream: StreamId {
            domain: shared(9, previous.map(|record| &record.stream.domain))?,
            root: root.ok_or_else(|| damaged("a root is not 16 bytes long"))?,
        },
        key: shared(11, previous.map(|record| &record.key))?,
        sequence: row.get(1)?,
        position,
        kind: RecordKind::from_number(number).ok_or_else(|| damaged(&format!("unknown kind {number} of record")))?,
        part: 0,
        parts: 0,
        payload: Payload {
            type_name: shared(3, previous.map(|record| &record.payload.type_name))?,
            value: row.get::<_, Vec<u8>>(4)?.into(),
        },
        created_at: time::from_micros(row.get(5)?),
        occurred_at: row.get::<_, Option<i64>>(6)?.map(time::from_micros),
        trace: Trace {
            correlation_id: shared(7, previous.map(|record| &record.trace.correlation_id))?,
            cause: cause.map(Arc::new),
        },
    })
}

pub(super) fn encode_cause(cause: &Cause) -> Vec<u8> {
    proto::Cause::from(cause).encode_to_vec()
}

fn decode_cause(bytes: &[u8]) -> Option<Cause> {
    proto::Cause::decode(bytes).ok()?.try_into().ok()
}
