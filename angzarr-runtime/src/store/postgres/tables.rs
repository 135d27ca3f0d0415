//! Tables of projectors' own in the log's database: where they are, and over which rights, is their users' to say.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgConnection, PgRow, PgTypeInfo};
use sqlx::{
    Arguments, AssertSqlSafe, Column, Either, Encode, Error, Executor, Postgres, Row, Type, TypeInfo, ValueRef, query,
    query_as, query_scalar, raw_sql,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use uuid::Uuid;

use super::error::{Failed, translate};
use super::session::{ANSWER, SOON, Server, Sessions, passing, within};
use super::{number, text};
use crate::store::{EventRef, Lease, StoreError};
use crate::tables::{Mark, Ran, SqlError, SqlRow, TableStore, Transaction};
use crate::view::Value;

/// How many transactions are open at a time.
const CONNECTIONS: usize = 8;

/// Tables of projectors' own, in PostgreSQL.
#[derive(Debug)]
pub(super) struct PostgresTables {
    /// For what the runtime keeps of them.
    sessions: Arc<Sessions>,
    pool: Arc<Pool>,
}

/// Connections whose settings are those of a user's session.
#[derive(Debug)]
struct Pool {
    server: Server,
    idle: Mutex<Vec<PgConnection>>,
    permits: Arc<Semaphore>,
}

impl PostgresTables {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        let (server, permits) = (sessions.server().for_users(), Arc::new(Semaphore::new(CONNECTIONS)));
        Self { sessions, pool: Arc::new(Pool { server, idle: Mutex::default(), permits }) }
    }

    pub(super) fn close(&self) {
        self.pool.permits.close();
        // The server notices the end of a connection without being told.
        self.pool.idle().clear();
    }
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(self: &Arc<Self>, patience: Duration) -> Result<Open, StoreError> {
        let busy = |_| StoreError::Unavailable { reason: "other transactions take their time".to_owned() };
        let permit = timeout(patience, self.permits.clone().acquire_owned()).await.map_err(busy)?;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.server.connect().await.map_err(|failed| passing(failed.into()))?,
        };
        Ok(Open { pool: self.clone(), connection, _permit: permit })
    }
}

/// A connection while it is used. The server rolls back what a connection that is dropped has not committed.
struct Open {
    pool: Arc<Pool>,
    connection: PgConnection,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    /// Gives the connection back to whoever needs it next.
    fn done(self) {
        if !self.pool.permits.is_closed() {
            self.pool.idle().push(self.connection);
        }
    }
}

fn lost(lease: &Lease) -> StoreError {
    StoreError::LeaseLost { consumer: lease.consumer.to_string() }
}

