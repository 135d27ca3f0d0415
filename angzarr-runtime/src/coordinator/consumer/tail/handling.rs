//! Handling events, one after the other in each lane, and what comes of those that fail.

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Halt, Happened, Tail};
use crate::component::OnFailure;
use crate::coordinator::check_chain;
use crate::coordinator::consumer::Lane;
use crate::coordinator::consumer::attempts::{Attempts, Tried, is_of_the_store};
use crate::coordinator::consumer::parking::Joining;
use crate::coordinator::consumer::turn::Turn;
use crate::coordinator::consumer::window::{NO_TICKET, Ticket, Waiting};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Attempt, EventRef, NewDeadLetter, NewParked, Record, RecordKind};

/// An event that was handled in its lane.
pub(super) struct Handled {
    lane: Arc<str>,
    ticket: Ticket,
    event: EventRef,
    tried: Tried<()>,
    /// What could not be handled, if it is a deadline.
    deadline: Option<Box<Record>>,
}

/// The first attempt at an event; gives the event back, with the reason, if it failed.
type First<'a> = BoxFuture<'a, Option<(Record, Error)>>;

impl Tail<'_> {
    /// What comes when an event was handled. An earlier holder may have given it up, and died before the checkpoint had
    /// passed it.
    pub(super) fn succeeded(&mut self, ticket: Ticket, event: EventRef) {
        if self.parks.is_lettered(event) {
            let redeemed = Some(event);
            return self.parks.join(Joining { ticket, letter: None, parked: None, forgotten: None, redeemed });
        }
        self.finish(ticket);
    }

    pub(super) fn finish(&mut self, ticket: Ticket) {
        if ticket == NO_TICKET {
            return;
        }
        self.window.finish(ticket);
        self.unsaved += 1;
        self.unsaved_since.get_or_insert_with(Instant::now);
    }

    /// Begins to handle an event. True if that took no time and went well; else it is under way.
    pub(super) fn begin(&mut self, ticket: Ticket, lane: Lane, record: Record) -> bool {
        let (event, name) = (EventRef { position: record.position, part: record.part }, lane.name.clone());
        let mut first = self.turn.try_once(record, lane);
        // If it has to wait it is asked again among the others, and wakes the loop from then on.
        let first = match (&mut first).now_or_never() {
            Some(None) => return true,
            Some(tried) => async { tried }.boxed(),
            None => first,
        };
        let (turn, attempts) = (self.turn, self.attempts);
        self.under_way.push(
            async move {
                let (tried, deadline) = turn.handle(attempts, &name, first).await;
                Happened::Handled(Handled { lane: name, ticket, event, tried, deadline })
            }
            .boxed(),
        );
        false
    }

    /// Reads an event again for which there was no room, and handles it.
    fn begin_without(&mut self, ticket: Ticket, lane: Arc<str>, event: EventRef) {
        let (turn, attempts) = (self.turn, self.attempts);
        self.under_way.push(
            async move {
                let (tried, deadline) = match attempts.make(event.position, || turn.find(event)).await {
                    Tried::Done(record) => {
                        let first = turn.try_once(record, lane.clone().into());
                        turn.handle(attempts, &lane, first).await
                    }
                    Tried::Lost => (Tried::Lost, None),
                    Tried::Stopped => (Tried::Stopped, None),
                    Tried::Failed(attempts, error) => (Tried::Failed(attempts, error), None),
                };
                Happened::Handled(Handled { lane, ticket, event, tried, deadline })
            }
            .boxed(),
        );
    }

    pub(super) fn handled(&mut self, handled: Handled) {
        let Handled { lane, ticket, event, tried, deadline } = handled;
        self.deadlines.end(ticket, event);
        match tried {
            Tried::Done(()) => self.succeeded(ticket, event),
            Tried::Lost => self.halt = Some(Halt::Lost),
            Tried::Stopped => self.halt_at(Halt::Stopped),
            Tried::Failed(attempts, error) => self.failed(&lane, ticket, event, (attempts, error), deadline),
        }
        match self.window.next(&lane) {
            Some(waiting) if !self.ends() => self.go_on(lane, waiting),
            _ => {
                self.busy -= 1;
                self.go_through_pages();
            }
        }
    }

    /// Handles a lane's events until one takes time.
    pub(super) fn go_on(&mut self, lane: Arc<str>, waiting: Waiting) {
        let mut next = Some(waiting);
        while let Some(Waiting { ticket, event, record }) = next {
            let Some(record) = record else { return self.begin_without(ticket, lane, event) };
            if !self.begin(ticket, lane.clone().into(), *record) {
                return;
            }
            self.deadlines.end(ticket, event);
            self.succeeded(ticket, event);
            next = self.window.next(&lane);
        }
        self.busy -= 1;
        self.go_through_pages();
    }

    /// What comes when the attempts are used up; the error is that of the last one.
    pub(super) fn failed(
        &mut self,
        lane: &Arc<str>,
        ticket: Ticket,
        event: EventRef,
        (attempts, error): (Vec<Attempt>, Error),
        deadline: Option<Box<Record>>,
    ) {
        let (consumer, position, code) = (self.turn.consumer.name(), event.position, error.code().to_owned());
        let letter = Some(NewDeadLetter { event, lane: lane.to_string(), attempts });
        let on_failure = match &error {
            // That a refusal has nobody to compensate it is no reason to hold up what comes later.
            Error::Uncompensated { .. } => OnFailure::Skip,
            error if is_of_the_store(error) => OnFailure::Stop,
            _ => self.attempts.delivery.on_failure,
        };
        // A deadline may lie behind events of its lane that are still to be read, and are to wait for it.
        let from = event.min(EventRef { position: self.window.read() + 1, part: 0 });
        match on_failure {
            OnFailure::Stop => self.halt_at(Halt::Failed(position, error)),
            OnFailure::Skip => {
                self.attempts.failures.count_letter();
                tracing::error!(consumer, lane = &**lane, position, code, %error, "the event became a dead letter and is skipped");
                // One whose command was refused has fired.
                let forgotten = deadline.filter(|_| !matches!(error, Error::Uncompensated { .. }));
                // It is pending until it is forgotten, and must not be found again.
                if let Some(deadline) = &forgotten {
                    self.deadlines.keep(deadline.position);
                }
                self.parks.join(Joining { ticket, letter, parked: None, forgotten, redeemed: None });
            }
            OnFailure::Park if self.parks.open(lane, from) => {
                self.attempts.failures.count_letter();
                tracing::error!(consumer, lane = &**lane, position, code, %error, "the event became a dead letter; its lane is parked");
                self.parks.join(Joining { letter, ..joining(ticket, lane, event) });
                for Waiting { ticket, event, .. } in self.window.clear(lane) {
                    // A deadline is still pending, and found again when the lane rejoins.
                    self.deadlines.end(ticket, event);
                    if ticket != NO_TICKET {
                        self.parks.join(joining(ticket, lane, event));
                    }
                }
            }
            OnFailure::Park => {
                let reason = format!("{} lanes are parked; the last failure is {code}: {error}", self.parks.len());
                self.halt_at(Halt::Paused(position, reason));
            }
        }
    }
}

