//! Views beside the log, in `PATH.views`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::lock::beside;
use super::{blocking, connect, schema};
use crate::store::StoreError;
use crate::view::{Changes, Key, ViewStore};

/// "ANGV": marks the file as ours.
const APPLICATION_ID: i32 = 0x414e_4756;
const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE TABLE views (
        name TEXT PRIMARY KEY,
        row_type TEXT NOT NULL,
        log BLOB NOT NULL,
        checkpoint INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE rows (
        view TEXT NOT NULL,
        key TEXT NOT NULL,
        row BLOB NOT NULL,
        PRIMARY KEY (view, key)
    ) WITHOUT ROWID;
";

/// Views in a SQLite file of their own. The owner of the log's lock owns it too.
#[derive(Debug)]
pub struct SqliteViews {
    path: PathBuf,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl SqliteViews {
    /// Opens the views of the log at `log_path`, creating their file if there is none.
    ///
    /// # Errors
    /// As for the log.
    pub async fn open(log_path: &Path) -> Result<Self, StoreError> {
        let path = beside(log_path, "views");
        blocking(move || {
            let connection = open(&path).map_err(|error| unusable(&path, error))?;
            Ok(Self { path, connection: Arc::new(Mutex::new(Some(connection))) })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (path, connection) = (self.path.clone(), self.connection.clone());
        blocking(move || {
            // An unfinished transaction is rolled back when it is dropped, so a poisoned lock guards a sound connection.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(connection.as_mut().ok_or(StoreError::Closed)?).map_err(|error| unusable(&path, error))
        })
        .await
    }
}

/// Views can be rebuilt: what is wrong with their file has another remedy than what is wrong with the log.
fn unusable(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Foreign { reason, .. } | StoreError::Damaged { reason } => {
            StoreError::ViewsUnusable { path: path.to_owned(), reason }
        }
        other => other,
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    schema::recognise(&connection, path, APPLICATION_ID, VERSION)?;
    // Losing the last commits costs a little rebuilding, so they need not wait for the disk.
    schema::durable(&connection, "NORMAL")?;
    if schema::is_empty(&connection)? {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        connection.execute_batch(TABLES)?;
        schema::mark(&connection, APPLICATION_ID, VERSION)?;
        connection.execute_batch("COMMIT")?;
    }
    Ok(connection)
}

#[async_trait]
impl ViewStore for SqliteViews {
    async fn checkpoint(&self, view: &str, row_type: &str, log: Uuid, head: u64) -> Result<u64, StoreError> {
        let (view, row_type) = (view.to_owned(), row_type.to_owned());
        self.run(move |connection| {
            let stamp = connection
                .query_row("SELECT row_type, log, checkpoint FROM views WHERE name = ?1", [&view], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?.unsigned_abs()))
                })
                .optional()?;
            if let Some((found_type, found_log, checkpoint)) = stamp
                && found_type == row_type
                && found_log == log.as_bytes()
                && checkpoint <= head
            {
                return Ok(checkpoint);
            }
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM rows WHERE view = ?1", [&view])?;
            transaction.execute(
                "INSERT OR REPLACE INTO views (name, row_type, log, checkpoint) VALUES (?1, ?2, ?3, 0)",
                params![view, row_type, log.as_bytes().as_slice()],
            )?;
            transaction.commit()?;
            Ok(0)
        })
        .await
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let (view, key) = (view.to_owned(), key.to_string());
        self.run(move |connection| {
            let row: Option<Vec<u8>> = connection
                .prepare_cached("SELECT row FROM rows WHERE view = ?1 AND key = ?2")?
                .query_row([view, key], |row| row.get(0))
                .optional()?;
            Ok(row.map(Bytes::from))
        })
        .await
    }

    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let view = view.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached("SELECT key, row FROM rows WHERE view = ?1 ORDER BY key")?;
            let rows = statement.query_map([view], |row| {
                Ok((Key::parse(&row.get::<_, String>(0)?), Bytes::from(row.get::<_, Vec<u8>>(1)?)))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn commit(&self, view: &str, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let view = view.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            for (key, row) in changes {
                match row {
                    Some(row) => transaction
                        .prepare_cached("INSERT OR REPLACE INTO rows (view, key, row) VALUES (?1, ?2, ?3)")?
                        .execute(params![view, key.to_string(), row.as_ref()])?,
                    None => transaction
                        .prepare_cached("DELETE FROM rows WHERE view = ?1 AND key = ?2")?
                        .execute(params![view, key.to_string()])?,
                };
            }
            transaction
                .prepare_cached("UPDATE views SET checkpoint = ?2 WHERE name = ?1")?
                .execute(params![view, i64::try_from(checkpoint).unwrap_or(i64::MAX)])?;
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let closing = self.connection.clone();
        blocking(move || {
            drop(closing.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        })
        .await
    }
}
