//! Migrations, and how a file is recognised.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};
use uuid::Uuid;

use crate::store::StoreError;

/// A kind of file: what marks it, and the steps that make its tables, oldest first.
pub(super) struct Schema {
    application_id: i32,
    /// The file's `user_version` is the number of steps that were taken.
    migrations: &'static [&'static str],
    /// What the names of its parts begin with; whatever else is in the file is none of its concern.
    prefix: &'static str,
}

/// "ANGZ": the log.
pub(super) const LOG: Schema = Schema {
    application_id: 0x414e_475a,
    migrations: &[include_str!("migrations/1.sql"), include_str!("migrations/2.sql"), include_str!("migrations/3.sql")],
    prefix: "",
};

/// "ANGV": the views. Their own tables, and those of users, are in the file too.
pub(super) const VIEWS: Schema = Schema {
    application_id: 0x414e_4756,
    migrations: &[
        include_str!("migrations/views-1.sql"),
        include_str!("migrations/views-2.sql"),
        include_str!("migrations/views-3.sql"),
    ],
    prefix: "angzarr_",
};

/// "ANGT": tables of projectors' own, beside a few of ours.
pub(super) const TABLES: Schema =
    Schema { application_id: 0x414e_4754, migrations: &[include_str!("migrations/tables-1.sql")], prefix: "angzarr_" };

impl Schema {
    /// Takes all steps in an empty database.
    pub(super) fn make(&self, connection: &Connection) -> Result<(), StoreError> {
        Ok(self.migrations.iter().try_for_each(|migration| connection.execute_batch(migration))?)
    }

    fn version(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }

    /// Makes sure that the file is of this kind and release: creates the tables in an empty one, and brings those of an
    /// older release up to date.
    ///
    /// Nothing is written before the file is known to be ours or empty.
    pub(super) fn prepare(&self, connection: &Connection, path: &Path, synchronous: &str) -> Result<(), StoreError> {
        self.recognise(connection, path)?;
        durable(connection, path, synchronous)?;
        // Also where there is nothing to do, so that a lock which another program holds is told now.
        connection.execute_batch("BEGIN IMMEDIATE").map_err(|error| busy(&error, path))?;
        let migrated = self.migrate(connection, path);
        if migrated.is_err() {
            // Fails only if there is no transaction, which is what it is to achieve.
            let _ = connection.execute_batch("ROLLBACK");
            return migrated;
        }
        connection.execute_batch("COMMIT")?;
        self.compare(connection, path)
    }

    /// Refuses a file that holds something else; gives the version of its tables.
    fn recognise(&self, connection: &Connection, path: &Path) -> Result<i32, StoreError> {
        let foreign = |reason: String| StoreError::Foreign { place: path.display().to_string(), reason };
        let number = |pragma: &str| -> Result<i32, StoreError> {
            connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(|error| {
                match error.sqlite_error_code() {
                    Some(ErrorCode::NotADatabase) => foreign("it is no SQLite database".into()),
                    _ => busy(&error, path),
                }
            })
        };
        let (application, found) = (number("application_id")?, number("user_version")?);
        if is_empty(connection)? {
            return Ok(0);
        }
        if application != self.application_id {
            return Err(foreign(format!("it belongs to another application (id {application:#010x})")));
        }
        if found < 1 || found > self.version() {
            let known = self.version();
            return Err(foreign(format!("its tables have version {found}, this release knows those up to {known}")));
        }
        Ok(found)
    }

    /// Takes the steps that are missing, within the transaction that is open: another process may have taken them
    /// meanwhile.
    fn migrate(&self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        let found = self.recognise(connection, path)?;
        for migration in self.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
            connection.execute_batch(migration)?;
        }
        if found < self.version() {
            connection.pragma_update(None, "application_id", self.application_id)?;
            connection.pragma_update(None, "user_version", self.version())?;
        }
        Ok(())
    }

    /// Compares the tables with those that the steps make in an empty database.
    fn compare(&self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        let expected = Connection::open_in_memory()?;
        self.make(&expected)?;
        let (expected, found) = (parts(&expected)?, parts(connection)?);
        let missing = expected.iter().find(|part| !found.contains(part));
        let strange = found.iter().find(|part| part.name.starts_with(self.prefix) && !expected.contains(part));
        let reason = match (missing, strange) {
            (None, None) => return Ok(()),
            (Some(part), _) if found.iter().all(|other| other.name != part.name) => {
                format!("{} `{}` is missing", part.kind, part.name)
            }
            (Some(part), _) => format!("{} `{}` is another one", part.kind, part.name),
            (None, Some(part)) => format!("{} `{}` is not ours", part.kind, part.name),
        };
        Err(StoreError::Altered { place: path.display().to_string(), reason })
    }
}

/// A table, an index, a trigger, or a view.
#[derive(PartialEq, Eq)]
struct Part {
    kind: String,
    name: String,
    sql: Option<String>,
}

fn parts(connection: &Connection) -> Result<Vec<Part>, StoreError> {
    // SQLite's own statistics, made by ANALYZE, are no change.
    let mut statement = connection
        .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'")?;
    let parts = statement.query_map([], |row| Ok(Part { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? }))?;
    Ok(parts.collect::<Result<_, _>>()?)
}

pub(super) fn log_id(connection: &Connection) -> Result<Uuid, StoreError> {
    let id: Vec<u8> = connection.query_row("SELECT id FROM log", [], |row| row.get(0))?;
    Uuid::from_slice(&id).map_err(|_| StoreError::Damaged { reason: "the log's id is not 16 bytes long".into() })
}

/// Tells a lock of another program from other errors.
fn busy(error: &rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::InUse { place: path.display().to_string() }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::NoRights { place: path.display().to_string(), reason: error.to_string() }
        }
        _ => super::translate(error),
    }
}

/// WAL, with the given `synchronous` setting.
fn durable(connection: &Connection, path: &Path, synchronous: &str) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", synchronous)?;
    // Some file systems cannot do WAL; SQLite then keeps another mode and says so.
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| busy(&error, path))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable { reason: format!("the file system gives journal mode {mode}, not WAL") });
    }
    Ok(())
}

fn is_empty(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?)
}
