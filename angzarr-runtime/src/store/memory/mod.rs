//! A store that is gone with the process. For tests, and the reference that other stores are compared with.

mod consumers;
mod events;
mod views;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Record, Snapshot, Store, StoreError, StreamId};
use consumers::{Consumer, Ordered};

pub use views::MemoryViews;

/// A log in memory, under one lock.
#[derive(Debug)]
pub struct MemoryStore {
    log_id: Uuid,
    inner: Mutex<Inner>,
    head: watch::Sender<u64>,
    /// Counts what was ordered and answered.
    orders: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Index + 1 is the position.
    log: Vec<Record>,
    streams: HashMap<StreamId, Stream>,
    consumers: BTreeMap<String, Consumer>,
    orders: Vec<Ordered>,
    closed: bool,
}

#[derive(Debug)]
struct Stream {
    /// As its first book named it.
    key: Arc<str>,
    /// Indices into the log; their own index is the sequence.
    records: Vec<usize>,
    /// First sequence and count of the book under each key.
    keys: HashMap<String, (usize, usize)>,
    snapshot: Option<Snapshot>,
    /// Time in microseconds and index into the log, by name.
    deadlines: HashMap<String, (i64, usize)>,
}

impl MemoryStore {
    /// An empty log.
    pub fn new() -> Self {
        Self {
            log_id: Uuid::new_v4(),
            inner: Mutex::default(),
            head: watch::Sender::new(0),
            orders: watch::Sender::new(0),
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, Inner>, StoreError> {
        // Nothing in this folder panics between two changes that belong together: a poisoned lock guards sound data.
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed { Err(StoreError::Closed) } else { Ok(inner) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        Ok(())
    }
}
