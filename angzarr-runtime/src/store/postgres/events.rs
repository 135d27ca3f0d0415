//! Streams in tables.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use prost_types::Timestamp;
use sqlx::postgres::{PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Row, query, query_scalar};
use tokio::sync::watch;
use uuid::Uuid;

use super::error::Failed;
use super::rows::{COLUMNS, Names, Unnamed, record, sequence};
use super::session::Sessions;
use super::{PostgresStore, count, number, text};
use crate::message::Payload;
use crate::store::{
    Appended, AsOf, Deadline, Due, EventStore, Load, Loaded, NewBook, Record, Root, Snapshot, StoreError, StreamId,
};
use crate::time;

/// Behind this, records may not be on the disk yet.
const PUBLISHED: &str = "(SELECT p.last_value FROM angzarr.published p)";

/// The stream, the book under a key, the snapshot, where a time in the past ends, and whether the stream's last record
/// is still to be published: at one instant.
const STREAM: &str = "
    SELECT s.id, s.next_sequence, k.first_sequence, k.count, p.sequence, p.type, p.state, p.checksum,
        CASE WHEN $5::bigint IS NULL THEN NULL ELSE (
            SELECT r.sequence FROM angzarr.records r WHERE r.stream = s.id AND r.created_at > $5
            ORDER BY r.sequence LIMIT 1
        ) END,
        coalesce((
            SELECT r.position FROM angzarr.records r WHERE r.stream = s.id AND r.sequence = s.next_sequence - 1
        ) > (SELECT p.last_value FROM angzarr.published p), false)
    FROM angzarr.streams s
    LEFT JOIN LATERAL (
        SELECT f.first_sequence, f.count FROM angzarr.keys f
        WHERE f.stream = s.id AND hashtextextended(f.key, 0) = hashtextextended($3, 0) AND f.key = $3 LIMIT 1
    ) k ON true
    LEFT JOIN angzarr.snapshots p ON p.stream = s.id AND p.fingerprint = $4
    WHERE s.root = $1 AND s.domain = $2";

pub(super) async fn head(sessions: &Sessions) -> Result<u64, StoreError> {
    sessions
        .run(|mut session| async move {
            let head: i64 =
                query_scalar("SELECT last_value FROM angzarr.published").fetch_one(session.connection()).await?;
            session.done(head.unsigned_abs())
        })
        .await
}

/// Publishes what others have committed. They do that themselves, unless they are gone.
pub(super) async fn settle(sessions: &Sessions) -> Result<(), StoreError> {
    sessions
        .run(|mut session| async move {
            query("CALL angzarr.settle()").execute(session.connection()).await?;
            session.done(())
        })
        .await
}

type Prepared<'q> = Query<'q, Postgres, <Postgres as sqlx::Database>::Arguments>;

/// Runs a query for [`COLUMNS`].
async fn fetch(connection: &mut PgConnection, names: &Names, query: Prepared<'_>) -> Result<Vec<Record>, Failed> {
    let mut records: Vec<Unnamed> = Vec::new();
    {
        let mut rows = query.fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            let next = record(&row, records.last())?;
            records.push(next);
        }
    }
    names.records(connection, records).await
}

/// Records of one stream; all of them must be there.
pub(super) async fn range(
    sessions: &Sessions,
    names: &Names,
    stream: i64,
    from: u32,
    to: u32,
) -> Result<Vec<Record>, StoreError> {
    if from >= to {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM angzarr.records r
         WHERE r.stream = $1 AND r.sequence >= $2 AND r.sequence < $3 ORDER BY r.sequence"
    );
    let sql = &sql;
    let records = sessions
        .run(|mut session| async move {
            let query = query(AssertSqlSafe(sql.as_str())).bind(stream).bind(i64::from(from)).bind(i64::from(to));
            let records = fetch(session.connection(), names, query).await?;
            session.done(records)
        })
        .await?;
    if !records.iter().map(|record| record.sequence).eq(from..to) {
        let reason = format!("stream {stream} has not all records from {from} to {}", to - 1);
        return Err(StoreError::Damaged { reason });
    }
    Ok(records)
}

/// A row of [`STREAM`].
struct Found {
    id: i64,
    next_sequence: u32,
    recorded: Option<(u32, u32)>,
    snapshot: Option<Snapshot>,
    later: Option<u32>,
    unpublished: bool,
}

