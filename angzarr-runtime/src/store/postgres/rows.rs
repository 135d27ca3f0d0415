//! Records as rows.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use prost::Message;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, query};
use uuid::Uuid;

use super::error::Failed;
use super::text;
use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, Record, RecordKind, StoreError, StreamId, Trace};
use crate::telemetry::Traceparent;
use crate::time;

/// What [`record`] wants to be selected, of records `r`.
pub(super) const COLUMNS: &str = "r.position, r.stream, r.sequence, r.created_at, r.occurred_at, r.kind, r.type, \
                                  r.correlation_id, r.cause, r.payload, r.traceparent";

/// How many streams are known by their numbers.
const STREAMS: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();

/// A stream's identity and its natural id.
pub(super) type Identity = (StreamId, Arc<str>);

/// Whose numbers are known. What a number stands for never changes.
pub(super) struct Names {
    streams: Mutex<LruCache<i64, Identity>>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("streams", &self.streams().len()).finish()
    }
}

impl Names {
    pub(super) fn new() -> Self {
        Self { streams: Mutex::new(LruCache::new(STREAMS)) }
    }

    fn streams(&self) -> MutexGuard<'_, LruCache<i64, Identity>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn learn(&self, number: i64, identity: Identity) {
        self.streams().put(number, identity);
    }

    /// Names the streams of rows.
    pub(super) async fn records(
        &self,
        connection: &mut PgConnection,
        rows: Vec<Unnamed>,
    ) -> Result<Vec<Record>, Failed> {
        let mut known: HashMap<i64, Identity> = HashMap::new();
        let mut unknown = Vec::new();
        {
            let mut streams = self.streams();
            let mut last = None;
            for row in rows.iter().filter(|row| last.replace(row.stream) != Some(row.stream)) {
                if known.contains_key(&row.stream) {
                    continue;
                }
                match streams.get(&row.stream) {
                    Some(identity) => drop(known.insert(row.stream, identity.clone())),
                    None => unknown.push(row.stream),
                }
            }
        }
        if !unknown.is_empty() {
            unknown.sort_unstable();
            unknown.dedup();
            let found = query("SELECT id, domain, root, key FROM angzarr.streams WHERE id = ANY($1)")
                .bind(&unknown)
                .fetch_all(connection)
                .await?;
            for row in found {
                let number: i64 = row.try_get(0)?;
                let stream = StreamId::new(text::decode(row.try_get(1)?).as_ref(), row.try_get::<Uuid, _>(2)?);
                let identity = (stream, Arc::from(text::decode(row.try_get(3)?).as_ref()));
                self.learn(number, identity.clone());
                known.insert(number, identity);
            }
        }
        let named = rows.into_iter().map(|row| {
            let lost = || StoreError::Damaged { reason: format!("stream {} is not there", row.stream) };
            let (stream, key) = known.get(&row.stream).ok_or_else(lost)?;
            Ok(Record { stream: stream.clone(), key: key.clone(), ..row.record })
        });
        named.collect::<Result<_, StoreError>>().map_err(Failed::from)
    }
}

/// A record whose stream is known by its number only.
pub(super) struct Unnamed {
    pub(super) stream: i64,
    record: Record,
}

/// Reads a row of [`COLUMNS`]. Neighbours often share their names: what is the same as in `previous` is not copied.
pub(super) fn record(row: &PgRow, previous: Option<&Unnamed>) -> Result<Unnamed, Failed> {
    let previous = previous.map(|unnamed| &unnamed.record);
    let position: i64 = row.try_get(0)?;
    let damaged = |what: &str| StoreError::Damaged { reason: format!("{what} at position {position}") };
    let shared = |index: usize, previous: Option<&Arc<str>>| -> Result<Arc<str>, Failed> {
        let text = text::decode(row.try_get(index)?);
        Ok(previous.filter(|previous| ***previous == *text).cloned().unwrap_or_else(|| Arc::from(text.as_ref())))
    };
    let number: i16 = row.try_get(5)?;
    let cause = match row.try_get::<Option<&[u8]>, _>(8)? {
        Some(bytes) => Some(Arc::new(decode_cause(bytes).ok_or_else(|| damaged("a cause does not decode"))?)),
        None => None,
    };
    let nowhere = previous.map(|record| record.stream.clone());
    let nobody = previous.map(|record| record.key.clone());
    let record = Record {
        // Both are filled in once the stream's number is looked up.
        stream: nowhere.unwrap_or_else(|| StreamId::new("", Uuid::nil())),
        key: nobody.unwrap_or_else(|| "".into()),
        sequence: sequence(row.try_get(2)?)?,
        position: position.unsigned_abs(),
        kind: RecordKind::from_number(number.into())
            .ok_or_else(|| damaged(&format!("unknown kind {number} of record")))?,
        part: 0,
        parts: 0,
        payload: Payload {
            type_name: shared(6, previous.map(|record| &record.payload.type_name))?,
            value: Bytes::copy_from_slice(row.try_get(9)?),
        },
        created_at: time::from_micros(row.try_get(3)?),
        occurred_at: row.try_get::<Option<i64>, _>(4)?.map(time::from_micros),
        trace: Trace {
            correlation_id: shared(7, previous.map(|record| &record.trace.correlation_id))?,
            cause,
            // What is not understood is of no use, and does no harm.
            traceparent: row.try_get::<Option<&str>, _>(10)?.and_then(Traceparent::parse),
        },
    };
    Ok(Unnamed { stream: row.try_get(1)?, record })
}

pub(super) fn sequence(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Damaged { reason: format!("{number} is no sequence") })
}

pub(super) fn encode_cause(cause: &Cause) -> Vec<u8> {
    proto::Cause::from(cause).encode_to_vec()
}

fn decode_cause(bytes: &[u8]) -> Option<Cause> {
    proto::Cause::decode(bytes).ok()?.try_into().ok()
}
