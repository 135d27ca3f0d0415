//! Views beside the log: a table for each in the schema `angzarr_views`, which functions on the server make and fill.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{Row, query, query_scalar};

use super::error::Failed;
use super::session::Sessions;
use super::tables::PostgresTables;
use super::{PostgresStore, count, number, text};
use crate::store::{EventRef, StoreError};
use crate::tables::TableStore;
use crate::view::{
    Change, Entry, Key, Kind, Owner, Selection, Served, Shape, Taken, Value, Version, VersionState, ViewStore, Writer,
    names,
};

/// Views in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresViews {
    sessions: Arc<Sessions>,
    /// Numbers commits, so that the server can tell one that comes late.
    commits: AtomicI64,
    tables: PostgresTables,
}

impl PostgresViews {
    /// The views that lie beside a log, over connections of their own.
    pub fn beside(log: &PostgresStore) -> Self {
        let sessions = Arc::new(Sessions::new(log.sessions.server().clone()));
        let tables = PostgresTables::new(sessions.clone());
        Self { sessions, commits: AtomicI64::new(0), tables }
    }

    async fn select(
        &self,
        view: &str,
        key: Option<&Key>,
        selection: Selection<'_>,
    ) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let encoded = |key: &Key| text::encode(&key.to_string()).into_owned();
        let (name, key, after) = (&text::encode(view), &key.map(encoded), &selection.after.map(encoded));
        let (column, value) = selection.equals.unzip();
        let (kind, value) = (value.and_then(Value::kind).map(Kind::name), &value.and_then(cell));
        let found = self
            .sessions
            .run(|mut session| async move {
                let rows = query("SELECT row_key, row_bytes FROM angzarr.view_rows($1, $2, $3, $4, $5, $6, $7)")
                    .bind(&**name)
                    .bind(column)
                    .bind(kind)
                    .bind(value)
                    .bind(key)
                    .bind(after)
                    .bind(count(selection.limit))
                    .fetch_all(session.connection())
                    .await;
                let rows = match rows {
                    Err(sqlx::Error::Database(told)) if told.code().as_deref() == Some(NO_COLUMN) => {
                        let version = told.message().trim_start_matches("version ").parse().unwrap_or(0);
                        return session.done(Err(version));
                    }
                    rows => rows?,
                };
                let mut found = Vec::with_capacity(rows.len());
                for row in &rows {
                    let key = Key::parse(&text::decode(row.try_get(0)?));
                    found.push((key, Bytes::copy_from_slice(row.try_get(1)?)));
                }
                session.done(Ok(found))
            })
            .await?;
        found.map_err(|version| StoreError::NoColumn {
            view: view.to_owned(),
            version,
            column: column.unwrap_or_default().to_owned(),
        })
    }
}

/// What `angzarr.view_rows` raises.
const NO_COLUMN: &str = "AZ001";

/// A value as the server reads it.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(value) => Some(text::encode(value).into_owned()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Unsigned(value) => Some(value.to_string()),
        Value::Real(value) if value.is_infinite() => Some(if *value > 0.0 { "Infinity" } else { "-Infinity" }.into()),
        // In the shortest digits that are read back as the same number.
        Value::Real(value) => Some(format!("{value:e}")),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Bytes(value) => {
            let digits = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            Some(["\\x".to_owned(), digits.collect()].concat())
        }
    }
}

/// JSON without the characters that PostgreSQL does not take, written as in other texts.
fn json(rest: &str) -> String {
    let mut characters = rest.chars();
    let mut encoded = String::with_capacity(rest.len());
    while let Some(character) = characters.next() {
        encoded.push(character);
        if character != '\\' {
            continue;
        }
        // The writer spells both of them in this way, and no others in another.
        if let Some(after) = characters.as_str().strip_prefix("u0000") {
            encoded.push_str("u00010");
            characters = after.chars();
        } else if let Some(after) = characters.as_str().strip_prefix("u0001") {
            encoded.push_str("u00011");
            characters = after.chars();
        } else {
            encoded.extend(characters.next());
        }
    }
    encoded
}

fn lost(view: &str) -> StoreError {
    StoreError::LeaseLost { consumer: view.to_owned() }
}

fn event(position: i64, part: i32) -> EventRef {
    EventRef { position: position.unsigned_abs(), part: part.unsigned_abs() }
}

