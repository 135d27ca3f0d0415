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

pub(super) fn collect(
    mut statement: CachedStatement<'_>,
    params: impl rusqlite::Params,
) -> Result<Vec<Record>, StoreError> {
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
