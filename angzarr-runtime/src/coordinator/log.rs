//! The log as coordinators use it: appends wake consumers, reads yield current versions.

use std::sync::Arc;

use tokio::sync::watch;

use super::upcast::Upcasts;
use crate::bus::Bus;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Appended, NewBook, Record, Store, StoreError};

/// Store, bus and upcasters together.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) upcasts: Upcasts,
}

/// A stretch of the log in current versions.
pub(crate) struct Stretch {
    pub(crate) records: Vec<Record>,
    /// The position up to which it reaches, whatever the upcasts made of the last records; none at the end of the log.
    pub(crate) reaches: Option<u64>,
    /// The record after it that could not be upcast.
    pub(crate) broken: Option<(u64, Failure)>,
}

impl Log {
    pub(crate) async fn append(&self, book: NewBook) -> Result<Appended, StoreError> {
        let appended = self.store.append(book).await?;
        self.wake(&appended);
        Ok(appended)
    }

    pub(crate) async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>> {
        if books.is_empty() {
            return Vec::new();
        }
        let results = self.store.append_in_order(books).await;
        results.iter().flatten().for_each(|appended| self.wake(appended));
        results
    }

    fn wake(&self, appended: &Appended) {
        if let Some(last) = appended.records.last() {
            self.bus.wake(last.position);
        }
    }

    /// Reads on. What `relevant` leaves out is not upcast either, so that it cannot fail whoever does not want it.
    pub(crate) async fn read(
        &self,
        after: u64,
        limit: usize,
        relevant: impl Fn(&Record) -> bool,
    ) -> Result<Stretch, Error> {
        let stored = self.store.read(after, limit).await?;
        let reaches = stored.last().map(|record| record.position);
        let mut records = Vec::with_capacity(stored.len());
        for record in stored.into_iter().filter(relevant) {
            let position = record.position;
            if let Err(failure) = self.upcasts.current(record, &mut records) {
                return Ok(Stretch { records, reaches: Some(position - 1), broken: Some((position, failure)) });
            }
        }
        Ok(Stretch { records, reaches, broken: None })
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.bus.subscribe()
    }
}