fn version(row: &PgRow) -> Result<Version, Failed> {
    let state = if row.try_get(1)? { VersionState::Active } else { VersionState::Building };
    let shape = text::decode(row.try_get(3)?).into_owned();
    Ok(Version {
        number: row.try_get::<i32, _>(0)?.unsigned_abs(),
        state,
        table: row.try_get(2)?,
        // A text that another release wrote fits no shape of this one.
        shape: Shape::parse(&shape).unwrap_or(Shape { row_type: String::new(), columns: Vec::new() }),
        checkpoint: row.try_get::<i64, _>(4)?.unsigned_abs(),
        last: row.try_get::<i64, _>(5)?.unsigned_abs(),
    })
}

#[async_trait]
impl ViewStore for PostgresViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError> {
        let shape = owner.shape;
        let columns: Vec<&str> = shape.columns.iter().map(|column| &*column.name).collect();
        let kinds: Vec<&str> = shape.columns.iter().map(|column| column.kind.name()).collect();
        let (columns, kinds, tables) = (&columns, &kinds, &names(view)[..]);
        let name = &text::encode(view);
        let (row_type, shape) = (&text::encode(&shape.row_type), &shape.to_string());
        let shape = &text::encode(shape);
        let taken = self
            .sessions
            .run(|mut session| async move {
                let row = query(
                    "SELECT version, checkpoint, is_empty, served_version, served_checkpoint
                     FROM angzarr.take_view($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(&**name)
                .bind(owner.log)
                .bind(&**row_type)
                .bind(&**shape)
                .bind(columns)
                .bind(kinds)
                .bind(tables)
                .bind(number(head))
                .bind(number(token))
                .fetch_one(session.connection())
                .await?;
                let Some(version) = row.try_get::<Option<i32>, _>(0)? else { return session.done(None) };
                let checkpoint = row.try_get::<i64, _>(1)?.unsigned_abs();
                let served = row.try_get::<Option<i32>, _>(3)?.zip(row.try_get::<Option<i64>, _>(4)?);
                let served = served.map(|(version, checkpoint)| Served {
                    version: version.unsigned_abs(),
                    checkpoint: checkpoint.unsigned_abs(),
                });
                let taken = Taken { version: version.unsigned_abs(), checkpoint, empty: row.try_get(2)?, served };
                session.done(Some(taken))
            })
            .await?;
        taken.ok_or_else(|| lost(view))
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let (name, row_type) = (&text::encode(view), &text::encode(&owner.shape.row_type));
        self.sessions
            .run(|mut session| async move {
                let found: Option<i64> = query_scalar(
                    "SELECT f.checkpoint FROM angzarr.views v CROSS JOIN LATERAL (
                        SELECT f.* FROM angzarr.view_versions f WHERE f.view = v.name AND NOT EXISTS (
                            SELECT FROM angzarr.view_versions b
                            WHERE f.active AND b.view = f.view AND NOT b.active AND b.shape <> f.shape
                        ) ORDER BY f.active DESC LIMIT 1
                     ) AS f WHERE v.name = $1 AND v.log = $2 AND f.row_type = $3",
                )
                .bind(&**name)
                .bind(owner.log)
                .bind(&**row_type)
                .fetch_optional(session.connection())
                .await?;
                session.done(found.unwrap_or(0).unsigned_abs())
            })
            .await
    }

    async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError> {
        let (name, key) = (&text::encode(view), key.to_string());
        let key = &text::encode(&key);
        let found = self
            .sessions
            .run(|mut session| async move {
                let row = query("SELECT there, position, part, bytes FROM angzarr.view_entry($1, $2, $3)")
                    .bind(&**name)
                    .bind(i32::try_from(version).unwrap_or(i32::MAX))
                    .bind(&**key)
                    .fetch_one(session.connection())
                    .await?;
                if !row.try_get::<bool, _>(0)? {
                    return session.done(None);
                }
                let Some(position) = row.try_get::<Option<i64>, _>(1)? else { return session.done(Some(None)) };
                let (event, row) = (event(position, row.try_get(2)?), row.try_get::<Option<Vec<u8>>, _>(3)?);
                session.done(Some(Some(Entry { event, row: row.map(Bytes::from) })))
            })
            .await?;
        found.ok_or_else(|| lost(view))
    }

