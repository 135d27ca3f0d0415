//! Views beside the log, in `PATH.views`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::lock::beside;
use super::{blocking, connect, schema};
use crate::store::StoreError;
use crate::view::{Changes, Key, Owner, ViewStore};

/// Views in a SQLite file of their own.
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
        StoreError::Foreign { reason, .. } | StoreError::Altered { reason, .. } | StoreError::Damaged { reason } => {
            StoreError::ViewsUnusable { place: path.display().to_string(), reason }
        }
        other => other,
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path)?;
    // Losing the last commits costs a little rebuilding, so they need not wait for the disk.
    schema::VIEWS.prepare(&connection, path, "NORMAL")?;
    Ok(connection)
}

/// What a view was made for, and how far it is.
struct Stamp {
    row_type: String,
    log: Vec<u8>,
    checkpoint: u64,
    token: i64,
}

impl Stamp {
    fn of(connection: &Connection, view: &str) -> Result<Option<Self>, StoreError> {
        let stamp = connection
            .prepare_cached("SELECT row_type, log, checkpoint, token FROM views WHERE name = ?1")?
            .query_row([view], |row| {
                let checkpoint = row.get::<_, i64>(2)?.unsigned_abs();
                Ok(Self { row_type: row.get(0)?, log: row.get(1)?, checkpoint, token: row.get(3)? })
            })
            .optional()?;
        Ok(stamp)
    }

    fn belongs_to(&self, log: Uuid, row_type: &str) -> bool {
        self.log == log.as_bytes() && self.row_type == row_type
    }
}

fn token(token: u64) -> i64 {
    i64::try_from(token).unwrap_or(i64::MAX)
}

#[async_trait]
impl ViewStore for SqliteViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, by: u64) -> Result<u64, StoreError> {
        let (view, log, row_type) = (view.to_owned(), owner.log, owner.row_type.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let stamp = Stamp::of(&transaction, &view)?;
            let checkpoint = match stamp {
                // Whatever its rows are made of; the tokens of another log say nothing about this one.
                Some(stamp) if stamp.log == log.as_bytes() && stamp.token > token(by) => {
                    return Err(StoreError::LeaseLost { consumer: view });
                }
                Some(stamp) if stamp.belongs_to(log, &row_type) && stamp.checkpoint <= head => {
                    transaction.execute("UPDATE views SET token = ?2 WHERE name = ?1", params![view, token(by)])?;
                    stamp.checkpoint
                }
                _ => {
                    transaction.execute("DELETE FROM rows WHERE view = ?1", [&view])?;
                    transaction.execute(
                        "INSERT OR REPLACE INTO views (name, row_type, log, checkpoint, token) VALUES (?1, ?2, ?3, 0, ?4)",
                        params![view, row_type, log.as_bytes().as_slice(), token(by)],
                    )?;
                    0
                }
            };
            transaction.commit()?;
            Ok(checkpoint)
        })
        .await
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let (view, log, row_type) = (view.to_owned(), owner.log, owner.row_type.to_owned());
        self.run(move |connection| {
            let stamp = Stamp::of(connection, &view)?.filter(|stamp| stamp.belongs_to(log, &row_type));
            Ok(stamp.map_or(0, |stamp| stamp.checkpoint))
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

    async fn commit(&self, view: &str, by: u64, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let view = view.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if Stamp::of(&transaction, &view)?.is_none_or(|stamp| stamp.token != token(by)) {
                return Err(StoreError::LeaseLost { consumer: view });
            }
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
