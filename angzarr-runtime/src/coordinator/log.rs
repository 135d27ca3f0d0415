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
    /// Reads on. What `relevant` leaves out is not upcast either, so that it cannot fail whoever does not want it.
    pub(crate) async fn read(
        &self,
        after: u64,
        limit: usize,
        relevant: impl Fn(&Record) -> bool,
    ) -> Result<Stretch, Error> {
        Ok(self.current(self.store.read(after, limit).await?, relevant))
    }

    /// The same, of what has been read.
    pub(crate) fn current(&self, stored: Vec<Record>, relevant: impl Fn(&Record) -> bool) -> Stretch {
        let reaches = stored.last().map(|record| record.position);
        let mut records = Vec::with_capacity(stored.len());
        for record in stored.into_iter().filter(relevant) {
            let position = record.position;
            if let Err(failure) = self.upcasts.current(record, &mut records) {
                return Stretch { records, reaches: Some(position - 1), broken: Some((position, failure)) };
            }
        }
        Stretch { records, reaches, broken: None }
    }
}