    async fn commit(&self, view: &str, by: Writer, changes: Vec<Change>, checkpoint: u64) -> Result<(), StoreError> {
        let columns = changes.iter().filter_map(|change| change.row.as_ref()).map(|row| row.values.len()).max();
        let keys: Vec<String> = changes.iter().map(|one| text::encode(&one.key.to_string()).into_owned()).collect();
        let positions: Vec<i64> = changes.iter().map(|one| number(one.event.position)).collect();
        let parts: Vec<i32> = changes.iter().map(|one| i32::try_from(one.event.part).unwrap_or(i32::MAX)).collect();
        let rows: Vec<Option<&[u8]>> = changes.iter().map(|one| one.row.as_ref().map(|row| &*row.bytes)).collect();
        let rests: Vec<Option<String>> =
            changes.iter().map(|one| one.row.as_ref().map(|row| json(&row.rest))).collect();
        let value = |one: &Change, column: usize| one.row.as_ref()?.values.get(column).and_then(cell);
        let cells: Vec<Option<String>> =
            (0..columns.unwrap_or(0)).flat_map(|column| changes.iter().map(move |one| value(one, column))).collect();
        let (keys, positions, parts, rows, rests, cells) = (&keys, &positions, &parts, &rows, &rests, &cells);
        let (name, commit) = (&text::encode(view), self.commits.fetch_add(1, Ordering::Relaxed));
        let held: bool = self
            .sessions
            .run(|mut session| async move {
                let held = query_scalar("SELECT angzarr.commit_view($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
                    .bind(&**name)
                    .bind(i32::try_from(by.version).unwrap_or(i32::MAX))
                    .bind(number(by.token))
                    .bind(commit)
                    .bind(number(checkpoint))
                    .bind(keys)
                    .bind(positions)
                    .bind(parts)
                    .bind(rows)
                    .bind(rests)
                    .bind(cells)
                    .fetch_one(session.connection())
                    .await?;
                session.done(held)
            })
            .await?;
        if held { Ok(()) } else { Err(lost(view)) }
    }

    async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
        let name = &text::encode(view);
        let switched: Option<bool> = self
            .sessions
            .run(|mut session| async move {
                let switched = query_scalar("SELECT angzarr.switch_view($1, $2, $3, $4)")
                    .bind(&**name)
                    .bind(i32::try_from(by.version).unwrap_or(i32::MAX))
                    .bind(number(by.token))
                    .bind(number(known))
                    .fetch_one(session.connection())
                    .await?;
                session.done(switched)
            })
            .await?;
        switched.ok_or_else(|| lost(view))
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        Ok(self.select(view, Some(key), Selection::ALL).await?.pop().map(|(_, row)| row))
    }

    async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError> {
        self.select(view, None, selection).await
    }

    async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError> {
        let name = &text::encode(view);
        self.sessions
            .run(|mut session| async move {
                let rows = query(
                    "SELECT number, active, rows, shape, checkpoint, last FROM angzarr.view_versions WHERE view = $1
                     ORDER BY active DESC",
                )
                .bind(&**name)
                .fetch_all(session.connection())
                .await?;
                let versions = rows.iter().map(version).collect::<Result<_, _>>()?;
                session.done(versions)
            })
            .await
    }

    async fn rebuild(&self, view: &str) -> Result<(), StoreError> {
        let name = &text::encode(view);
        self.sessions
            .run(|mut session| async move {
                query("SELECT angzarr.rebuild_view($1)").bind(&**name).execute(session.connection()).await?;
                session.done(())
            })
            .await
    }

    /// Parks lie in the same database: whatever is flushed of them, so is what came before it.
    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn tables(&self) -> Option<&dyn TableStore> {
        Some(&self.tables)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.tables.close();
        self.sessions.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{cell, json};
    use crate::view::Value;

    #[test]
    fn json_has_no_character_0() {
        assert_eq!(json(r#"{"a":"\u0000\\u0000\u0001\n"}"#), r#"{"a":"\u00010\\u0000\u00011\n"}"#);
    }

    #[test]
    fn values_are_spelt_as_the_server_reads_them() {
        let values = [Value::Real(f64::NAN), Value::Real(f64::NEG_INFINITY), Value::Real(1e300), vec![0, 255].into()];
        let expected = ["NaN", "-Infinity", "1e300", "\\x00ff"];
        assert_eq!(values.map(|value| cell(&value).unwrap()), expected);
    }
}