impl Found {
    fn of(row: &PgRow, fingerprint: Option<&[u8]>) -> Result<Self, Failed> {
        let optional = |index: usize| -> Result<Option<u32>, Failed> {
            Ok(row.try_get::<Option<i64>, _>(index)?.map(sequence).transpose()?)
        };
        let first = optional(2)?;
        let count = row.try_get::<Option<i32>, _>(3)?.map(|count| count.unsigned_abs());
        Ok(Self {
            id: row.try_get(0)?,
            next_sequence: sequence(row.try_get(1)?)?,
            recorded: first.zip(count),
            snapshot: snapshot(row, fingerprint),
            later: optional(8)?,
            unpublished: row.try_get(9)?,
        })
    }

    /// The sequence behind the last one that counts.
    fn end(&self, as_of: AsOf) -> u32 {
        match as_of {
            AsOf::Now => self.next_sequence,
            AsOf::Sequence(last) => self.next_sequence.min(last.saturating_add(1)),
            AsOf::Time(_) => self.later.unwrap_or(self.next_sequence),
        }
    }
}

/// The snapshot, unless it is damaged: then it is as good as none.
fn snapshot(row: &PgRow, fingerprint: Option<&[u8]>) -> Option<Snapshot> {
    let at: i64 = row.try_get::<Option<i64>, _>(4).ok()??;
    let read = || -> Result<(Snapshot, Uuid), Failed> {
        let type_name = text::decode(row.try_get(5)?).as_ref().into();
        let state = Payload { type_name, value: row.try_get::<Vec<u8>, _>(6)?.into() };
        let fingerprint = fingerprint.unwrap_or_default().to_vec();
        Ok((Snapshot { sequence: sequence(at)?, fingerprint, state }, row.try_get(7)?))
    };
    let sound = read().ok().filter(|(snapshot, sum)| *sum == snapshot.checksum()).map(|(snapshot, _)| snapshot);
    if sound.is_none() {
        tracing::warn!("a snapshot is damaged and is ignored");
    }
    sound
}

