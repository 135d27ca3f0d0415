//! The tables of views: their names, their columns, and the versions they belong to.

use rusqlite::types::{ToSqlOutput, Value as Stored};
use rusqlite::{Connection, OptionalExtension, ToSql, params};
use uuid::Uuid;

use crate::store::StoreError;
use crate::view::{Kind, Shape, Stamp, Value, Version, VersionState, building, names};

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn column_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "TEXT",
        Kind::Integer | Kind::Boolean => "INTEGER",
        Kind::Unsigned => "ANY",
        Kind::Real => "REAL",
        Kind::Bytes => "BLOB",
    }
}

/// A value as SQLite keeps it.
pub(super) fn stored(value: &Value) -> ToSqlOutput<'_> {
    let owned = |value: Stored| ToSqlOutput::Owned(value);
    match value {
        Value::Null => owned(Stored::Null),
        Value::Text(text) => ToSqlOutput::from(text.as_str()),
        Value::Integer(number) => owned(Stored::Integer(*number)),
        // Texts come after all numbers, and these are equally long.
        Value::Unsigned(number) => {
            owned(i64::try_from(*number).map_or_else(|_| Stored::Text(format!("{number:020}")), Stored::Integer))
        }
        // SQLite knows no NaN and keeps null for it.
        Value::Real(number) => owned(Stored::Real(*number)),
        Value::Boolean(is) => owned(Stored::Integer((*is).into())),
        Value::Bytes(bytes) => ToSqlOutput::from(&bytes[..]),
    }
}

/// A value that is looked for.
pub(super) struct Wanted(pub(super) Value);

impl ToSql for Wanted {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(stored(&self.0))
    }
}

fn exists(connection: &Connection, table: &str) -> Result<bool, StoreError> {
    let mut found = connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE")?;
    Ok(found.exists([table])?)
}

fn versions(connection: &Connection, view: &str) -> Result<Vec<Version>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, active, rows, shape, checkpoint, last FROM angzarr_versions WHERE view = ?1
         ORDER BY active DESC, number",
    )?;
    let rows = statement.query_map([view], |row| {
        let state = if row.get(1)? { VersionState::Active } else { VersionState::Building };
        let shape: String = row.get(3)?;
        let version = Version {
            number: row.get(0)?,
            state,
            table: row.get(2)?,
            // A text that another release wrote fits no shape of this one.
            shape: Shape::parse(&shape).unwrap_or(Shape { row_type: String::new(), columns: Vec::new() }),
            checkpoint: row.get::<_, i64>(4)?.unsigned_abs(),
            last: row.get::<_, i64>(5)?.unsigned_abs(),
        };
        Ok(version)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is known of a view.
pub(super) fn stamp(connection: &Connection, view: &str) -> Result<Option<Stamp>, StoreError> {
    let found: Option<(Vec<u8>, i64)> = connection
        .prepare_cached("SELECT log, token FROM angzarr_views WHERE name = ?1")?
        .query_row([view], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((log, token)) = found else { return Ok(None) };
    let log =
        Uuid::from_slice(&log).map_err(|_| StoreError::Damaged { reason: "a log's id is not 16 bytes long".into() })?;
    Ok(Some(Stamp { log, token: token.unsigned_abs(), versions: versions(connection, view)? }))
}

/// The version that readers see.
pub(super) fn active(connection: &Connection, view: &str) -> Result<Option<Version>, StoreError> {
    Ok(versions(connection, view)?.into_iter().find(|version| version.state == VersionState::Active))
}

/// Forgets the versions whose tables are gone, whoever dropped them.
pub(super) fn forget_lost(connection: &Connection, stamp: &mut Stamp, view: &str) -> Result<(), StoreError> {
    for version in std::mem::take(&mut stamp.versions) {
        if exists(connection, &version.table)? {
            stamp.versions.push(version);
        } else {
            forget(connection, view, version.number)?;
        }
    }
    Ok(())
}

fn forget(connection: &Connection, view: &str, version: u32) -> Result<(), StoreError> {
    for table in ["angzarr_versions", "angzarr_tombstones"] {
        connection.execute(&format!("DELETE FROM {table} WHERE view = ?1 AND number = ?2"), params![view, version])?;
    }
    Ok(())
}

pub(super) fn drop_version(connection: &Connection, view: &str, version: &Version) -> Result<(), StoreError> {
    connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&version.table)))?;
    forget(connection, view, version.number)
}

/// Makes the table of a new version. That of one which is building is named after the active one's.
pub(super) fn begin(
    connection: &Connection,
    view: &str,
    shape: &Shape,
    active: Option<&Version>,
) -> Result<(), StoreError> {
    let table = match active {
        Some(active) => {
            let table = building(&active.table);
            // One that nobody knows any more.
            connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", quoted(&table)))?;
            table
        }
        None => {
            let [plain, hashed] = names(view);
            if exists(connection, &plain)? { hashed } else { plain }
        }
    };
    let columns: String =
        shape.columns.iter().map(|column| format!("{} {}, ", quoted(&column.name), column_type(column.kind))).collect();
    connection.execute_batch(&format!(
        "CREATE TABLE {} (_key TEXT PRIMARY KEY, {columns}_rest TEXT NOT NULL, _row BLOB NOT NULL,
         _position INTEGER NOT NULL, _part INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        quoted(&table)
    ))?;
    connection.execute("UPDATE angzarr_views SET newest = newest + 1 WHERE name = ?1", [view])?;
    connection.execute(
        "INSERT INTO angzarr_versions (view, number, active, rows, shape, checkpoint, last)
         SELECT name, newest, ?2, ?3, ?4, 0, 0 FROM angzarr_views WHERE name = ?1",
        params![view, active.is_none(), table, shape.to_string()],
    )?;
    Ok(())
}

/// Lets the version that is building take the place of the active one, its name and the indexes on it.
pub(super) fn switch(connection: &Connection, view: &str, old: &Version, new: &Version) -> Result<(), StoreError> {
    let indexes = indexes(connection, &old.table)?;
    drop_version(connection, view, old)?;
    connection.execute_batch(&format!("ALTER TABLE {} RENAME TO {}", quoted(&new.table), quoted(&old.table)))?;
    connection.execute(
        "UPDATE angzarr_versions SET active = 1, rows = ?3 WHERE view = ?1 AND number = ?2",
        params![view, new.number, old.table],
    )?;
    for index in indexes {
        // One over columns that are gone is of no more use.
        if let Err(error) = connection.execute_batch(&index) {
            tracing::warn!(view, %index, %error, "an index on the view's table cannot be made again");
        }
    }
    Ok(())
}

/// The statements that made the indexes on a table, which are its users'.
fn indexes(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL")?;
    let indexes = statement.query_map([table], |row| row.get(0))?;
    Ok(indexes.collect::<Result<_, _>>()?)
}
