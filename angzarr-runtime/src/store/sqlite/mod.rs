//! One SQLite file: a writer thread that commits what has gathered, and a few readers.
//!
//! WAL with `synchronous = FULL`: a commit returns after the log file has been forced to disk. Several processes may
//! have the file open; SQLite's own lock makes their commits follow each other. Readers of other processes are woken by
//! a poll every 50 ms, since SQLite cannot tell them.
//!
//! Every process holds a shared lock on `PATH.lock`, which the system releases when it dies. Whoever opens the log and
//! finds nobody else there knows that all leases are left over, and frees them; otherwise a lease whose holder died is
//! taken over once it was silent for long enough.

mod append;
mod consumers;
mod events;
mod group;
mod lock;
mod orders;
mod reader;
mod rows;
mod schema;
mod tables;
mod view_tables;
mod views;
mod watcher;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Store, StoreError};
use group::Transaction;
use lock::{OpenLock, refused};
use reader::Readers;
use watcher::Watcher;
use writer::Writer;

pub(crate) use tables::SqliteTables;
pub use views::SqliteViews;

/// How long a connection waits for a lock that another one holds, before it is called in use.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A log in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    log_id: Uuid,
    path: PathBuf,
    /// Under which leases are held.
    holder: Uuid,
    writer: Writer,
    readers: Readers,
    head: watch::Sender<u64>,
    /// Changes with orders and answers.
    orders: watch::Sender<u64>,
    /// None once it is closed.
    watcher: Mutex<Option<Watcher>>,
}

impl SqliteStore {
    /// Opens the log at `path`, creating it if there is no such file.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another program has it locked, [`StoreError::Foreign`] if the file is something else,
    /// [`StoreError::Altered`] if somebody changed its tables, [`StoreError::NoRights`] and [`StoreError::CannotOpen`]
    /// for whatever the system refuses.
    pub async fn open(path: PathBuf) -> Result<Self, StoreError> {
        blocking(move || {
            let path = canonical(&path)?;
            let lock = OpenLock::acquire(&path, || free_leases(&path))?;
            let connection = connect(&path)?;
            schema::LOG.prepare(&connection, &path, "FULL")?;
            let log_id = schema::log_id(&connection)?;
            let head = watch::Sender::new(events::last_position(&connection)?.unsigned_abs());
            let readers = Readers::open(&path)?;
            let orders = watch::Sender::new(0);
            let watcher = Watcher::start(&path, head.clone(), orders.clone())?;
            let writer = Writer::start(connection, lock, head.clone(), &path)?;
            let (holder, watcher) = (Uuid::new_v4(), Mutex::new(Some(watcher)));
            Ok(Self { log_id, path, holder, writer, readers, head, orders, watcher })
        })
        .await
    }

    /// The file, with all links resolved: one log has one path, one lock, and one file of views beside it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Nobody has the log open: whoever held leases is gone.
fn free_leases(path: &Path) -> Result<(), StoreError> {
    let connection = connect(path)?;
    schema::LOG.prepare(&connection, path, "FULL")?;
    connection.execute("UPDATE consumers SET holder = NULL WHERE holder IS NOT NULL", [])?;
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let holder = self.holder;
        let free = move |transaction: &mut Transaction<'_>| {
            let free = "UPDATE consumers SET holder = NULL WHERE holder = ?1";
            Ok(transaction.connection.execute(free, [holder.as_bytes().as_slice()]).map(drop)?)
        };
        match self.writer.write(free).await {
            Ok(()) | Err(StoreError::Closed) => {}
            // Whoever waits for them finds out by himself, if later.
            Err(error) => tracing::warn!(code = error.code(), %error, "leases were not given back"),
        }
        // Before the writer: whoever is last leaves one file, with all that was written to it.
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        let end = move || {
            watcher.into_iter().for_each(Watcher::end);
            Ok(())
        };
        blocking(end).await?;
        self.writer.close().await
    }
}

/// Resolves links. The file itself need not exist yet, its folder must.
fn canonical(path: &Path) -> Result<PathBuf, StoreError> {
    let refused = |error: std::io::Error| refused(path, &error);
    if path.symlink_metadata().is_ok() {
        return path.canonicalize().map_err(refused);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| refused(std::io::ErrorKind::InvalidFilename.into()))?;
    Ok(folder.canonicalize().map_err(refused)?.join(name))
}

/// Opens a file the way all connections of this store do.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let refused = |error: Error| match translate(&error) {
        StoreError::Unavailable { reason } => cannot_open(path, reason),
        other => other,
    };
    // Without SQLITE_OPEN_URI: a path is a path, whatever it starts with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    // What may not be written is opened for reading. Reading it would leave files beside it that may not be written
    // either, even after the rights to this one were mended.
    if connection.is_readonly("main").map_err(refused)? {
        return Err(StoreError::NoRights { place: path.display().to_string(), reason: "it may only be read".into() });
    }
    connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// SQLite says only that it cannot open a file; the system knows whether that is for lack of rights.
fn cannot_open(path: &Path, reason: String) -> StoreError {
    match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return refused(path, &error),
        Err(_) => {}
        // To close it would release the locks of other connections of this process.
        Ok(file) => std::mem::forget(file),
    }
    StoreError::CannotOpen { place: path.display().to_string(), reason }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
}

/// Does something in a transaction of a connection whose commits need not wait for the disk; this one does, and with it
/// all that were before it are there.
fn durably<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    let done = (|| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    })();
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    done
}

/// Returns when everything that was committed is on the disk.
fn force(connection: &mut Connection) -> Result<(), StoreError> {
    durably(connection, |connection| {
        // What changes nothing is not written, but for this: its page is, whatever the number was before.
        let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(connection.pragma_update(None, "user_version", version)?)
    })
}

/// SQLite's errors in our words.
fn translate(error: &Error) -> StoreError {
    let reason = error.to_string();
    match error {
        _ if is_conversion(error) => return StoreError::Damaged { reason },
        Error::QueryReturnedNoRows => return StoreError::Damaged { reason },
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { reason },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            StoreError::Damaged { reason }
        }
        _ => StoreError::Unavailable { reason },
    }
}

/// Whether a stored value has another type or range than the tables give it.
fn is_conversion(error: &Error) -> bool {
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    )
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        translate(&error)
    }
}
