//! Lanes that are parked, and what is to join them.

use std::collections::{HashMap, HashSet};

use super::Consumer;
use super::window::Ticket;
use crate::error::Error;
use crate::store::{ConsumerStore, EventRef, Lease, NewDeadLetter, NewParked, OrderStep, Record, StoreError};

/// How many lanes are parked before the consumer pauses instead.
pub(super) const PARKS: usize = 100;

/// What has to be written before an event counts as done.
pub(super) struct Joining {
    pub(super) ticket: Ticket,
    pub(super) letter: Option<NewDeadLetter>,
    pub(super) parked: Option<NewParked>,
    /// A deadline that is skipped, and would fire for ever otherwise.
    pub(super) forgotten: Option<Box<Record>>,
    /// An event that was handled, though it has a dead letter.
    pub(super) redeemed: Option<EventRef>,
}

/// The parks of a consumer, as its holder knows them.
pub(super) struct Parks {
    /// From where on events of each wait: the first one in it, or before that.
    first: HashMap<String, EventRef>,
    /// Events behind the checkpoint that were in a park when the holder began, in whatever lane: they come again.
    inside: HashSet<EventRef>,
    /// Other events behind the checkpoint that have dead letters: they come again, and may be handled this time.
    lettered: HashSet<EventRef>,
    limit: usize,
    /// False only if there was no dead letter and no park when the holder began, and nothing has failed for good since.
    troubled: bool,
    joining: Vec<Joining>,
    /// How many events of each lane are on their way into the store, or wait for it.
    on_the_way: HashMap<String, usize>,
    /// How many have ever joined each lane that is parked.
    joins: HashMap<String, u64>,
}

impl Parks {
    /// Those that there are, for a holder that begins behind `position`. Once it was `resumed`, a consumer may park as
    /// many lanes again before it pauses.
    pub(super) async fn load(
        store: &dyn ConsumerStore,
        consumer: &dyn Consumer,
        lease: &Lease,
        position: u64,
        resumed: bool,
    ) -> Result<Self, StoreError> {
        let parks = store.parks(consumer.name()).await?;
        let inside = store.parked_behind(consumer.name(), position).await?;
        // What keeps them may have been lost with the power.
        consumer.parked(lease, &inside).await?;
        let limit = if resumed { parks.len() + PARKS } else { PARKS };
        // Callers may wait for what an earlier holder could not handle.
        let letters = store.dead_letters(consumer.name(), None, 1).await?;
        let inside: HashSet<_> = inside.into_iter().collect();
        let behind = Some(EventRef { position, part: EventRef::WHOLE });
        let lettered = if letters.is_empty() {
            Vec::new()
        } else {
            store.dead_letters(consumer.name(), behind, usize::MAX).await?
        };
        let lettered = lettered.into_iter().map(|letter| letter.event).filter(|event| !inside.contains(event));
        Ok(Self {
            troubled: !parks.is_empty() || !letters.is_empty(),
            lettered: lettered.collect(),
            first: parks.into_iter().map(|park| (park.lane, park.first)).collect(),
            inside,
            limit,
            joining: Vec::new(),
            on_the_way: HashMap::new(),
            joins: HashMap::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    pub(super) fn troubled(&self) -> bool {
        self.troubled
    }

    pub(super) fn holds(&self, lane: &str) -> bool {
        !self.first.is_empty() && self.first.contains_key(lane)
    }

    /// Whether an event of a lane has to wait in its park: what lies before the park's first event was handled, or is to
    /// be.
    pub(super) fn holds_up(&self, lane: &str, event: EventRef) -> bool {
        !self.first.is_empty() && self.first.get(lane).is_some_and(|first| *first <= event)
    }

    /// Whether an event that was read is in a park already; each comes once.
    pub(super) fn has_inside(&mut self, event: EventRef) -> bool {
        !self.inside.is_empty() && self.inside.remove(&event)
    }

    /// Whether an event that was handled has a dead letter of an earlier holder, or one for all of its parts.
    pub(super) fn is_lettered(&self, event: EventRef) -> bool {
        let whole = EventRef { part: EventRef::WHOLE, ..event };
        !self.lettered.is_empty() && (self.lettered.contains(&event) || self.lettered.contains(&whole))
    }

    /// Parks a lane from an event on; false if there are too many already.
    pub(super) fn open(&mut self, lane: &str, event: EventRef) -> bool {
        if let Some(first) = self.first.get_mut(lane) {
            *first = event.min(*first);
            return true;
        }
        if self.first.len() >= self.limit {
            return false;
        }
        self.first.insert(lane.to_owned(), event);
        true
    }

    /// Keeps what the first event of a park is after others have left it.
    pub(super) fn begins_at(&mut self, lane: &str, event: EventRef) {
        if let Some(first) = self.first.get_mut(lane) {
            *first = event;
        }
    }

    pub(super) fn join(&mut self, joining: Joining) {
        self.troubled = true;
        if let Some(parked) = &joining.parked {
            *self.on_the_way.entry(parked.lane.clone()).or_default() += 1;
            *self.joins.entry(parked.lane.clone()).or_default() += 1;
        }
        self.joining.push(joining);
    }

    /// Takes what is to be written now; to be given back to [`Parks::joined`].
    pub(super) fn take(&mut self) -> Vec<Joining> {
        std::mem::take(&mut self.joining)
    }

    pub(super) fn is_joined(&self) -> bool {
        self.joining.is_empty()
    }

    pub(super) fn joined(&mut self, joined: &[Joining]) {
        for parked in joined.iter().filter_map(|joining| joining.parked.as_ref()) {
            if let Some(count) = self.on_the_way.get_mut(&parked.lane) {
                *count -= 1;
                if *count == 0 {
                    self.on_the_way.remove(&parked.lane);
                }
            }
        }
    }

    /// How many events have joined a lane so far.
    pub(super) fn joins(&self, lane: &str) -> u64 {
        self.joins.get(lane).copied().unwrap_or(0)
    }

    /// Lets a lane rejoin that was found empty when so many had joined it; false if more have come since.
    pub(super) fn close(&mut self, lane: &str, joins: u64) -> bool {
        let empty = !self.on_the_way.contains_key(lane) && self.joins(lane) == joins;
        if empty {
            self.first.remove(lane);
            self.joins.remove(lane);
        }
        empty
    }
}

/// Letters first: an event in a park without its letter would not say why it is there, nor a deadline that is gone.
pub(super) async fn write(
    store: &dyn ConsumerStore,
    consumer: &dyn Consumer,
    lease: &Lease,
    joining: &[Joining],
) -> Result<(), Error> {
    for letter in joining.iter().filter_map(|joining| joining.letter.clone()) {
        store.save_dead_letter(lease, letter).await?;
    }
    let parked: Vec<_> = joining.iter().filter_map(|joining| joining.parked.clone()).collect();
    if !parked.is_empty() {
        let events: Vec<_> = parked.iter().map(|parked| parked.event).collect();
        consumer.parked(lease, &events).await?;
        store.park(lease, parked).await?;
    }
    for deadline in joining.iter().filter_map(|joining| joining.forgotten.as_ref()) {
        consumer.forget(deadline).await?;
    }
    let redeemed = joining.iter().filter_map(|joining| joining.redeemed);
    let removed: Vec<_> = redeemed.flat_map(|event| [event, EventRef { part: EventRef::WHOLE, ..event }]).collect();
    if !removed.is_empty() {
        store.carry_out(lease, OrderStep { removed, ..OrderStep::default() }).await?;
    }
    Ok(())
}