#[async_trait]
impl TableStore for PostgresTables {
    async fn take(&self, _: Uuid, lease: &Lease) -> Result<Option<u64>, StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let known = self.sessions.run(|mut session| async move {
            // Locks the row as no commit of an older holder can while it is being made.
            let known: Option<(i64, i64)> = query_as(
                "WITH known AS (SELECT token, position FROM angzarr.table_writers WHERE consumer = $1 FOR UPDATE),
                     taken AS (UPDATE angzarr.table_writers t SET token = $2 FROM known
                        WHERE t.consumer = $1 AND known.token <= $2)
                 SELECT token, position FROM known",
            )
            .bind(&**consumer)
            .bind(number(lease.token))
            .fetch_optional(session.connection())
            .await?;
            session.done(known)
        });
        match known.await? {
            Some((token, _)) if token > number(lease.token) => Err(lost(lease)),
            known => Ok(known.map(|(_, position)| position.unsigned_abs())),
        }
    }

    async fn enrol(&self, log: Uuid, lease: &Lease, checkpoint: u64) -> Result<(), StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let enrolled = self.sessions.run(|mut session| async move {
            query(
                "INSERT INTO angzarr.table_writers AS w (consumer, token, position) VALUES ($1, 0, $2)
                 ON CONFLICT (consumer) DO UPDATE SET position = greatest(w.position, excluded.position)
                    WHERE w.token <= $3",
            )
            .bind(&**consumer)
            .bind(number(checkpoint))
            .bind(number(lease.token))
            .execute(session.connection())
            .await?;
            session.done(())
        });
        enrolled.await?;
        self.take(log, lease).await.map(drop)
    }

    async fn last_handled(&self, lease: &Lease) -> Result<u64, StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let last = self.sessions.run(|mut session| async move {
            let last: i64 = query_scalar(
                "SELECT greatest(0, (SELECT position FROM angzarr.table_writers WHERE consumer = $1),
                     (SELECT max(position) FROM angzarr.handled WHERE consumer = $1))",
            )
            .bind(&**consumer)
            .fetch_one(session.connection())
            .await?;
            session.done(last)
        });
        Ok(last.await?.unsigned_abs())
    }

    async fn begin(
        &self,
        lease: &Lease,
        event: EventRef,
        limit: Duration,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        let mut open = self.pool.open(limit).await?;
        let (consumer, position) = (text::encode(&lease.consumer), number(event.position));
        let begin = async {
            // What an earlier transaction set for the session is none of this one's concern. 0 would be no limit.
            let begin = format!(
                "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; BEGIN; SET LOCAL statement_timeout = {}",
                i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
            );
            raw_sql(AssertSqlSafe(begin)).execute(&mut open.connection).await?;
            query_scalar(
                "SELECT EXISTS (SELECT FROM angzarr.handled WHERE consumer = $1 AND position = $2 AND part = $3)",
            )
            .bind(&*consumer)
            .bind(position)
            .bind(i64::from(event.part))
            .fetch_one(&mut open.connection)
            .await
        };
        let handled: Result<bool, Error> = within(ANSWER, begin).await?;
        let handled = handled.map_err(|error| {
            // What happened to one connection has happened to most.
            self.pool.idle().clear();
            passing(translate(&error))
        })?;
        let transaction = Box::new(PostgresTransaction { open: Some(open), lease: lease.clone(), event, limit });
        if handled {
            transaction.roll_back().await;
            return Ok(None);
        }
        Ok(Some(transaction))
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let saved = self.sessions.run(|mut session| async move {
            let saved: i64 = query_scalar(
                "WITH saved AS (UPDATE angzarr.table_writers SET position = $3 WHERE consumer = $1 AND token = $2
                        RETURNING consumer),
                     gone AS (DELETE FROM angzarr.handled h USING saved
                        WHERE h.consumer = saved.consumer AND h.position <= $3 AND NOT h.parked)
                 SELECT count(*) FROM saved",
            )
            .bind(&**consumer)
            .bind(number(lease.token))
            .bind(number(position))
            .fetch_one(session.connection())
            .await?;
            session.done(saved)
        });
        if saved.await? == 0 { Err(lost(lease)) } else { Ok(()) }
    }

    async fn keep(&self, lease: &Lease, events: &[EventRef]) -> Result<(), StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let positions: &Vec<i64> = &events.iter().map(|event| number(event.position)).collect();
        let parts: &Vec<i64> = &events.iter().map(|event| event.part.into()).collect();
        let held = self.sessions.run(|mut session| async move {
            let held: i64 = query_scalar(
                "WITH held AS (SELECT consumer FROM angzarr.table_writers WHERE consumer = $1 AND token = $2
                        FOR KEY SHARE),
                     kept AS (UPDATE angzarr.handled h SET parked = true
                        FROM held, unnest($3::bigint[], $4::bigint[]) AS u (position, part)
                        WHERE h.consumer = held.consumer AND h.position = u.position
                            AND (h.part = u.part OR u.part = $5))
                 SELECT count(*) FROM held",
            )
            .bind(&**consumer)
            .bind(number(lease.token))
            .bind(positions)
            .bind(parts)
            .bind(i64::from(EventRef::WHOLE))
            .fetch_one(session.connection())
            .await?;
            session.done(held)
        });
        if held.await? == 0 { Err(lost(lease)) } else { Ok(()) }
    }

    async fn forget(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        let consumer = &text::encode(&lease.consumer);
        let forgotten = self.sessions.run(|mut session| async move {
            query(
                "DELETE FROM angzarr.handled
                 WHERE consumer = $1 AND position = $2 AND (part = $3 OR $3 = $4) AND parked",
            )
            .bind(&**consumer)
            .bind(number(event.position))
            .bind(i64::from(event.part))
            .bind(i64::from(EventRef::WHOLE))
            .execute(session.connection())
            .await?;
            session.done(())
        });
        forgotten.await
    }

    /// The checkpoint and the parks lie in the same database: whatever is flushed of them, so is what came before it.
    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn run(&self, statements: &str) -> Result<(), SqlError> {
        let mut open = self.pool.open(ANSWER).await?;
        let run = async {
            raw_sql("BEGIN").execute(&mut open.connection).await?;
            // Several processes may start at a time, and `IF NOT EXISTS` alone does not keep them apart.
            raw_sql("SELECT pg_catalog.pg_advisory_xact_lock(1095649114, 1)").execute(&mut open.connection).await?;
            raw_sql(AssertSqlSafe(statements)).execute(&mut open.connection).await?;
            raw_sql("COMMIT").execute(&mut open.connection).await
        };
        within(ANSWER, run).await?.map_err(|error| told(&error))?;
        open.done();
        Ok(())
    }
}

