//! Rows in maps under one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::store::StoreError;
use crate::view::{Changes, Key, Owner, ViewStore};

/// Views in memory.
#[derive(Debug, Default)]
pub struct MemoryViews {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    views: HashMap<String, View>,
    closed: bool,
}

#[derive(Debug, Default)]
struct View {
    stamp: Option<(Uuid, String)>,
    token: u64,
    checkpoint: u64,
    rows: BTreeMap<String, Bytes>,
}

impl View {
    fn belongs_to(&self, owner: Owner<'_>) -> bool {
        self.stamp.as_ref().is_some_and(|(log, row_type)| *log == owner.log && row_type == owner.row_type)
    }

    fn fence(&self, name: &str, token: u64) -> Result<(), StoreError> {
        if token != self.token { Err(StoreError::LeaseLost { consumer: name.to_owned() }) } else { Ok(()) }
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

#[async_trait]
impl ViewStore for MemoryViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<u64, StoreError> {
        let mut inner = self.open()?;
        let found = inner.views.entry(view.to_owned()).or_default();
        // Whatever its rows are made of; the tokens of another log say nothing about this one.
        if found.stamp.as_ref().is_some_and(|(log, _)| *log == owner.log) && token < found.token {
            return Err(StoreError::LeaseLost { consumer: view.to_owned() });
        }
        if !found.belongs_to(owner) || found.checkpoint > head {
            *found = View { stamp: Some((owner.log, owner.row_type.to_owned())), ..View::default() };
        }
        found.token = token;
        Ok(found.checkpoint)
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let inner = self.open()?;
        Ok(inner.views.get(view).filter(|view| view.belongs_to(owner)).map_or(0, |view| view.checkpoint))
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        Ok(self.open()?.views.get(view).and_then(|view| view.rows.get(&key.to_string()).cloned()))
    }

    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let inner = self.open()?;
        let rows = inner.views.get(view).into_iter().flat_map(|view| &view.rows);
        Ok(rows.map(|(key, row)| (Key::parse(key), row.clone())).collect())
    }

    async fn commit(&self, view: &str, token: u64, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let found = inner.views.entry(view.to_owned()).or_default();
        found.fence(view, token)?;
        for (key, row) in changes {
            match row {
                Some(row) => found.rows.insert(key.to_string(), row),
                None => found.rows.remove(&key.to_string()),
            };
        }
        found.checkpoint = checkpoint;
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        Ok(())
    }
}
