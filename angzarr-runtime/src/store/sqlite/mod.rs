//! One SQLite file: a writer thread that commits what has gathered, and a few readers.
//!
//! WAL with `synchronous = FULL`: a commit returns after the log file has been forced to disk. One application owns
//! the file, by a lock on `PATH.lock` that the system releases when the process dies.

mod lock;
mod reader;
mod schema;
mod views;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Appended, Load, Loaded, NewBook, Record, Snapshot, Store, StoreError, StreamId};
use lock::ProcessLock;
use reader::Readers;
use writer::{Job, Writer};

pub use views::SqliteViews;

/// How long a connection waits for a lock that another one holds, before it is called in use.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A log in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    log_id: Uuid,
    path: PathBuf,
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the log at `path`, creating it if there is no such file.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process or application has it, [`StoreError::Foreign`] if the file is something else,
    /// [`StoreError::CannotOpen`] for whatever the system refuses.
    pub async fn open(path: PathBuf) -> Result<Self, StoreError> {
        blocking(move || {
            let path = canonical(&path)?;
            let lock = ProcessLock::acquire(&path)?;
            let connection = connect(&path)?;
            let log_id = schema::prepare(&connection, &path)?;
            let readers = Readers::open(&path)?;
            let writer = Writer::start(connection, lock, &path)?;
            Ok(Self { log_id, path, writer, readers })
        })
        .await
    }

    /// The file, with all links resolved: one log has one path, one lock, and one file of views beside it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(job(answer)).await?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        self.write(|answer| Job::Append { books, answer }).await.unwrap_or_else(|error| vec![Err(error)])
    }

    async fn load(&self, load: Load) -> Result<Loaded, StoreError> {
        self.readers.run(move |connection| reader::load(connection, &load)).await
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.readers.run(move |connection| reader::read(connection, after, limit)).await
    }

    async fn head(&self) -> Result<u64, StoreError> {
        self.readers.run(reader::head).await
    }

    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.write(|answer| Job::Snapshot { stream, snapshot: Box::new(snapshot), answer }).await
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        let consumer = consumer.to_owned();
        self.readers.run(move |connection| reader::checkpoint(connection, &consumer)).await
    }

    async fn save_checkpoint(&self, consumer: &str, position: u64) -> Result<(), StoreError> {
        let consumer = consumer.to_owned();
        self.write(|answer| Job::Checkpoint { consumer, position, answer }).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let closed = self.write(|answer| Job::Close { answer }).await;
        // Closing what is closed already is fine.
        if closed == Err(StoreError::Closed) { Ok(()) } else { closed }
    }
}

/// Resolves links. The file itself need not exist yet, its folder must.
fn canonical(path: &Path) -> Result<PathBuf, StoreError> {
    let refused = |error: std::io::Error| StoreError::CannotOpen { path: path.to_owned(), reason: error.to_string() };
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
        StoreError::Unavailable { reason } => StoreError::CannotOpen { path: path.to_owned(), reason },
        other => other,
    };
    // Without SQLITE_OPEN_URI: a path is a path, whatever it starts with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(StoreError::Unavailable { reason: error.to_string() }))
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