struct PostgresTransaction {
    /// None after a call that failed or was given up: the connection is of no more use.
    open: Option<Open>,
    lease: Lease,
    event: EventRef,
    limit: Duration,
}

impl fmt::Debug for PostgresTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresTransaction").field("lease", &self.lease).field("event", &self.event).finish()
    }
}

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Ran, SqlError> {
        let mut open = self.open.take().ok_or(StoreError::Closed)?;
        let ran = within(self.limit + SOON, ran(&mut open.connection, sql, params)).await??;
        self.open = Some(open);
        Ok(ran)
    }

    async fn commit(mut self: Box<Self>, mark: Mark) -> Result<(), SqlError> {
        let mut open = self.open.take().ok_or(StoreError::Closed)?;
        let (consumer, position) = (text::encode(&self.lease.consumer), number(self.event.position));
        let commit = async {
            // The lock lets checkpoints be saved meanwhile, but nobody take the tables.
            let (held, marked): (i64, i64) = query_as(
                "WITH held AS (SELECT FROM angzarr.table_writers WHERE consumer = $1 AND token = $2 FOR KEY SHARE),
                     marked AS (INSERT INTO angzarr.handled (consumer, position, part, parked)
                        SELECT $1, $3, $4, $5 FROM held ON CONFLICT DO NOTHING RETURNING position)
                 SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM marked)",
            )
            .bind(&*consumer)
            .bind(number(self.lease.token))
            .bind(position)
            .bind(i64::from(self.event.part))
            .bind(mark == Mark::UntilUnparked)
            .fetch_one(&mut open.connection)
            .await?;
            // Whoever was faster did the same.
            let end = if held == 1 && marked == 1 { "COMMIT" } else { "ROLLBACK" };
            raw_sql(end).execute(&mut open.connection).await?;
            Ok(held == 1)
        };
        // Constraints may be deferred until now.
        let held = within(ANSWER, commit).await?.map_err(|error| told(&error))?;
        open.done();
        if held { Ok(()) } else { Err(lost(&self.lease).into()) }
    }

    async fn roll_back(mut self: Box<Self>) {
        let Some(mut open) = self.open.take() else { return };
        if let Ok(Ok(_)) = within(ANSWER, raw_sql("ROLLBACK").execute(&mut open.connection)).await {
            open.done();
        }
    }
}

