//! Deadlines that are due: looked for in the store, and handled like events.

use std::collections::HashSet;

use futures_util::FutureExt;
use prost_types::Timestamp;

use super::{Happened, Tail};
use crate::coordinator::consumer::attempts::Tried;
use crate::coordinator::consumer::of_stream;
use crate::coordinator::consumer::window::{NO_TICKET, Ticket};
use crate::store::{EventRef, Record};
use crate::time;

#[derive(Default)]
pub(super) struct Deadlines {
    /// Whether the store is being asked.
    pub(super) looking: bool,
    /// Positions of those that are being handled, or wait for that.
    firing: HashSet<u64>,
}

impl Deadlines {
    /// How many are being handled, or wait for that.
    pub(super) fn firing(&self) -> usize {
        self.firing.len()
    }

    /// One that is pending must not be found, although it is not being handled.
    pub(super) fn keep(&mut self, position: u64) {
        self.firing.insert(position);
    }

    /// That is over.
    pub(super) fn let_go(&mut self, position: u64) {
        self.firing.remove(&position);
    }

    /// Something was handled, or will not be; if it was a deadline, it may be looked for again.
    pub(super) fn end(&mut self, ticket: Ticket, event: EventRef) {
        if ticket == NO_TICKET {
            self.firing.remove(&event.position);
        }
    }
}

impl Tail<'_> {
    /// When the store has to be asked for deadlines that are due.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.turn.consumer.next_deadline().filter(|_| !self.deadlines.looking)
    }

    pub(super) fn look_for_deadlines_if_due(&mut self) {
        let now = || time::to_micros(&self.turn.log.clock.now());
        if self.next_deadline().is_some_and(|due| time::to_micros(&due) <= now()) {
            self.look_for_deadlines();
        }
    }

    pub(super) fn look_for_deadlines(&mut self) {
        let (turn, attempts) = (self.turn, self.attempts);
        let position = self.window.done_up_to() + 1;
        self.deadlines.looking = true;
        let look = || async { Ok(turn.consumer.due().await?) };
        self.under_way.push(async move { Happened::Due(attempts.make(position, look).await) }.boxed());
    }

    pub(super) fn due(&mut self, tried: Tried<Vec<Record>>) {
        self.deadlines.looking = false;
        for deadline in self.done(self.window.done_up_to() + 1, tried).into_iter().flatten() {
            self.fire(deadline);
        }
    }

    /// Has a deadline handled behind what its lane is at. One of a parked lane is looked for again when it rejoins.
    fn fire(&mut self, deadline: Record) {
        let lane = self.turn.consumer.lane(&deadline).map_or_else(|_| of_stream(&deadline), |lane| lane.name);
        if !self.parks.holds(&lane) && self.deadlines.firing.insert(deadline.position) {
            self.window.wait(&lane, NO_TICKET, deadline);
        }
    }
}
