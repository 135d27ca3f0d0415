//! Views beside the log, in `PATH.views`: a table for each.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, Transaction, TransactionBehavior, params};

use super::lock::beside;
use super::reader::Readers;
use super::view_tables::{Wanted, active, begin, drop_version, forget_lost, number, quoted, stamp, stored, switch};
use super::{SqliteTables, blocking, connect, force, schema};
use crate::store::{EventRef, StoreError};
use crate::tables::TableStore;
use crate::view::{
    Change, Entry, Key, Next, Owner, Plan, Selection, Shape, Stamp, Taken, Version, VersionState, ViewStore, Writer,
};

/// Views in a SQLite file of their own.
#[derive(Debug)]
pub struct SqliteViews {
    path: PathBuf,
    /// Writes.
    connection: Arc<Mutex<Option<Connection>>>,
    readers: Readers,
    tables: SqliteTables,
}

impl SqliteViews {
    /// Opens the views of the log at `log_path`, creating their file if there is none.
    ///
    /// # Errors
    /// As for the log.
    pub async fn open(log_path: &Path) -> Result<Self, StoreError> {
        let (path, tables) = (beside(log_path, "views"), SqliteTables::beside(log_path));
        blocking(move || {
            let opened = open(&path).and_then(|connection| Ok((connection, Readers::open(&path)?)));
            let (connection, readers) = opened.map_err(|error| unusable(&path, error))?;
            Ok(Self { path, connection: Arc::new(Mutex::new(Some(connection))), readers, tables })
        })
        .await
    }

    /// Does something in one transaction.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (path, connection) = (self.path.clone(), self.connection.clone());
        blocking(move || {
            // An unfinished transaction is rolled back when it is dropped, so a poisoned lock guards a sound connection.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = connection.as_mut().ok_or(StoreError::Closed)?;
            let done = || {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            };
            done().map_err(|error| unusable(&path, error))
        })
        .await
    }

    /// Reads something as of one moment.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.readers.run(move |connection| work(&connection.transaction()?)).await;
        done.map_err(|error| unusable(&self.path, error))
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
    // Otherwise no table could be renamed while a view of a user's names one that is about to come.
    connection.pragma_update(None, "legacy_alter_table", true)?;
    Ok(connection)
}

fn lost(view: &str) -> StoreError {
    StoreError::LeaseLost { consumer: view.to_owned() }
}

fn take(
    transaction: &Transaction<'_>,
    view: &str,
    owner: Owner<'_>,
    head: u64,
    token: u64,
) -> Result<Taken, StoreError> {
    let mut found = stamp(transaction, view)?;
    if let Some(found) = &mut found {
        forget_lost(transaction, found, view)?;
    }
    let plan = Plan::new(found.as_ref(), owner, head, token).ok_or_else(|| lost(view))?;
    transaction.execute(
        "INSERT INTO angzarr_views (name, log, token, newest) VALUES (?1, ?2, ?3, 0)
         ON CONFLICT (name) DO UPDATE SET log = excluded.log, token = excluded.token",
        params![view, owner.log.as_bytes().as_slice(), number(token)],
    )?;
    let versions = found.map(|found| found.versions).unwrap_or_default();
    for version in versions.iter().filter(|version| plan.drop.contains(&version.number)) {
        drop_version(transaction, view, version)?;
    }
    if let Next::Begin(state) = plan.next {
        let beside = versions.iter().find(|version| version.state == VersionState::Active);
        begin(transaction, view, owner.shape, beside.filter(|_| state == VersionState::Building))?;
    }
    let mut found = stamp(transaction, view)?.ok_or_else(|| lost(view))?;
    if let Some((old, new)) = found.complete() {
        switch(transaction, view, old, new)?;
        found = stamp(transaction, view)?.ok_or_else(|| lost(view))?;
    }
    let newest = found.newest().ok_or_else(|| lost(view))?;
    let known = format!(
        "SELECT EXISTS (SELECT 1 FROM {}) OR EXISTS (SELECT 1 FROM angzarr_tombstones WHERE view = ?1 AND number = ?2)",
        quoted(&newest.table)
    );
    let known: bool = transaction.query_row(&known, params![view, newest.number], |row| row.get(0))?;
    Ok(Taken { version: newest.number, checkpoint: newest.checkpoint, empty: !known, served: found.served() })
}

/// What is known of a view, if whoever wants to write holds its lease.
fn held(transaction: &Transaction<'_>, view: &str, by: Writer) -> Result<Stamp, StoreError> {
    stamp(transaction, view)?.filter(|found| found.token == by.token).ok_or_else(|| lost(view))
}