async fn ran(connection: &mut PgConnection, sql: &str, params: &[Value]) -> Result<Ran, SqlError> {
    let told = |error: Error| told(&error);
    let mut values = PgArguments::default();
    for param in params {
        add(&mut values, param).map_err(|error| SqlError::Refused(error.to_string()))?;
    }
    let mut ran = Ran::default();
    let mut columns: Option<Arc<[String]>> = None;
    let mut came = connection.fetch_many(sqlx::query_with(AssertSqlSafe(sql), values));
    while let Some(one) = came.try_next().await.map_err(told)? {
        match one {
            Either::Left(done) => ran.affected += done.rows_affected(),
            Either::Right(row) => {
                let names = || row.columns().iter().map(|column| column.name().to_owned()).collect();
                let columns = columns.get_or_insert_with(names).clone();
                let values = (0..columns.len()).map(|index| value(&row, index)).collect::<Result<_, _>>()?;
                ran.rows.push(SqlRow::new(columns, values));
            }
        }
    }
    Ok(ran)
}

/// A null of whatever type is wanted.
struct Null;

impl Type<Postgres> for Null {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Null {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

fn add(arguments: &mut PgArguments, value: &Value) -> Result<(), BoxDynError> {
    match value {
        Value::Null => arguments.add(Null),
        Value::Text(text) => arguments.add(&**text),
        Value::Integer(number) => arguments.add(*number),
        Value::Unsigned(number) => match i64::try_from(*number) {
            Ok(number) => arguments.add(number),
            Err(_) => Err(format!("{number} is no bigint; give it as text, and write $1::numeric").into()),
        },
        Value::Real(number) => arguments.add(*number),
        Value::Boolean(is) => arguments.add(*is),
        Value::Bytes(bytes) => arguments.add(&**bytes),
    }
}

fn value(row: &PgRow, index: usize) -> Result<Value, SqlError> {
    let told = |error: Error| told(&error);
    let raw = row.try_get_raw(index).map_err(told)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info();
    let value = match kind.name() {
        "BOOL" => row.try_get(index).map(Value::Boolean),
        "INT2" => row.try_get::<i16, _>(index).map(|number| Value::Integer(number.into())),
        "INT4" => row.try_get::<i32, _>(index).map(Value::from),
        "INT8" => row.try_get(index).map(Value::Integer),
        "FLOAT4" => row.try_get::<f32, _>(index).map(Value::from),
        "FLOAT8" => row.try_get(index).map(Value::Real),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => row.try_get(index).map(Value::Text),
        "BYTEA" => row.try_get::<Vec<u8>, _>(index).map(Value::from),
        other => {
            let name = row.columns().get(index).map(Column::name).unwrap_or_default();
            let reason = format!("the column `{name}` is of type {other}; cast it, to text or bigint say");
            return Err(SqlError::Refused(reason));
        }
    };
    value.map_err(told)
}

/// What is the statement's fault, and what the server's.
fn told(error: &Error) -> SqlError {
    let Error::Database(database) = error else {
        return match Failed::from_driver(error) {
            Failed::Lost(error) => SqlError::Store(passing(error)),
            Failed::Refused(_) => SqlError::Refused(error.to_string()),
        };
    };
    let code = database.code().unwrap_or_default();
    match &*code {
        // Transactions that stood in each other's way, and a lock that was not to be had: all of it may pass.
        "40001" | "40P01" | "55P03" => {
            SqlError::Store(StoreError::Unavailable { reason: database.message().to_owned() })
        }
        // A server that takes no writes any more since another one has its place, or that has no memory or disk to spare.
        "25006" | "XX001" | "XX002" => SqlError::Store(translate(error)),
        code if code.starts_with("53") || code.starts_with("58") => SqlError::Store(passing(translate(error))),
        // Ended by the server, since nothing was asked for too long; and another number of values than of parameters.
        "25P03" | "08P01" => SqlError::Refused(format!("{} ({code})", database.message())),
        _ => match Failed::from_driver(error) {
            Failed::Lost(error) => SqlError::Store(passing(error)),
            Failed::Refused(_) => SqlError::Refused(format!("{} ({code})", database.message())),
        },
    }
}
