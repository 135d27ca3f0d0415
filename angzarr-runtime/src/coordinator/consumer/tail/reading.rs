//! Reading on in the log, and giving what is read to its lanes.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, poll_immediate};

use super::handling::parked;
use super::{BATCH, Happened, LANES, Tail};
use crate::coordinator::consumer::attempts::attempt;
use crate::coordinator::consumer::parking::Joining;
use crate::coordinator::consumer::{of_root, of_stream};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{EventRef, Record};

impl<'a> Tail<'a> {
    pub(super) async fn read(&mut self) {
        let (turn, attempts, after) = (self.turn, self.attempts, self.window.read());
        self.reading = true;
        let read = async move {
            let read = || async { Ok(turn.log.store.read(after, BATCH).await?) };
            Happened::Read(attempts.make(after + 1, read).await)
        };
        self.push(read.boxed()).await;
    }

    /// Begins something; a page that is read, say, is on its way while events are handled.
    async fn push(&mut self, mut future: BoxFuture<'a, Happened>) {
        match poll_immediate(&mut future).await {
            Some(happened) => self.under_way.push(async { happened }.boxed()),
            None => self.under_way.push(future),
        }
    }

    pub(super) async fn take_in(&mut self, records: Vec<Record>) {
        self.at_end = records.len() < BATCH;
        let reached = records.last().map(|record| record.position);
        let mut events = Vec::new();
        for record in records.into_iter().filter(|record| self.turn.concerns(record)) {
            let (whole, root) = (EventRef { position: record.position, part: EventRef::WHOLE }, record.stream.root);
            // Since nobody could read it when it came first.
            if self.parks.has_inside(whole) {
                continue;
            }
            if let Err(failure) = self.turn.current(record, &mut events) {
                self.refuse(&of_root(root), whole, failure);
            }
            for event in events.drain(..) {
                if self.ends() {
                    return;
                }
                self.admit(event).await;
            }
        }
        if let Some(reached) = reached {
            self.window.reach(reached);
        }
    }

    /// Handles an event at once if its lane is free, or lets it wait.
    async fn admit(&mut self, record: Record) {
        let event = EventRef { position: record.position, part: record.part };
        if self.parks.has_inside(event) {
            return;
        }
        let lane = match self.turn.consumer.lane(&record) {
            Ok(lane) => lane,
            Err(failure) => return self.refuse(&of_stream(&record), event, failure),
        };
        let ticket = self.window.add(event);
        if self.parks.holds_up(&lane.name, event) {
            self.parks.join(Joining { ticket, letter: None, parked: parked(&lane.name, event) });
        } else if self.busy < LANES && self.window.is_free(&lane.name) {
            let name = lane.name.clone();
            if self.begin(ticket, lane, record).await {
                self.finish(ticket);
            } else {
                self.busy += 1;
                self.window.keep_busy(name);
            }
        } else {
            self.window.wait(&lane.name, ticket, record);
        }
    }

    /// Parks what cannot even be given to a handler.
    fn refuse(&mut self, lane: &Arc<str>, event: EventRef, failure: Failure) {
        let ticket = self.window.add(event);
        let error = Error::from(failure);
        if self.parks.holds_up(lane, event) {
            return self.parks.join(Joining { ticket, letter: None, parked: parked(lane, event) });
        }
        self.failed(lane, ticket, event, vec![attempt(&error)], error);
    }
}
