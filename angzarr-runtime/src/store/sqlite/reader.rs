//! Reading: a handful of connections, each used by one call at a time, by threads that may block; or by the caller
//! himself, if there is little to read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::writer::has_other_threads;
use super::{blocking, connect};
use crate::store::StoreError;

const CONNECTIONS: usize = 4;

/// A query that takes longer on the caller's thread has the next one run elsewhere.
const QUICK: Duration = Duration::from_micros(500);

/// The connections; a closed one is none.
#[derive(Debug)]
pub(super) struct Readers {
    connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS],
    next: AtomicUsize,
    /// Whether the last short query was quick.
    quick: AtomicBool,
}

impl Readers {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connections: [Arc<Mutex<Option<Connection>>>; CONNECTIONS] = Default::default();
        for slot in &mut connections {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            *slot = Arc::new(Mutex::new(Some(connection)));
        }
        Ok(Self { connections, next: AtomicUsize::new(0), quick: AtomicBool::new(true) })
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

    /// The same of a query that should take less time than another thread takes to wake up: at once, on this thread. On
    /// another one all the same if no connection is free, if this thread is all there is, or if the last such query was
    /// not quick.
    pub(super) async fn run_short<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if has_other_threads() && self.quick.swap(true, Ordering::Relaxed) {
            for slot in &self.connections {
                let mut connection = match slot.try_lock() {
                    Ok(connection) => connection,
                    Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) => continue,
                };
                let begun = Instant::now();
                let result = query(connection.as_mut().ok_or(StoreError::Closed)?);
                self.quick.store(begun.elapsed() < QUICK, Ordering::Relaxed);
                return result;
            }
        }
        self.run(query).await
    }

    pub(super) fn close(&self) {
        for connection in &self.connections {
            drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