/// An event that joins the park of a lane.
pub(super) fn joining(ticket: Ticket, lane: &Arc<str>, event: EventRef) -> Joining {
    let parked = Some(NewParked { lane: lane.to_string(), event });
    Joining { ticket, letter: None, parked, forgotten: None, redeemed: None }
}

impl Turn {
    /// Has the consumer handle an event.
    pub(super) async fn react(&self, record: &Record, lane: Lane) -> Result<(), Error> {
        check_chain(record)?;
        self.consumer.react(record, lane).await
    }

    fn try_once(&self, record: Record, lane: Lane) -> First<'_> {
        async move {
            let tried = self.react(&record, lane).await;
            tried.err().map(|error| (record, error))
        }
        .boxed()
    }

    /// Handles an event to the end, once the first attempt was made or begun; gives back a deadline that failed.
    async fn handle(&self, attempts: &Attempts, lane: &Arc<str>, first: First<'_>) -> (Tried<()>, Option<Box<Record>>) {
        let Some((record, error)) = first.await else { return (Tried::Done(()), None) };
        let again = || self.react(&record, lane.clone().into());
        let tried = attempts.go_on(record.position, Err(error), again).await;
        (tried, (record.kind == RecordKind::Deadline).then(|| Box::new(record)))
    }

    /// The same for one that waits in a park.
    pub(super) async fn replay(&self, record: &Record, lane: Lane) -> Result<(), Error> {
        check_chain(record)?;
        self.consumer.replay(record, lane).await
    }

    /// Reads an event again.
    async fn find(&self, event: EventRef) -> Result<Record, Error> {
        let mut stored = self.log.store.read(event.position - 1, 1).await?;
        stored.retain(|record| record.position == event.position);
        let answers = self.ask_services(&stored).await?;
        let mut current = Vec::new();
        for record in stored {
            self.current(record, &answers, &mut current)?;
        }
        let gone = || Failure::new("EVENT_GONE", format!("there is no event at position {} any more", event.position));
        current.into_iter().find(|record| record.part == event.part).ok_or_else(|| gone().into())
    }
}
