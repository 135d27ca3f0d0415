//! Tables of projectors' own beside the log, in `PATH.tables`, or in memory.
//!
//! They have a file of their own: a handler may take its time within a transaction, and SQLite has one writer a file.
//! There is one connection, which a transaction keeps from its first statement to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Statement, TransactionBehavior, params};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;
use uuid::Uuid;

use super::lock::beside;
use super::view_tables::{number, stored};
use super::{blocking, connect, durably, force, schema, translate};
use crate::store::{EventRef, Lease, StoreError};
use crate::tables::{Mark, Ran, SqlError, SqlRow, TableStore, Transaction};
use crate::view::Value;

/// How many steps of its machine SQLite takes between two looks at whether anybody waits.
const STEPS: i32 = 1_000;

/// Tables of projectors' own, in SQLite.
#[derive(Debug)]
pub(crate) struct SqliteTables {
    place: Arc<Mutex<Place>>,
}

#[derive(Debug)]
enum Place {
    /// Nobody has needed it yet, and there may be no such file; in memory there is none.
    Unopened(Option<PathBuf>),
    Open(Connection),
    Closed,
}

impl Place {
    /// The connection, whether or not the file was there before.
    fn made(&mut self) -> Result<&mut Connection, StoreError> {
        if let Place::Unopened(path) = self {
            *self = Place::Open(open(path.as_deref())?);
        }
        match self {
            Place::Open(connection) => Ok(connection),
            _ => Err(StoreError::Closed),
        }
    }

    /// The connection, if there is anything to connect to.
    fn found(&mut self) -> Result<Option<&mut Connection>, StoreError> {
        match self {
            Place::Unopened(path) if path.as_ref().is_none_or(|path| !path.exists()) => Ok(None),
            _ => self.made().map(Some),
        }
    }
}

impl Default for SqliteTables {
    /// Those of a log in memory.
    fn default() -> Self {
        Self { place: Arc::new(Mutex::new(Place::Unopened(None))) }
    }
}

impl SqliteTables {
    /// Those beside a log.
    pub(super) fn beside(log_path: &Path) -> Self {
        Self { place: Arc::new(Mutex::new(Place::Unopened(Some(beside(log_path, "tables"))))) }
    }

    async fn at<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Place) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut place = self.place.clone().lock_owned().await;
        blocking(move || work(&mut place)).await
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.at(|place| {
            *place = Place::Closed;
            Ok(())
        })
        .await
    }
}

fn open(path: Option<&Path>) -> Result<Connection, StoreError> {
    let Some(path) = path else {
        let connection = Connection::open_in_memory()?;
        schema::TABLES.make(&connection)?;
        return Ok(connection);
    };
    let connection = connect(path)?;
    // The checkpoint lies beside what it is about, so that losing the last commits only repeats them.
    schema::TABLES.prepare(&connection, path, "NORMAL")?;
    Ok(connection)
}

fn lost(lease: &Lease) -> StoreError {
    StoreError::LeaseLost { consumer: lease.consumer.to_string() }
}