fn commit(
    transaction: &Transaction<'_>,
    view: &str,
    by: Writer,
    changes: &[Change],
    checkpoint: u64,
) -> Result<(), StoreError> {
    let found = held(transaction, view, by)?;
    let version = found.fed(by.version).ok_or_else(|| lost(view))?;
    let last = changes.iter().map(|change| change.event.position).max().unwrap_or(0).max(version.last);
    apply(transaction, view, version, changes, checkpoint)?;
    transaction
        .prepare_cached("UPDATE angzarr_versions SET checkpoint = ?3, last = ?4 WHERE view = ?1 AND number = ?2")?
        .execute(params![view, by.version, number(checkpoint), number(last)])?;
    if found.versions.len() > 1
        && let Some((old, new)) = stamp(transaction, view)?.as_ref().and_then(Stamp::complete)
    {
        switch(transaction, view, old, new)?;
    }
    Ok(())
}

fn switch_known(transaction: &Transaction<'_>, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
    let found = held(transaction, view, by)?;
    let new = found.fed(by.version).ok_or_else(|| lost(view))?;
    let Some(old) = found.active().filter(|old| old.number != new.number) else { return Ok(true) };
    let may = old.last <= known;
    if may {
        switch(transaction, view, old, new)?;
    }
    Ok(may)
}

fn apply(
    transaction: &Transaction<'_>,
    view: &str,
    version: &Version,
    changes: &[Change],
    checkpoint: u64,
) -> Result<(), StoreError> {
    let mut upsert = transaction.prepare_cached(&upsert(&version.table, &version.shape))?;
    let mut delete = transaction.prepare_cached(&format!("DELETE FROM {} WHERE _key = ?1", quoted(&version.table)))?;
    let mut bury = transaction.prepare_cached(
        "INSERT OR REPLACE INTO angzarr_tombstones (view, number, key, position, part) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut revive =
        transaction.prepare_cached("DELETE FROM angzarr_tombstones WHERE view = ?1 AND number = ?2 AND key = ?3")?;
    let mut purge = transaction
        .prepare_cached("DELETE FROM angzarr_tombstones WHERE view = ?1 AND number = ?2 AND position <= ?3")?;
    let buried: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM angzarr_tombstones WHERE view = ?1 AND number = ?2)")?
        .query_row(params![view, version.number], |row| row.get(0))?;
    let mut burying = false;
    for change in changes {
        let (key, position, part) = (change.key.as_str(), number(change.event.position), change.event.part);
        let Some(row) = &change.row else {
            delete.execute([key])?;
            if change.event.position > checkpoint {
                bury.execute(params![view, version.number, key, position, part])?;
                burying = true;
            }
            continue;
        };
        bind(&mut upsert, 1, &key)?;
        for (index, value) in row.values.iter().enumerate() {
            bind(&mut upsert, 2 + index, &stored(value))?;
        }
        let rest = 2 + row.values.len();
        bind(&mut upsert, rest, &row.rest)?;
        bind(&mut upsert, rest + 1, &&row.bytes[..])?;
        bind(&mut upsert, rest + 2, &position)?;
        bind(&mut upsert, rest + 3, &part)?;
        upsert.raw_execute()?;
        if buried {
            revive.execute(params![view, version.number, key])?;
        }
    }
    if buried || burying {
        purge.execute(params![view, version.number, number(checkpoint)])?;
    }
    Ok(())
}

fn bind(statement: &mut CachedStatement<'_>, index: usize, value: &impl ToSql) -> Result<(), StoreError> {
    Ok(statement.raw_bind_parameter(index, value)?)
}

fn upsert(table: &str, shape: &Shape) -> String {
    let columns: String = shape.columns.iter().map(|column| format!("{}, ", quoted(&column.name))).collect();
    let values = vec!["?"; shape.columns.len() + 5].join(", ");
    format!("INSERT OR REPLACE INTO {} (_key, {columns}_rest, _row, _position, _part) VALUES ({values})", quoted(table))
}

fn entry(transaction: &Transaction<'_>, view: &str, version: u32, key: &str) -> Result<Option<Entry>, StoreError> {
    let found = stamp(transaction, view)?;
    let version = found.as_ref().and_then(|found| found.versions.iter().find(|one| one.number == version));
    let version = version.ok_or_else(|| lost(view))?;
    let event = |position: i64, part: u32| EventRef { position: position.unsigned_abs(), part };
    let row = transaction
        .prepare_cached(&format!("SELECT _position, _part, _row FROM {} WHERE _key = ?1", quoted(&version.table)))?
        .query_row([key], |row| {
            let bytes: Vec<u8> = row.get(2)?;
            Ok(Entry { event: event(row.get(0)?, row.get(1)?), row: Some(bytes.into()) })
        })
        .optional()?;
    if row.is_some() {
        return Ok(row);
    }
    let tombstone = transaction
        .prepare_cached("SELECT position, part FROM angzarr_tombstones WHERE view = ?1 AND number = ?2 AND key = ?3")?
        .query_row(params![view, version.number, key], |row| {
            Ok(Entry { event: event(row.get(0)?, row.get(1)?), row: None })
        })
        .optional()?;
    Ok(tombstone)
}

