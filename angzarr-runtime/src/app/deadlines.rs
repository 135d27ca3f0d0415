//! Deadlines of all process managers.

use prost_types::Timestamp;

use super::App;
use crate::error::Error;

#[cfg(feature = "grpc")]
impl App {
    /// Up to `limit` pending deadlines that are due by `until`, the earliest first, each with the name of its process
    /// manager; of one domain, or of all.
    ///
    /// # Errors
    /// What the store can yield.
    pub(crate) async fn deadlines(
        &self,
        domain: Option<&str>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<(&'static str, crate::store::Deadline)>, Error> {
        let mut found = Vec::new();
        let specs = self.inner.process_managers.iter().map(|manager| manager.logic.spec());
        for spec in specs.filter(|spec| domain.is_none_or(|domain| domain == spec.domain)) {
            let pending = self.inner.log.store.deadlines(spec.domain, until, limit).await?;
            found.extend(pending.into_iter().map(|deadline| (spec.name, deadline)));
        }
        found.sort_by_key(|(_, deadline)| crate::time::to_micros(&deadline.due.at));
        found.truncate(limit);
        Ok(found)
    }
}

/// For the test kit: where it may move the clock to, and when all is done there.
#[cfg(feature = "testing")]
impl App {
    /// When the earliest deadline is due that is due by `until`; none waits for a lane that is parked.
    pub(crate) async fn next_deadline(&self, until: Timestamp) -> Result<Option<Timestamp>, Error> {
        let mut next: Option<Timestamp> = None;
        for manager in &self.inner.process_managers {
            let (spec, store) = (manager.logic.spec(), &self.inner.log.store);
            let parks = store.parks(spec.name).await?;
            let pending = store.deadlines(spec.domain, until, usize::MAX).await?;
            let first =
                pending.into_iter().find(|deadline| parks.iter().all(|park| *park.lane != *deadline.record.key));
            if let Some(first) = first {
                let at = first.due.at;
                next = Some(next.map_or(at, |next| {
                    if crate::time::to_micros(&at) < crate::time::to_micros(&next) { at } else { next }
                }));
            }
        }
        Ok(next)
    }

    /// Whether a process manager is at a deadline.
    pub(crate) fn is_firing(&self) -> bool {
        self.inner.consumers.iter().any(|consumer| consumer.progress.borrow().firing > 0)
    }
}
