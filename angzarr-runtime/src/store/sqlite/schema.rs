//! Tables of the log, and how a file is recognised.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};
use uuid::Uuid;

use crate::store::StoreError;

/// "ANGZ": marks the file as ours.
const APPLICATION_ID: i32 = 0x414e_475a;

/// Raised with every change of the tables.
const VERSION: i32 = 1;

// Positions are given by the writer; `next_sequence` spares a look into `records` for every append. A key with
// `count` 0 stands for a decision without events.
const TABLES: &str = "
    CREATE TABLE log (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        id BLOB NOT NULL
    );
    CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        domain TEXT NOT NULL,
        root BLOB NOT NULL,
        key TEXT NOT NULL,
        next_sequence INTEGER NOT NULL,
        UNIQUE (domain, root)
    );
    CREATE TABLE records (
        position INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES streams (id),
        sequence INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        type TEXT NOT NULL,
        payload BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        occurred_at INTEGER,
        correlation_id TEXT NOT NULL,
        cause BLOB,
        UNIQUE (stream, sequence)
    );
    CREATE TABLE keys (
        stream INTEGER NOT NULL REFERENCES streams (id),
        key TEXT NOT NULL,
        first_sequence INTEGER NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (stream, key)
    ) WITHOUT ROWID;
    CREATE TABLE snapshots (
        stream INTEGER PRIMARY KEY REFERENCES streams (id),
        sequence INTEGER NOT NULL,
        fingerprint BLOB NOT NULL,
        type TEXT NOT NULL,
        state BLOB NOT NULL,
        checksum BLOB NOT NULL
    );
    CREATE TABLE checkpoints (
        consumer TEXT PRIMARY KEY,
        position INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Makes sure that the file is a log of this release, creating the tables in an empty one; gives the log's id.
///
/// Nothing is written before the file is known to be ours or empty.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<Uuid, StoreError> {
    recognise(connection, path, APPLICATION_ID, VERSION)?;
    durable(connection, "FULL")?;
    // Taken and given back, so that a lock which another program holds is told now and not at the first append.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|error| busy(&error, path))?;
    if is_empty(connection)? {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        connection.execute_batch(TABLES)?;
        connection.execute("INSERT INTO log (only_row, id) VALUES (1, ?1)", [Uuid::new_v4().as_bytes().as_slice()])?;
        mark(connection, APPLICATION_ID, VERSION)?;
        connection.execute_batch("COMMIT")?;
    }
    let id: Vec<u8> = connection.query_row("SELECT id FROM log", [], |row| row.get(0))?;
    Uuid::from_slice(&id).map_err(|_| StoreError::Damaged { reason: "the log's id is not 16 bytes long".into() })
}

/// Refuses a file that holds something else.
pub(super) fn recognise(connection: &Connection, path: &Path, ours: i32, version: i32) -> Result<(), StoreError> {
    let foreign = |reason: String| StoreError::Foreign { path: path.to_owned(), reason };
    let number = |pragma: &str| -> Result<i32, StoreError> {
        connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => foreign("it is no SQLite database".into()),
            _ => busy(&error, path),
        })
    };
    let (application, found) = (number("application_id")?, number("user_version")?);
    if is_empty(connection)? {
        return Ok(());
    }
    if application != ours {
        return Err(foreign(format!("it belongs to another application (id {application:#010x})")));
    }
    if found != version {
        return Err(foreign(format!("its tables have version {found}, this release knows {version}")));
    }
    Ok(())
}

/// Tells a lock of another program from other errors.
fn busy(error: &rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path: path.to_owned() },
        _ => super::translate(error),
    }
}

/// Marks a new file as ours.
pub(super) fn mark(connection: &Connection, ours: i32, version: i32) -> Result<(), StoreError> {
    connection.pragma_update(None, "application_id", ours)?;
    connection.pragma_update(None, "user_version", version)?;
    Ok(())
}

/// WAL, with the given `synchronous` setting.
pub(super) fn durable(connection: &Connection, synchronous: &str) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Some file systems cannot do WAL; SQLite then keeps another mode and says so.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable { reason: format!("the file system gives journal mode {mode}, not WAL") });
    }
    Ok(())
}

pub(super) fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}
