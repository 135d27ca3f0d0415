//! Rows in maps under one lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(feature = "sqlite")]
use crate::store::sqlite::SqliteTables;
use crate::store::{EventRef, StoreError};
#[cfg(feature = "sqlite")]
use crate::tables::TableStore;
use crate::view::{
    Change, Entry, Key, NewRow, Next, Owner, Plan, Selection, Shape, Stamp, Taken, Version, VersionState, ViewStore,
    Writer, names,
};

/// Views in memory.
#[derive(Debug, Default)]
pub struct MemoryViews {
    inner: Mutex<Inner>,
    #[cfg(feature = "sqlite")]
    tables: SqliteTables,
}

#[derive(Debug, Default)]
struct Inner {
    views: HashMap<String, View>,
    closed: bool,
}

#[derive(Debug)]
struct View {
    stamp: Stamp,
    /// Number of the newest version that there ever was.
    newest: u32,
    /// Rows and tombstones of each version.
    rows: HashMap<u32, Rows>,
}

type Rows = BTreeMap<String, (EventRef, Option<NewRow>)>;

impl View {
    fn begin(&mut self, table: &str, state: VersionState, shape: Shape) {
        self.newest += 1;
        let (number, table) = (self.newest, table.to_owned());
        self.stamp.versions.push(Version { number, state, table, shape, checkpoint: 0, last: 0 });
        self.rows.insert(number, Rows::new());
    }

    fn drop(&mut self, number: u32) {
        self.stamp.versions.retain(|version| version.number != number);
        self.rows.remove(&number);
    }

    /// Lets the version that is building take the place of the active one.
    fn switch(&mut self) {
        if let (Some(active), Some(_)) = (self.stamp.active(), self.stamp.building()) {
            self.drop(active.number);
            self.stamp.versions.iter_mut().for_each(|version| version.state = VersionState::Active);
        }
    }

    fn switch_if_complete(&mut self) {
        if self.stamp.complete().is_some() {
            self.switch();
        }
    }

    /// The active version and its rows.
    fn served(&self) -> Option<(&Version, &Rows)> {
        let active = self.stamp.active()?;
        Some((active, self.rows.get(&active.number)?))
    }
}

impl MemoryViews {
    /// No views yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn open(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        // Nothing below panics between two changes that belong together, so a poisoned lock guards sound data.
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed { Err(StoreError::Closed) } else { Ok(inner) }
    }
}

impl Inner {
    /// As a database would call it.
    fn table(&self, view: &str) -> String {
        let others = self.views.iter().filter(|(name, _)| *name != view);
        let taken: HashSet<_> = others.flat_map(|(_, other)| &other.stamp.versions).map(|one| &*one.table).collect();
        let [plain, hashed] = names(view);
        if taken.contains(&*plain) { hashed } else { plain }
    }
}

fn lost(view: &str) -> StoreError {
    StoreError::LeaseLost { consumer: view.to_owned() }
}

