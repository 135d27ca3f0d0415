//! The log as coordinators read it: in current versions, and by which clock they write to it.

use std::sync::Arc;

use super::upcast::Upcasts;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Record, Store};
use crate::telemetry::measure::Measuring;
use crate::time::Clock;

/// Store, upcasters and clock together.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) upcasts: Upcasts,
    pub(crate) clock: Clock,
    /// Whether whoever works on it measures that.
    pub(crate) measuring: Measuring,
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
    /// Reads on.
    pub(crate) async fn read(&self, after: u64, limit: usize) -> Result<Stretch, Error> {
        Ok(self.current(self.store.read(after, limit).await?).await)
    }

    /// The same, of what has been read.
    pub(crate) async fn current(&self, stored: Vec<Record>) -> Stretch {
        let answers = self.upcasts.ask(&stored).await;
        let reaches = stored.last().map(|record| record.position);
        let mut records = Vec::with_capacity(stored.len());
        for record in stored {
            let position = record.position;
            if let Err(failure) = self.upcasts.current(record, &answers, &mut records) {
                return Stretch { records, reaches: Some(position - 1), broken: Some((position, failure)) };
            }
        }
        Stretch { records, reaches, broken: None }
    }
}