/// What is known of a projector: token and checkpoint.
fn writer(connection: &Connection, log: Uuid, lease: &Lease) -> Result<Option<(u64, u64)>, StoreError> {
    let found: Option<(Vec<u8>, i64, i64)> = connection
        .query_row("SELECT log, token, position FROM angzarr_writers WHERE name = ?1", [&*lease.consumer], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((of, token, position)) = found else { return Ok(None) };
    if of != log.as_bytes() {
        let place = connection.path().unwrap_or_default().to_owned();
        let reason = format!("the tables of {} were written from another log", lease.consumer);
        return Err(StoreError::Foreign { place, reason });
    }
    if token.unsigned_abs() > lease.token {
        return Err(lost(lease));
    }
    Ok(Some((token.unsigned_abs(), position.unsigned_abs())))
}

/// Fails unless the lease is the last one that took the tables.
fn fence(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    let mut holds = connection.prepare_cached("SELECT 1 FROM angzarr_writers WHERE name = ?1 AND token = ?2")?;
    if holds.exists(params![&*lease.consumer, number(lease.token)])? { Ok(()) } else { Err(lost(lease)) }
}

fn raise(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    let raise = "UPDATE angzarr_writers SET token = ?2 WHERE name = ?1";
    connection.prepare_cached(raise)?.execute(params![&*lease.consumer, number(lease.token)])?;
    Ok(())
}

#[async_trait]
impl TableStore for SqliteTables {
    async fn take(&self, log: Uuid, lease: &Lease) -> Result<Option<u64>, StoreError> {
        let lease = lease.clone();
        self.at(move |place| {
            let Some(connection) = place.found()? else { return Ok(None) };
            durably(connection, |connection| {
                let known = writer(connection, log, &lease)?;
                raise(connection, &lease)?;
                Ok(known.map(|(_, position)| position))
            })
        })
        .await
    }

    async fn enrol(&self, log: Uuid, lease: &Lease, checkpoint: u64) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.at(move |place| {
            durably(place.made()?, |connection| {
                // Refuses another log, and an older lease.
                writer(connection, log, &lease)?;
                connection.execute(
                    "INSERT INTO angzarr_writers (name, log, token, position) VALUES (?1, ?2, 0, ?3)
                     ON CONFLICT DO UPDATE SET position = max(position, excluded.position)",
                    params![&*lease.consumer, log.as_bytes().as_slice(), number(checkpoint)],
                )?;
                raise(connection, &lease)
            })
        })
        .await
    }

    async fn last_handled(&self, lease: &Lease) -> Result<u64, StoreError> {
        let lease = lease.clone();
        self.at(move |place| {
            let Some(connection) = place.found()? else { return Ok(0) };
            let last: i64 = connection.query_row(
                "SELECT max(ifnull((SELECT position FROM angzarr_writers WHERE name = ?1), 0),
                            ifnull((SELECT max(position) FROM angzarr_handled WHERE writer = ?1), 0))",
                [&*lease.consumer],
                |row| row.get(0),
            )?;
            Ok(last.unsigned_abs())
        })
        .await
    }

    async fn begin(
        &self,
        lease: &Lease,
        event: EventRef,
        limit: Duration,
    ) -> Result<Option<Box<dyn Transaction>>, StoreError> {
        let busy = |_| StoreError::Unavailable { reason: "other transactions take their time".to_owned() };
        let mut place = timeout(limit, self.place.clone().lock_owned()).await.map_err(busy)?;
        let lease = lease.clone();
        blocking(move || {
            place.made()?.execute_batch("BEGIN IMMEDIATE")?;
            let open = Open(place);
            let connection = open.connection()?;
            fence(connection, &lease)?;
            let handled = "SELECT 1 FROM angzarr_handled WHERE writer = ?1 AND position = ?2 AND part = ?3";
            let handled = connection.prepare_cached(handled)?.exists(params![
                &*lease.consumer,
                number(event.position),
                event.part
            ])?;
            let transaction = || Box::new(SqliteTransaction { open: Some(open), lease, event, limit });
            Ok((!handled).then(|| -> Box<dyn Transaction> { transaction() }))
        })
        .await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.at(move |place| {
            let transaction = place.made()?.transaction_with_behavior(TransactionBehavior::Immediate)?;
            fence(&transaction, &lease)?;
            for statement in [
                "UPDATE angzarr_writers SET position = ?2 WHERE name = ?1",
                "DELETE FROM angzarr_handled WHERE writer = ?1 AND position <= ?2 AND NOT parked",
            ] {
                transaction.prepare_cached(statement)?.execute(params![&*lease.consumer, number(position)])?;
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn keep(&self, lease: &Lease, events: &[EventRef]) -> Result<(), StoreError> {
        let (lease, events) = (lease.clone(), events.to_vec());
        self.at(move |place| {
            let transaction = place.made()?.transaction_with_behavior(TransactionBehavior::Immediate)?;
            fence(&transaction, &lease)?;
            {
                let mut keep = transaction.prepare_cached(
                    "UPDATE angzarr_handled SET parked = true
                     WHERE writer = ?1 AND position = ?2 AND (part = ?3 OR ?3 = ?4)",
                )?;
                for event in events {
                    keep.execute(params![&*lease.consumer, number(event.position), event.part, EventRef::WHOLE])?;
                }
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn forget(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.at(move |place| {
            let connection = place.made()?;
            let forget = "DELETE FROM angzarr_handled
                 WHERE writer = ?1 AND position = ?2 AND (part = ?3 OR ?3 = ?4) AND parked";
            connection.prepare_cached(forget)?.execute(params![
                &*lease.consumer,
                number(event.position),
                event.part,
                EventRef::WHOLE
            ])?;
            Ok(())
        })
        .await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.at(|place| force(place.made()?)).await
    }

    async fn run(&self, statements: &str) -> Result<(), SqlError> {
        let statements = statements.to_owned();
        let ran = self
            .at(move |place| {
                let transaction = place.made()?.transaction_with_behavior(TransactionBehavior::Immediate)?;
                if let Err(error) = transaction.execute_batch(&statements) {
                    return Ok(Err(told(&error)));
                }
                transaction.commit()?;
                Ok(Ok(()))
            })
            .await;
        ran?
    }
}

/// The connection in the middle of a transaction, which ends with it.
#[derive(Debug)]
struct Open(OwnedMutexGuard<Place>);

impl Open {
    fn connection(&self) -> Result<&Connection, StoreError> {
        match &*self.0 {
            Place::Open(connection) => Ok(connection),
            _ => Err(StoreError::Closed),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Ok(connection) = self.connection()
            && !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction was not rolled back");
        }
    }
}

#[derive(Debug)]
struct SqliteTransaction {
    /// None after a call that was given up.
    open: Option<Open>,
    lease: Lease,
    event: EventRef,
    limit: Duration,
}

/// Tells, once it is dropped, that nobody waits any more.
#[derive(Debug, Default)]
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a statement that ends when it is given up, or takes longer than `limit`: it has the only connection.
fn run_within(
    connection: &Connection,
    given_up: Arc<AtomicBool>,
    limit: Duration,
    sql: &str,
    params: &[Value],
) -> Result<Ran, SqlError> {
    let begun = Instant::now();
    let is_over = move || given_up.load(Ordering::Relaxed) || begun.elapsed() > limit;
    connection.progress_handler(STEPS, Some(is_over)).map_err(|error| told(&error))?;
    let ran = run(connection, sql, params);
    connection.progress_handler(STEPS, None::<fn() -> bool>).map_err(|error| told(&error))?;
    ran
}

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Ran, SqlError> {
        let open = self.open.take().ok_or(StoreError::Closed)?;
        let (sql, params, limit) = (sql.to_owned(), params.to_vec(), self.limit);
        let waiting = Waiting::default();
        let given_up = waiting.0.clone();
        let (open, ran) = blocking(move || {
            let connection = open.connection().map_err(SqlError::from);
            let ran = connection.and_then(|connection| run_within(connection, given_up, limit, &sql, &params));
            Ok((open, ran))
        })
        .await?;
        self.open = Some(open);
        ran
    }

    async fn commit(mut self: Box<Self>, mark: Mark) -> Result<(), SqlError> {
        let open = self.open.take().ok_or(StoreError::Closed)?;
        let committed = blocking(move || {
            let connection = open.connection()?;
            let mut marked = connection.prepare_cached(
                "INSERT INTO angzarr_handled (writer, position, part, parked) VALUES (?1, ?2, ?3, ?4)",
            )?;
            let parked = mark == Mark::UntilUnparked;
            marked.execute(params![&*self.lease.consumer, number(self.event.position), self.event.part, parked])?;
            // Constraints may be deferred until now.
            Ok(connection.execute_batch("COMMIT").map_err(|error| told(&error)))
        });
        committed.await?
    }

    async fn roll_back(mut self: Box<Self>) {
        let open = self.open.take();
        // A thread that is gone has rolled it back.
        let _ = blocking(move || {
            drop(open);
            Ok(())
        })
        .await;
    }
}

fn run(connection: &Connection, sql: &str, params: &[Value]) -> Result<Ran, SqlError> {
    let told = |error: rusqlite::Error| told(&error);
    let mut statement = connection.prepare(sql).map_err(told)?;
    bind(&mut statement, params)?;
    let columns: Arc<[String]> = statement.column_names().into_iter().map(ToOwned::to_owned).collect();
    let mut found = Vec::new();
    {
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(told)? {
            let values = (0..columns.len()).map(|index| row.get_ref(index).map_err(told).and_then(value));
            found.push(SqlRow::new(columns.clone(), values.collect::<Result<_, _>>()?));
        }
    }
    let affected = if statement.readonly() { 0 } else { connection.changes() };
    Ok(Ran { affected, rows: found })
}

/// Gives each parameter the value of its number. SQLite takes `$1` for a name.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<(), SqlError> {
    let mut highest = 0;
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or("?").to_owned();
        let given = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()).filter(|number| *number > 0);
        let given = given.ok_or_else(|| SqlError::Refused(format!("`{name}` is no parameter; they are $1, $2, …")))?;
        highest = highest.max(given);
        let Some(value) = params.get(given - 1) else { break };
        statement.raw_bind_parameter(index, stored(value)).map_err(|error| told(&error))?;
    }
    if highest == params.len() {
        return Ok(());
    }
    Err(SqlError::Refused(format!("the statement has {highest} parameters, but {} values were given", params.len())))
}

fn value(value: ValueRef<'_>) -> Result<Value, SqlError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text);
            Value::Text(text.map_err(|error| SqlError::Refused(error.to_string()))?.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec().into()),
    })
}

/// What is the statement's fault, and what the file's.
fn told(error: &rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen,
        ) => SqlError::Store(translate(error)),
        _ => SqlError::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_by_their_numbers() {
        let connection = Connection::open_in_memory().unwrap();
        let row = |sql: &str, params: &[Value]| run(&connection, sql, params).map(|ran| ran.rows[0].values().to_vec());
        let (one, two) = (Value::from(1), Value::from("two"));
        let values = [one.clone(), two.clone()];
        assert_eq!(row("SELECT $2, $1, $2", &values).unwrap(), [two.clone(), one, two]);
        for (sql, params, reason) in [
            ("SELECT ?", &values[..1], "`?` is no parameter; they are $1, $2, …"),
            ("SELECT :a", &values[..1], "`:a` is no parameter; they are $1, $2, …"),
            ("SELECT $0", &values[..1], "`$0` is no parameter; they are $1, $2, …"),
            ("SELECT $1, $3", &values, "the statement has 3 parameters, but 2 values were given"),
            ("SELECT $1", &values, "the statement has 1 parameters, but 2 values were given"),
            ("SELECT 1; SELECT 2", &[], "Multiple statements provided"),
        ] {
            assert_eq!(row(sql, params), Err(SqlError::Refused(reason.to_owned())), "{sql}");
        }
    }

    #[tokio::test]
    async fn tables_of_another_log_are_refused() {
        let tables = SqliteTables::default();
        let lease = Lease { consumer: "a.v1.app.Ledger".into(), token: 1 };
        tables.enrol(Uuid::from_u128(1), &lease, 0).await.unwrap();
        let refused = tables.take(Uuid::from_u128(2), &lease).await.unwrap_err();
        assert_eq!(refused.code(), "STORE_FOREIGN");
    }
}