/// A selection of which everything is kept that it borrows.
struct Wish {
    equals: Option<(String, Wanted)>,
    after: Option<String>,
    limit: i64,
}

fn rows(transaction: &Transaction<'_>, view: &str, wish: &Wish) -> Result<Vec<(Key, Bytes)>, StoreError> {
    let Some(version) = active(transaction, view)? else { return Ok(Vec::new()) };
    let mut sql = format!("SELECT _key, _row FROM {} WHERE true", quoted(&version.table));
    let mut parameters: Vec<&dyn ToSql> = vec![&wish.limit];
    if let Some((name, value)) = &wish.equals {
        version.column(view, name, &value.0)?;
        parameters.push(value);
        sql.push_str(&format!(" AND {} IS ?{}", quoted(name), parameters.len()));
    }
    if let Some(after) = &wish.after {
        parameters.push(after);
        sql.push_str(&format!(" AND _key > ?{}", parameters.len()));
    }
    sql.push_str(" ORDER BY _key LIMIT ?1");
    let mut statement = transaction.prepare_cached(&sql)?;
    let rows = statement.query_map(&*parameters, |row| {
        Ok((Key::parse(&row.get::<_, String>(0)?), Bytes::from(row.get::<_, Vec<u8>>(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[async_trait]
impl ViewStore for SqliteViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError> {
        let (view, log, shape) = (view.to_owned(), owner.log, owner.shape.clone());
        self.write(move |transaction| take(transaction, &view, Owner { log, shape: &shape }, head, token)).await
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let (view, log, shape) = (view.to_owned(), owner.log, owner.shape.clone());
        self.read(move |transaction| {
            Ok(stamp(transaction, &view)?.map_or(0, |found| found.checkpoint(Owner { log, shape: &shape })))
        })
        .await
    }

    async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError> {
        let (view, key) = (view.to_owned(), key.to_string());
        self.read(move |transaction| entry(transaction, &view, version, &key)).await
    }

    async fn commit(
        &self,
        view: &str,
        by: Writer,
        mut changes: Vec<Change>,
        checkpoint: u64,
    ) -> Result<(), StoreError> {
        let view = view.to_owned();
        self.write(move |transaction| {
            // In the order of the table each of its pages is written to once.
            changes.sort_unstable_by(|one, other| one.key.cmp(&other.key));
            commit(transaction, &view, by, &changes, checkpoint)
        })
        .await
    }

    async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
        let view = view.to_owned();
        self.write(move |transaction| switch_known(transaction, &view, by, known)).await
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let (view, key) = (view.to_owned(), key.to_string());
        self.read(move |transaction| {
            let Some(version) = active(transaction, &view)? else { return Ok(None) };
            let row: Option<Vec<u8>> = transaction
                .prepare_cached(&format!("SELECT _row FROM {} WHERE _key = ?1", quoted(&version.table)))?
                .query_row([key], |row| row.get(0))
                .optional()?;
            Ok(row.map(Bytes::from))
        })
        .await
    }

    async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let wish = Wish {
            equals: selection.equals.map(|(name, value)| (name.to_owned(), Wanted(value.clone()))),
            after: selection.after.map(ToString::to_string),
            limit: i64::try_from(selection.limit).unwrap_or(i64::MAX),
        };
        let view = view.to_owned();
        self.read(move |transaction| rows(transaction, &view, &wish)).await
    }

    async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError> {
        let view = view.to_owned();
        self.read(move |transaction| Ok(stamp(transaction, &view)?.map(|found| found.versions).unwrap_or_default()))
            .await
    }

    async fn rebuild(&self, view: &str) -> Result<(), StoreError> {
        let view = view.to_owned();
        self.write(move |transaction| {
            let Some(found) = stamp(transaction, &view)? else { return Ok(()) };
            let Some(active) = found.active() else { return Ok(()) };
            if let Some(building) = found.building() {
                drop_version(transaction, &view, building)?;
            }
            begin(transaction, &view, &active.shape, Some(active))
        })
        .await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        let (path, connection) = (self.path.clone(), self.connection.clone());
        blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            force(connection.as_mut().ok_or(StoreError::Closed)?).map_err(|error| unusable(&path, error))
        })
        .await
    }

    fn tables(&self) -> Option<&dyn TableStore> {
        Some(&self.tables)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.tables.close().await?;
        let closing = self.connection.clone();
        blocking(move || {
            drop(closing.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        })
        .await
    }
}