async fn find(sessions: &Sessions, load: &Load) -> Result<Option<Found>, StoreError> {
    sessions
        .run(|mut session| async move {
            let time = match &load.as_of {
                AsOf::Time(time) => Some(time::to_micros(time)),
                AsOf::Now | AsOf::Sequence(_) => None,
            };
            let found = query(STREAM)
                .bind(load.stream.root)
                .bind(text::encode(&load.stream.domain))
                .bind(load.idempotency_key.as_deref().map(text::encode))
                .bind(load.fingerprint.as_deref())
                .bind(time)
                .fetch_optional(session.connection())
                .await?;
            let found = found.map(|row| Found::of(&row, load.fingerprint.as_deref())).transpose()?;
            session.done(found)
        })
        .await
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        self.writer.append(books).await
    }

    async fn load(&self, load: Load) -> Result<Loaded, StoreError> {
        let Some(mut found) = find(&self.sessions, &load).await? else { return Ok(Loaded::default()) };
        if found.unpublished {
            // What is decided on it must not be answered before it is on the disk.
            settle(&self.sessions).await?;
        }
        if let Some((first, count)) = found.recorded {
            let end = first.saturating_add(count);
            let recorded = range(&self.sessions, &self.names, found.id, first, end).await?;
            return Ok(Loaded { recorded: Some(recorded), ..Loaded::default() });
        }
        // What is behind the first query's instant is left out, and what is before it never changes.
        let next_sequence = found.end(load.as_of);
        let snapshot = found.snapshot.take().filter(|snapshot| snapshot.sequence < next_sequence);
        let from = snapshot.as_ref().map_or(0, |snapshot| snapshot.sequence + 1).max(load.from);
        let records = range(&self.sessions, &self.names, found.id, from, next_sequence).await?;
        Ok(Loaded { recorded: None, snapshot, records, next_sequence })
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM angzarr.records r
             WHERE r.position > $1 AND r.position <= {PUBLISHED} ORDER BY r.position LIMIT $2"
        );
        let (sql, names) = (&sql, &*self.names);
        self.sessions
            .run(|mut session| async move {
                let query = query(AssertSqlSafe(sql.as_str())).bind(number(after)).bind(count(limit));
                let records = fetch(session.connection(), names, query).await?;
                session.done(records)
            })
            .await
    }

    async fn read_correlated(&self, correlation_id: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM angzarr.records r
             WHERE hashtextextended(r.correlation_id, 0) = hashtextextended($1, 0) AND r.correlation_id = $1
                 AND r.position > $2 AND r.position <= {PUBLISHED} ORDER BY r.position LIMIT $3"
        );
        let (sql, names, id) = (&sql, &*self.names, &text::encode(correlation_id));
        self.sessions
            .run(|mut session| async move {
                let query = query(AssertSqlSafe(sql.as_str())).bind(&**id).bind(number(after)).bind(count(limit));
                let records = fetch(session.connection(), names, query).await?;
                session.done(records)
            })
            .await
    }

    async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError> {
        let sql = format!(
            "SELECT s.root, s.key, r.sequence + 1 FROM angzarr.streams s
             CROSS JOIN LATERAL (
                 SELECT l.sequence FROM angzarr.records l
                 WHERE l.stream = s.id AND l.position <= {PUBLISHED} ORDER BY l.sequence DESC LIMIT 1
             ) r
             WHERE s.domain = $1 AND ($2::uuid IS NULL OR s.root > $2) ORDER BY s.root LIMIT $3"
        );
        let (sql, domain) = (&sql, &text::encode(domain));
        self.sessions
            .run(|mut session| async move {
                let rows = query(AssertSqlSafe(sql.as_str()))
                    .bind(&**domain)
                    .bind(after)
                    .bind(count(limit))
                    .fetch_all(session.connection())
                    .await?;
                let mut found = Vec::with_capacity(rows.len());
                for row in rows {
                    let key = text::decode(row.try_get(1)?).as_ref().into();
                    found.push(Root { root: row.try_get(0)?, key, next_sequence: sequence(row.try_get(2)?)? });
                }
                session.done(found)
            })
            .await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        head(&self.sessions).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.listener.watch()
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        let (stream, snapshot) = (&stream, &snapshot);
        self.sessions
            .run(|mut session| async move {
                query(
                    "INSERT INTO angzarr.snapshots (stream, sequence, checksum, fingerprint, type, state)
                     SELECT s.id, $3, $4, $5, $6, $7 FROM angzarr.streams s WHERE s.root = $1 AND s.domain = $2
                     ON CONFLICT (stream) DO UPDATE SET
                         sequence = excluded.sequence, checksum = excluded.checksum,
                         fingerprint = excluded.fingerprint, type = excluded.type, state = excluded.state",
                )
                .bind(stream.root)
                .bind(text::encode(&stream.domain))
                .bind(i64::from(snapshot.sequence))
                .bind(snapshot.checksum())
                .bind(&snapshot.fingerprint)
                .bind(text::encode(&snapshot.state.type_name))
                .bind(&*snapshot.state.value)
                .execute(session.connection())
                .await?;
                session.done(())
            })
            .await
    }

    async fn deadlines(&self, domain: &str, until: Timestamp, limit: usize) -> Result<Vec<Deadline>, StoreError> {
        let sql = format!(
            "SELECT name, at, position FROM angzarr.deadlines
             WHERE domain = $1 AND at <= $2 AND position <= {PUBLISHED} ORDER BY at, position LIMIT $3"
        );
        let (sql, domain, names) = (&sql, &text::encode(domain), &*self.names);
        self.sessions
            .run(|mut session| async move {
                let rows = query(AssertSqlSafe(sql.as_str()))
                    .bind(&**domain)
                    .bind(time::to_micros(&until))
                    .bind(count(limit))
                    .fetch_all(session.connection())
                    .await?;
                let mut due = Vec::with_capacity(rows.len());
                for row in rows {
                    let name = text::decode(row.try_get(0)?).into_owned();
                    due.push((Due { name, at: time::from_micros(row.try_get(1)?) }, row.try_get(2)?));
                }
                let positions = due.iter().map(|(_, position)| *position).collect();
                let records = at_positions(session.connection(), names, positions).await?;
                let due = due.into_iter().zip(records).map(|((due, _), record)| Deadline { due, record }).collect();
                session.done(due)
            })
            .await
    }
}

/// The records at these positions, in their order.
pub(super) async fn at_positions(
    connection: &mut PgConnection,
    names: &Names,
    positions: Vec<i64>,
) -> Result<Vec<Record>, Failed> {
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::bigint[]) WITH ORDINALITY AS p (position, place)
         JOIN angzarr.records r ON r.position = p.position ORDER BY p.place"
    );
    let wanted = positions.len();
    let records = fetch(connection, names, query(AssertSqlSafe(sql.as_str())).bind(positions)).await?;
    if records.len() != wanted {
        return Err(StoreError::Damaged { reason: "a record that is referred to is not there".into() }.into());
    }
    Ok(records)
}