#[async_trait]
impl ViewStore for MemoryViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError> {
        let mut inner = self.open()?;
        let table = inner.table(view);
        let stamp = inner.views.get(view).map(|found| &found.stamp);
        let plan = Plan::new(stamp, owner, head, token).ok_or_else(|| lost(view))?;
        let new =
            || View { stamp: Stamp { log: owner.log, token, versions: Vec::new() }, newest: 0, rows: HashMap::new() };
        let found = inner.views.entry(view.to_owned()).or_insert_with(new);
        (found.stamp.log, found.stamp.token) = (owner.log, token);
        plan.drop.into_iter().for_each(|number| found.drop(number));
        if let Next::Begin(state) = plan.next {
            found.begin(&table, state, owner.shape.clone());
        }
        found.switch_if_complete();
        let newest = found.stamp.newest().ok_or_else(|| lost(view))?;
        let empty = found.rows.get(&newest.number).is_none_or(BTreeMap::is_empty);
        let served = found.stamp.served();
        Ok(Taken { version: newest.number, checkpoint: newest.checkpoint, empty, served })
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        Ok(self.open()?.views.get(view).map_or(0, |found| found.stamp.checkpoint(owner)))
    }

    async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError> {
        let inner = self.open()?;
        let rows = inner.views.get(view).and_then(|found| found.rows.get(&version)).ok_or_else(|| lost(view))?;
        let entry = |(event, row): &(EventRef, Option<NewRow>)| Entry {
            event: *event,
            row: row.as_ref().map(|row| row.bytes.clone()),
        };
        Ok(rows.get(&key.to_string()).map(entry))
    }

    async fn commit(&self, view: &str, by: Writer, changes: Vec<Change>, checkpoint: u64) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let found = inner.views.get_mut(view).ok_or_else(|| lost(view))?;
        if found.stamp.token != by.token || found.stamp.fed(by.version).is_none() {
            return Err(lost(view));
        }
        let last = changes.iter().map(|change| change.event.position).max().unwrap_or(0);
        let rows = found.rows.entry(by.version).or_default();
        for Change { key, event, row } in changes {
            rows.insert(key.to_string(), (event, row));
        }
        rows.retain(|_, (event, row)| row.is_some() || event.position > checkpoint);
        for version in found.stamp.versions.iter_mut().filter(|version| version.number == by.version) {
            (version.checkpoint, version.last) = (checkpoint, version.last.max(last));
        }
        found.switch_if_complete();
        Ok(())
    }

    async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
        let mut inner = self.open()?;
        let found = inner.views.get_mut(view).filter(|found| found.stamp.token == by.token);
        let found = found.ok_or_else(|| lost(view))?;
        let version = found.stamp.fed(by.version).ok_or_else(|| lost(view))?;
        if version.state == VersionState::Active {
            return Ok(true);
        }
        let may = found.stamp.active().is_none_or(|active| active.last <= known);
        if may {
            found.switch();
        }
        Ok(may)
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let inner = self.open()?;
        let rows = inner.views.get(view).and_then(View::served).map(|(_, rows)| rows);
        let row = rows.and_then(|rows| rows.get(&key.to_string())).and_then(|(_, row)| row.as_ref());
        Ok(row.map(|row| row.bytes.clone()))
    }

    async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let inner = self.open()?;
        let Some((version, rows)) = inner.views.get(view).and_then(View::served) else { return Ok(Vec::new()) };
        let index = selection.equals.map(|(name, value)| version.column(view, name, value)).transpose()?;
        let equals = index.zip(selection.equals);
        let matches = |row: &NewRow| equals.is_none_or(|(index, (_, value))| row.values.get(index) == Some(value));
        let after = selection.after.map(ToString::to_string);
        let after = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = rows.range::<String, _>((after, Bound::Unbounded));
        let wanted = wanted.filter_map(|(key, (_, row))| Some((key, row.as_ref()?))).filter(|(_, row)| matches(row));
        Ok(wanted.take(selection.limit).map(|(key, row)| (Key::parse(key), row.bytes.clone())).collect())
    }

    async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError> {
        let inner = self.open()?;
        Ok(inner.views.get(view).map(|found| found.stamp.versions.clone()).unwrap_or_default())
    }

    async fn rebuild(&self, view: &str) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let Some(found) = inner.views.get_mut(view) else { return Ok(()) };
        let Some(active) = found.stamp.active().cloned() else { return Ok(()) };
        if let Some(building) = found.stamp.building().map(|building| building.number) {
            found.drop(building);
        }
        found.begin(&active.table, VersionState::Building, active.shape);
        Ok(())
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    #[cfg(feature = "sqlite")]
    fn tables(&self) -> Option<&dyn TableStore> {
        Some(&self.tables)
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        #[cfg(feature = "sqlite")]
        self.tables.close().await?;
        Ok(())
    }
}
