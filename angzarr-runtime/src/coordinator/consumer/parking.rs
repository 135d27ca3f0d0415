//! Lanes that are parked, and what is to join them.

use std::collections::{HashMap, HashSet};

use super::window::Ticket;
use crate::error::Error;
use crate::store::{ConsumerStore, Lease, NewDeadLetter, NewParked};

/// How many lanes are parked before the consumer pauses instead.
pub(super) const PARKS: usize = 100;

/// What has to be written before an event counts as done.
pub(super) struct Joining {
    pub(super) ticket: Ticket,
    pub(super) letter: Option<NewDeadLetter>,
    pub(super) parked: Option<NewParked>,
}

/// The parks of a consumer, as its holder knows them.
pub(super) struct Parks {
    lanes: HashSet<String>,
    limit: usize,
    /// Whether any event has become a dead letter, or any lane been parked, as far as this holder knows.
    troubled: bool,
    joining: Vec<Joining>,
    /// How many events of each lane are on their way into the store, or wait for it.
    on_the_way: HashMap<String, usize>,
    /// How many have ever joined each lane that is parked.
    joins: HashMap<String, u64>,
}

impl Parks {
    /// Those that there are. Once it was `resumed`, a consumer may park as many lanes again before it pauses.
    pub(super) fn new(lanes: HashSet<String>, resumed: bool) -> Self {
        let limit = if resumed { lanes.len() + PARKS } else { PARKS };
        let troubled = !lanes.is_empty();
        Self { lanes, limit, troubled, joining: Vec::new(), on_the_way: HashMap::new(), joins: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(super) fn troubled(&self) -> bool {
        self.troubled
    }

    pub(super) fn holds(&self, lane: &str) -> bool {
        !self.lanes.is_empty() && self.lanes.contains(lane)
    }

    /// Parks a lane; false if there are too many already.
    pub(super) fn open(&mut self, lane: &str) -> bool {
        if !self.lanes.contains(lane) && self.lanes.len() >= self.limit {
            return false;
        }
        self.lanes.insert(lane.to_owned());
        true
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
            self.lanes.remove(lane);
            self.joins.remove(lane);
        }
        empty
    }
}

/// Letters first: an event in a park without its letter would not say why it is there.
pub(super) async fn write(store: &dyn ConsumerStore, lease: &Lease, joining: &[Joining]) -> Result<(), Error> {
    for letter in joining.iter().filter_map(|joining| joining.letter.clone()) {
        store.save_dead_letter(lease, letter).await?;
    }
    let parked: Vec<_> = joining.iter().filter_map(|joining| joining.parked.clone()).collect();
    if !parked.is_empty() {
        store.park(lease, parked).await?;
    }
    Ok(())
}
