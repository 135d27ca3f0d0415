//! Rows in maps under one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::store::StoreError;
use crate::view::{Changes, Key, ViewStore};

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
    checkpoint: u64,
    rows: BTreeMap<String, Bytes>,
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
    async fn checkpoint(&self, view: &str, row_type: &str, log: Uuid, head: u64) -> Result<u64, StoreError> {
        let mut inner = self.open()?;
        let view = inner.views.entry(view.to_owned()).or_default();
        let stamp = Some((log, row_type.to_owned()));
        if view.stamp != stamp || view.checkpoint > head {
            *view = View { stamp, ..View::default() };
        }
        Ok(view.checkpoint)
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        Ok(self.open()?.views.get(view).and_then(|view| view.rows.get(&key.to_string()).cloned()))
    }

    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let inner = self.open()?;
        let rows = inner.views.get(view).into_iter().flat_map(|view| &view.rows);
        Ok(rows.map(|(key, row)| (Key::parse(key), row.clone())).collect())
    }

    async fn commit(&self, view: &str, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let view = inner.views.entry(view.to_owned()).or_default();
        for (key, row) in changes {
            match row {
                Some(row) => view.rows.insert(key.to_string(), row),
                None => view.rows.remove(&key.to_string()),
            };
        }
        view.checkpoint = checkpoint;
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        Ok(())
    }
}
