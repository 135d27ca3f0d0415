//! Working at parks on somebody's order: replay, skip, discard.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;

use super::{Halt, Happened, Tail};
use crate::coordinator::consumer::attempts::Tried;
use crate::coordinator::consumer::operate::{Cleared, Order, Request};
use crate::coordinator::consumer::turn::{Turn, holds};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Attempt, EventRef, Lease, NewDeadLetter, NewParked, Parked, Record, RecordKind};

/// How many events of a park are replayed before they leave it.
const PAGE: usize = 64;

/// Work at a park on somebody's order.
pub(super) struct Work {
    pub(super) request: Request,
    lane: String,
    /// Events that left the park, all together.
    events: u64,
    /// Those that may leave it now.
    done: Vec<EventRef>,
    /// Where it ended.
    failed: Option<(EventRef, Vec<Attempt>)>,
    /// How many events had joined the park when it was looked at.
    joins: u64,
    /// Set if it cannot go on at all.
    pub(super) halt: Option<Halt>,
}

impl<'a> Tail<'a> {
    pub(super) fn order(&mut self, request: Request) {
        match &request.order {
            Order::Pause => {
                self.halt_at(Halt::Paused(self.window.done_up_to() + 1, "an operator paused it".to_owned()));
                request.answer(Ok(Cleared::default()));
            }
            Order::Resume => request.answer(Ok(Cleared::default())),
            Order::Forget(event) => {
                let (turn, attempts, lease, event) = (self.turn, self.attempts, self.lease, *event);
                self.under_way.push(
                    async move {
                        let forget = || async { Ok(turn.log.store.remove_dead_letter(lease, event).await?) };
                        Happened::Forgotten(request, attempts.make(event.position, forget).await)
                    }
                    .boxed(),
                );
            }
            Order::Replay(lane) | Order::Skip(lane) | Order::Discard { lane, .. } => {
                let lane = lane.clone();
                if !self.parks.holds(&lane) {
                    return request.answer(Err(Error::NotParked { lane }));
                }
                if !self.working.insert(lane.clone()) {
                    return request.answer(Err(Error::LaneBusy { lane }));
                }
                let (done, failed, halt) = (Vec::new(), None, None);
                self.work(Work { request, lane, events: 0, done, failed, joins: 0, halt });
            }
        }
    }

    /// Goes through the next events of a park.
    fn work(&mut self, mut work: Work) {
        let (turn, attempts) = (self.turn, self.attempts);
        self.under_way.push(
            async move {
                let limit = if matches!(work.request.order, Order::Skip(_)) { 1 } else { PAGE };
                let store = &turn.log.store;
                let page = || async { Ok(store.parked(turn.consumer.name(), &work.lane, limit).await?) };
                let page: VecDeque<Parked> = match attempts.make(0, page).await {
                    Tried::Done(page) => page.into(),
                    Tried::Lost => return Happened::Worked(Work { halt: Some(Halt::Lost), ..work }),
                    Tried::Stopped => return Happened::Worked(Work { halt: Some(Halt::Stopped), ..work }),
                    Tried::Failed(_, error) => {
                        return Happened::Worked(Work { halt: Some(Halt::Failed(0, error)), ..work });
                    }
                };
                for Parked { event, record } in page {
                    let (order, lane) = (&work.request.order, &work.lane);
                    match attempts.make(event.position, || turn.carry_out(order, lane, event, &record)).await {
                        Tried::Done(()) => work.done.push(event),
                        Tried::Failed(attempts, _) => {
                            work.failed = Some((event, attempts));
                            break;
                        }
                        // What comes behind it must not be handled before it.
                        Tried::Lost => {
                            work.halt = Some(Halt::Lost);
                            break;
                        }
                        Tried::Stopped => {
                            work.halt = Some(Halt::Stopped);
                            break;
                        }
                    }
                }
                Happened::Worked(work)
            }
            .boxed(),
        );
    }

    /// Lets out of the park what is done.
    pub(super) fn clean(&mut self, mut work: Work) {
        if let Some(halt) = work.halt.take() {
            return self.halt_at(halt);
        }
        let (turn, attempts, lease) = (self.turn, self.attempts, self.lease);
        work.joins = self.parks.joins(&work.lane);
        self.under_way.push(
            async move {
                let tried = attempts.make(0, || turn.clean(lease, &work.lane, &work.done, work.failed.as_ref())).await;
                Happened::Cleaned(work, tried)
            }
            .boxed(),
        );
    }

    pub(super) fn cleaned(&mut self, mut work: Work, tried: Tried<bool>) {
        let Some(empty) = self.done(0, tried) else { return };
        work.events += work.done.drain(..).count() as u64;
        let failed = work.failed.take().and_then(|(event, attempts)| Some((event, attempts.last()?.clone())));
        let rejoined = empty && self.parks.close(&work.lane, work.joins);
        if rejoined && self.turn.consumer.has_deadlines() && !self.looking {
            self.look_for_deadlines();
        }
        if rejoined || failed.is_some() || matches!(work.request.order, Order::Skip(_)) {
            self.working.remove(&work.lane);
            return work.request.answer(Ok(Cleared { events: work.events, failed }));
        }
        self.work(work);
    }
}

impl Turn {
    /// Does with an event in a park what was ordered.
    async fn carry_out(&self, order: &Order, lane: &str, event: EventRef, record: &Record) -> Result<(), Error> {
        if record.kind == RecordKind::Deadline {
            return match order {
                Order::Replay(_) => self.react(record, Arc::<str>::from(lane).into()).await,
                _ => self.consumer.forget(record).await,
            };
        }
        let compensate = match order {
            Order::Replay(_) => false,
            Order::Discard { compensate: true, .. } => true,
            _ => return Ok(()),
        };
        let mut current = Vec::new();
        self.log.upcasts.current(record.clone(), &mut current)?;
        let parts = current.iter().filter(|part| event.part == EventRef::WHOLE || part.part == event.part);
        for part in parts.filter(|part| holds(&self.wanted_types, part)) {
            if compensate {
                self.consumer.compensate(part).await?;
                continue;
            }
            // It was parked before anybody could tell its lane, so later events of that one may have been handled.
            let own = self.consumer.lane(part)?;
            if &*own.name != lane && self.consumer.is_past(part).await? {
                let message = format!("the row holds events behind position {} already", part.position);
                return Err(Failure::new("ROW_AHEAD", message).into());
            }
            self.replay(part, own).await?;
        }
        Ok(())
    }

    /// Takes events out of a park, and adds attempts to the letter of the one that failed; whether the park is empty.
    async fn clean(
        &self,
        lease: &Lease,
        lane: &str,
        done: &[EventRef],
        failed: Option<&(EventRef, Vec<Attempt>)>,
    ) -> Result<bool, Error> {
        let (store, consumer) = (&self.log.store, self.consumer.name());
        for event in done {
            store.unpark(lease, NewParked { lane: lane.to_owned(), event: *event }).await?;
            store.remove_dead_letter(lease, *event).await?;
            self.consumer.unparked(lease, *event).await?;
        }
        if let Some((event, attempts)) = failed {
            let known = store.dead_letters(consumer, event.before(), 1).await?;
            let earlier = known.into_iter().filter(|letter| letter.event == *event).flat_map(|letter| letter.attempts);
            let attempts = earlier.chain(attempts.iter().cloned()).collect();
            let letter = NewDeadLetter { event: *event, lane: lane.to_owned(), attempts };
            store.save_dead_letter(lease, letter).await?;
        }
        Ok(store.parked(consumer, lane, 1).await?.is_empty())
    }
}
