//! Consumers in a map.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Inner, MemoryStore};
use crate::store::{
    Acquired, Beat, ConsumerStore, DeadLetter, EventRef, Lease, NewDeadLetter, NewParked, Park, Parked, Record,
    StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Consumer {
    position: u64,
    token: u64,
    beats: u64,
    held: bool,
    /// By lane, and within a lane in the order of the log.
    parked: BTreeSet<(String, EventRef)>,
    letters: BTreeMap<EventRef, NewDeadLetter>,
}

impl Inner {
    /// The consumer, if `lease` still counts.
    fn fenced(&mut self, lease: &Lease) -> Result<&mut Consumer, StoreError> {
        let consumer = self.consumers.get_mut(&*lease.consumer).filter(|consumer| consumer.token == lease.token);
        consumer.ok_or_else(|| StoreError::LeaseLost { consumer: lease.consumer.to_string() })
    }

    fn record(&self, event: EventRef) -> Option<Record> {
        let index = usize::try_from(event.position).ok()?.checked_sub(1)?;
        self.log.get(index).cloned()
    }
}

#[async_trait]
impl ConsumerStore for MemoryStore {
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError> {
        let mut inner = self.open()?;
        let found = inner.consumers.entry(consumer.to_owned()).or_default();
        let beat = Beat { token: found.token, count: found.beats };
        if found.held && silent != Some(beat) {
            return Ok(Acquired::Held(beat));
        }
        (found.held, found.token, found.beats) = (true, found.token + 1, 0);
        Ok(Acquired::Taken(Lease { consumer: consumer.into(), token: found.token }))
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        inner.fenced(lease)?.beats += 1;
        Ok(())
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        if let Ok(consumer) = self.open()?.fenced(lease) {
            consumer.held = false;
        }
        Ok(())
    }

    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError> {
        Ok(self.open()?.consumers.get(consumer).map_or(0, |consumer| consumer.position))
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.position = position;
        Ok(())
    }

    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError> {
        let mut inner = self.open()?;
        let added = events.into_iter().map(|NewParked { lane, event }| (lane, event));
        inner.fenced(lease)?.parked.extend(added);
        Ok(())
    }

    async fn unpark(&self, lease: &Lease, event: NewParked) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.parked.remove(&(event.lane, event.event));
        Ok(())
    }

    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError> {
        let inner = self.open()?;
        let mut parks: BTreeMap<&str, Park> = BTreeMap::new();
        // By lane, and within a lane by event.
        for (lane, event) in inner.consumers.get(consumer).into_iter().flat_map(|found| &found.parked) {
            let park = || Park { lane: lane.clone(), events: 0, first: *event };
            parks.entry(lane).or_insert_with(park).events += 1;
        }
        let mut parks: Vec<_> = parks.into_values().collect();
        parks.sort_by(|a, b| (a.first, &a.lane).cmp(&(b.first, &b.lane)));
        Ok(parks)
    }

    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError> {
        let inner = self.open()?;
        let parked = inner.consumers.get(consumer).into_iter().flat_map(|found| &found.parked);
        let here = parked.filter(|(found, _)| found == lane).take(limit);
        Ok(here.filter_map(|(_, event)| Some(Parked { event: *event, record: inner.record(*event)? })).collect())
    }

    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.letters.insert(letter.event, letter);
        Ok(())
    }

    async fn remove_dead_letter(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        self.open()?.fenced(lease)?.letters.remove(&event);
        Ok(())
    }

    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let inner = self.open()?;
        let letters = inner.consumers.get(consumer).into_iter().flat_map(|found| found.letters.values());
        let behind = letters.filter(|letter| after.is_none_or(|after| letter.event > after)).take(limit);
        let letter = |letter: &NewDeadLetter| {
            let NewDeadLetter { event, lane, attempts } = letter.clone();
            Some(DeadLetter { event, lane, attempts, record: inner.record(event)? })
        };
        Ok(behind.filter_map(letter).collect())
    }
}
