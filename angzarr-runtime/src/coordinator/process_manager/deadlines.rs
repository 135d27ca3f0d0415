//! When the next deadline is due.

use std::sync::{Mutex, PoisonError};

use prost_types::Timestamp;

use crate::coordinator::consumer::DueDeadlines;
use crate::coordinator::log::Log;
use crate::store::StoreError;
use crate::time;

/// How many deadlines are looked at, unless all of them are due.
const PAGE: usize = 1024;

/// What is known of the time at which the store has to be asked again, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    next: Mutex<Option<i64>>,
}

impl Alarm {
    /// A deadline was set.
    pub(super) fn set(&self, at: &Timestamp) {
        let at = time::to_micros(at);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(at, |next| next.min(at)));
    }

    /// Nobody knows what the store holds.
    pub(super) fn look_at_once(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(i64::MIN);
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).map(time::from_micros)
    }

    /// What is due, and remembers when more will be.
    pub(super) async fn due(&self, log: &Log, domain: &str) -> Result<DueDeadlines, StoreError> {
        // Whatever is set from here on is expected by itself.
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let now = time::to_micros(&log.clock.now());
        let is_due = |at: &Timestamp| time::to_micros(at) <= now;
        let mut limit = PAGE;
        let pending = loop {
            let pending = match log.store.deadlines(domain, time::from_micros(i64::MAX), limit).await {
                Ok(pending) => pending,
                Err(error) => {
                    self.look_at_once();
                    return Err(error);
                }
            };
            // Those of parked lanes stay due, and must not hide the others.
            if pending.len() < limit || pending.last().is_some_and(|last| !is_due(&last.due.at)) {
                break pending;
            }
            limit = limit.saturating_mul(2);
        };
        if let Some(later) = pending.iter().find(|deadline| !is_due(&deadline.due.at)) {
            self.set(&later.due.at);
        }
        Ok(pending.into_iter().filter(|deadline| is_due(&deadline.due.at)).map(|deadline| deadline.record).collect())
    }
}
