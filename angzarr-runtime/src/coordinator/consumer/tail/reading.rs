//! Reading on in the log, and giving what is read to its lanes.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::handling::joining;
use super::{BATCH, Happened, LANES, Tail, UNSAVED};
use crate::coordinator::consumer::attempts::attempt;
use crate::coordinator::consumer::{of_root, of_stream};
use crate::coordinator::upcast::Answers;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{EventRef, Record};

/// Records that follow each other in the log, as stored.
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// What services make of those that they upcast.
    answers: Answers,
}

impl<'a> Tail<'a> {
    /// Whether what is read next may be begun, or wait for that.
    pub(super) fn has_room(&self) -> bool {
        // Lanes that fail are no reason to stop: the others have a right to be counted as held up by them.
        let all_pause = *self.attempts.pausing.borrow() >= LANES;
        self.window.has_room() && (all_pause || !self.window.is_ahead()) && self.unsaved < UNSAVED
    }

    /// Begins to read the page behind a position.
    pub(super) fn read(&mut self, after: u64) {
        let (turn, attempts) = (self.turn, self.attempts);
        self.reading = true;
        let read = async move {
            let read = || async {
                let records = turn.log.store.read(after, BATCH).await?;
                let answers = turn.ask_services(&records).await?;
                Ok(Page { records, answers })
            };
            Happened::Read(attempts.make(after + 1, read).await)
        };
        self.push(read.boxed());
    }

    /// Begins something; a page that is read, say, is on its way while events are handled.
    fn push(&mut self, mut future: BoxFuture<'a, Happened>) {
        match (&mut future).now_or_never() {
            Some(happened) => self.under_way.push(async { happened }.boxed()),
            None => self.under_way.push(future),
        }
    }

    pub(super) fn take_in(&mut self, Page { records, answers }: Page) {
        let reached = records.last().map(|record| record.position);
        for record in records.into_iter().filter(|record| self.turn.concerns(record)) {
            // Since nobody could read it when it came first.
            if self.parks.has_inside(EventRef { position: record.position, part: EventRef::WHOLE }) {
                continue;
            }
            if self.ends() {
                return;
            }
            if self.turn.log.upcasts.is_old(&record.stream.domain, &record.payload.type_name) {
                self.take_in_old(record, &answers);
            } else {
                self.admit(record);
            }
        }
        if let Some(reached) = reached {
            self.window.reach(reached);
        }
    }

    /// Takes in what an event of an old version is today.
    fn take_in_old(&mut self, record: Record, answers: &Answers) {
        let (whole, root) = (EventRef { position: record.position, part: EventRef::WHOLE }, record.stream.root);
        let mut events = Vec::new();
        if let Err(failure) = self.turn.current(record, answers, &mut events) {
            return self.refuse(&of_root(root), whole, failure);
        }
        for event in events {
            if self.ends() {
                return;
            }
            self.admit(event);
        }
    }

    /// Handles an event at once if its lane is free, or lets it wait.
    fn admit(&mut self, record: Record) {
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
            self.parks.join(joining(ticket, &lane.name, event));
        } else if self.busy < LANES && self.window.is_free(&lane.name) {
            let name = lane.name.clone();
            if self.begin(ticket, lane, record) {
                self.succeeded(ticket, event);
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
            return self.parks.join(joining(ticket, lane, event));
        }
        self.failed(lane, ticket, event, (vec![attempt(&error)], error), None);
    }
}
