//! Reading: a handful of connections, each used by one call at a time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::{blocking, connect};
use crate::store::StoreError;

const CONNECTIONS: usize = 4;

/// The connections; a closed one is none.
#[derive(Debug)]
pub(super) struct Readers {
    connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS],
    next: AtomicUsize,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS] = Default::default();
        for slot in &mut connections {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            *slot = Arc::new(Mutex::new(Some(connection)));
        }
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Runs `query` on one of the connections.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let index = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let connection = self.connections[index].clone();
        blocking(move || {
            // Queries leave no half-done state behind, so a poisoned lock guards a sound connection.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            query(connection.as_mut().ok_or(StoreError::Closed)?)
        })
        .await
    }

    pub(super) fn close(&self) {
        for connection in &self.connections {
            drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
