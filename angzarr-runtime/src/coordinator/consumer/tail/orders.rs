//! Carrying out orders: what is taken up, and the work at parks.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{Halt, Happened, Tail};
use crate::component::unhandled;
use crate::coordinator::consumer::attempts::{Tried, attempt};
use crate::coordinator::consumer::turn::Turn;
use crate::coordinator::upcast::Answers;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{
    Answer, Attempt, EventRef, NewDeadLetter, NewParked, Order, OrderStep, Parked, Record, RecordKind, Refusal,
    TakenOrder,
};

/// How many events of a park are replayed before they leave it.
const PAGE: usize = 64;

/// Work at a park because of an order.
pub(super) struct Work {
    pub(super) order: TakenOrder,
    lane: String,
    /// What is handled next.
    page: Vec<Parked>,
    /// What services make of that, if it is to be handled.
    answers: Answers,
    /// Other lanes that have to rest meanwhile: those that replayed events belong to by their keys.
    resting: Vec<String>,
    /// Those that may leave it now.
    done: Vec<EventRef>,
    /// The last of them, if it leaves the park with a dead letter, and its attempts.
    uncompensated: Option<(EventRef, Vec<Attempt>)>,
    /// Where it ended.
    failed: Option<(EventRef, Vec<Attempt>)>,
    /// How many events had joined the park when it was looked at.
    joins: u64,
    /// Set if it cannot go on at all.
    pub(super) halt: Option<Halt>,
}

impl<'a> Tail<'a> {
    /// Asks for orders that were given meanwhile.
    pub(super) fn look_for_orders(&mut self) {
        let (turn, attempts, lease) = (self.turn, self.attempts, self.lease);
        let position = self.window.done_up_to() + 1;
        self.asking = true;
        let take = || async { Ok(turn.log.store.take_orders(lease).await?) };
        self.under_way.push(async move { Happened::Ordered(attempts.make(position, take).await) }.boxed());
    }

    /// Begins with those that are not under way. One that was answered while the store was asked is still among them,
    /// so ids are known until they are not told any more.
    pub(super) fn ordered(&mut self, orders: Vec<TakenOrder>) {
        let told = orders.iter().map(|order| order.id).collect();
        let known = std::mem::replace(&mut self.orders, told);
        for order in orders.into_iter().filter(|order| !known.contains(&order.id)) {
            if self.ends() {
                return;
            }
            self.carry_out(order);
        }
    }

    fn carry_out(&mut self, taken: TakenOrder) {
        let lane = match &taken.order {
            // It is answered once the pause is kept.
            Order::Pause => {
                let position = self.window.done_up_to() + 1;
                return self.halt_at(Halt::Paused(position, "an operator paused it".to_owned()));
            }
            Order::Resume => return self.answer(&taken, Answer::Done { failed: None }),
            Order::RemoveDeadLetter { event } => {
                let answer = Some(Answer::Done { failed: None });
                return self.end_order(OrderStep {
                    id: taken.id,
                    removed: vec![*event],
                    events: 1,
                    answer,
                    ..OrderStep::default()
                });
            }
            Order::Replay { lane }
            | Order::Skip { lane }
            | Order::Discard { lane }
            | Order::DiscardAndCompensate { lane } => lane.clone(),
        };
        if !self.parks.holds(&lane) {
            // An earlier holder may have emptied it, and not come to say so.
            let done = taken.events > 0;
            let answer = if done { Answer::Done { failed: None } } else { Answer::Refused(Refusal::NotParked) };
            return self.answer(&taken, answer);
        }
        if let Some(other) = self.working.get(&lane) {
            if self.orders.contains(other) {
                return self.answer(&taken, Answer::Refused(Refusal::LaneBusy));
            }
            // The other one has its answer already, and is about to leave the lane: this one is told again then.
            self.orders.remove(&taken.id);
            return;
        }
        self.working.insert(lane.clone(), taken.id);
        self.work(Work {
            order: taken,
            lane,
            page: Vec::new(),
            answers: Answers::default(),
            resting: Vec::new(),
            done: Vec::new(),
            uncompensated: None,
            failed: None,
            joins: 0,
            halt: None,
        });
    }

    fn answer(&mut self, order: &TakenOrder, answer: Answer) {
        self.end_order(OrderStep { id: order.id, events: order.events, answer: Some(answer), ..OrderStep::default() });
    }

    fn end_order(&mut self, step: OrderStep) {
        let (turn, attempts, lease) = (self.turn, self.attempts, self.lease);
        let position = self.window.done_up_to() + 1;
        self.under_way.push(
            async move {
                let carry_out = || async { Ok(turn.log.store.carry_out(lease, step.clone()).await?) };
                Happened::Answered(attempts.make(position, carry_out).await)
            }
            .boxed(),
        );
    }

    /// Looks at the next events of a park.
    fn work(&mut self, mut work: Work) {
        let (turn, attempts) = (self.turn, self.attempts);
        let position = self.window.done_up_to() + 1;
        let limit = if matches!(work.order.order, Order::Skip { .. }) { 1 } else { PAGE };
        self.under_way.push(
            async move {
                let page = || async {
                    let page = turn.log.store.parked(turn.consumer.name(), &work.lane, limit).await?;
                    let records: Vec<Record> =
                        page.iter().filter(|_| work.reads()).map(|one| one.record.clone()).collect();
                    Ok((page, turn.ask_services(&records).await?))
                };
                match attempts.make(position, page).await {
                    Tried::Done(page) => (work.page, work.answers) = page,
                    Tried::Lost => work.halt = Some(Halt::Lost),
                    Tried::Stopped => work.halt = Some(Halt::Stopped),
                    Tried::Failed(_, error) => work.halt = Some(Halt::Failed(position, error)),
                }
                Happened::Paged(work)
            }
            .boxed(),
        );
    }

    /// Goes through a page, as far as the checkpoint has passed it, once nothing else is at work at the lanes of its
    /// events.
    pub(super) fn paged(&mut self, mut work: Work) {
        if let Some(halt) = work.halt.take() {
            return self.halt_at(halt);
        }
        // What the checkpoint has not passed comes again after a restart, and only its park keeps it from being handled.
        let passed = work.page.partition_point(|parked| parked.event.position <= self.checkpoint);
        if passed == 0 && !work.page.is_empty() {
            // The checkpoint may wait for what they hold.
            self.let_go_on(&mut work);
            return self.waiting_for_checkpoint.push(work);
        }
        work.page.truncate(passed);
        if work.is_replay() {
            match self.rest_for(&mut work) {
                Ok(()) => {}
                Err(Rests::Busy) => {
                    self.leave(&mut work);
                    return self.answer(&work.order, Answer::Refused(Refusal::LaneBusy));
                }
                Err(Rests::Parked(event, lane)) => {
                    let message =
                        format!("it belongs to the lane \"{lane}\", where earlier events wait: replay that first");
                    work.failed = Some((event, vec![attempt(&Failure::new("LANE_PARKED", message).into())]));
                    return self.clean(work);
                }
            }
        }
        self.waiting_for_rest.push(work);
        self.go_through_pages();
    }

    /// Lets the other lanes of a page's events come to rest. The page ends before an event that has to wait for others.
    fn rest_for(&mut self, work: &mut Work) -> Result<(), Rests> {
        for (index, parked) in work.page.iter().enumerate() {
            let lanes = self.turn.other_lanes(work, parked);
            if let Some(lane) = lanes.iter().find(|lane| self.parks.holds_up(lane, parked.event)) {
                if index == 0 {
                    return Err(Rests::Parked(parked.event, lane.clone()));
                }
                work.page.truncate(index);
                return Ok(());
            }
            for lane in lanes {
                if work.resting.contains(&lane) {
                    continue;
                }
                if self.working.contains_key(&lane) {
                    return Err(Rests::Busy);
                }
                self.working.insert(lane.clone(), work.order.id);
                self.window.rest(&lane);
                work.resting.push(lane);
            }
        }
        Ok(())
    }

    /// Whether a work waits for a checkpoint that can be written.
    pub(super) fn awaits_checkpoint(&self) -> bool {
        let done = self.window.done_up_to();
        self.waiting_for_checkpoint.iter().any(|work| work.is_behind(done))
    }

    /// Goes on with those works whose next event the checkpoint has passed. What came again may have failed meanwhile, and
    /// lie before that.
    pub(super) fn go_on_behind_checkpoint(&mut self) {
        let checkpoint = self.checkpoint;
        let works: Vec<_> = self.waiting_for_checkpoint.extract_if(.., |work| work.is_behind(checkpoint)).collect();
        for work in works {
            self.work(work);
        }
    }

    /// Goes through those pages whose lanes have come to rest.
    pub(super) fn go_through_pages(&mut self) {
        if self.ends() {
            return;
        }
        let window = &self.window;
        let rests = |work: &mut Work| work.resting.iter().all(|lane| window.rests(lane));
        let works: Vec<_> = self.waiting_for_rest.extract_if(.., rests).collect();
        for work in works {
            self.go_through(work);
        }
    }

    fn go_through(&mut self, mut work: Work) {
        let (turn, attempts) = (self.turn, self.attempts);
        self.under_way.push(
            async move {
                let page = std::mem::take(&mut work.page);
                for parked in &page {
                    let handle = || turn.handle_parked(&work, &page, parked);
                    match attempts.make(parked.event.position, handle).await {
                        Tried::Done(()) => work.done.push(parked.event),
                        // As for one that is not parked: nothing more can be done about it.
                        Tried::Failed(attempts, Error::Uncompensated { .. }) if work.is_replay() => {
                            work.done.push(parked.event);
                            work.uncompensated = Some((parked.event, attempts));
                            break;
                        }
                        Tried::Failed(attempts, _) => {
                            work.failed = Some((parked.event, attempts));
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
        let position = self.window.done_up_to() + 1;
        work.joins = self.parks.joins(&work.lane);
        work.order.events += work.done.len() as u64;
        self.under_way.push(
            async move {
                let step = match attempts.make(position, || turn.step(&work)).await {
                    Tried::Done(step) => step,
                    Tried::Lost => return Happened::Cleaned(work, Tried::Lost),
                    Tried::Stopped => return Happened::Cleaned(work, Tried::Stopped),
                    Tried::Failed(attempts, error) => {
                        return Happened::Cleaned(work, Tried::Failed(attempts, error));
                    }
                };
                let clean = || async {
                    turn.log.store.carry_out(lease, step.clone()).await?;
                    for unparked in &step.unparked {
                        turn.consumer.unparked(lease, unparked.event).await?;
                    }
                    let left = turn.log.store.parked(turn.consumer.name(), &work.lane, 1).await?;
                    Ok(left.first().map(|parked| parked.event))
                };
                let tried = attempts.make(position, clean).await;
                Happened::Cleaned(work, tried)
            }
            .boxed(),
        );
    }

    pub(super) fn cleaned(&mut self, mut work: Work, tried: Tried<Option<EventRef>>) {
        let Some(left) = self.done(self.window.done_up_to() + 1, tried) else { return };
        work.done.clear();
        work.uncompensated = None;
        if let Some(first) = left {
            self.parks.begins_at(&work.lane, first);
        }
        let rejoined = left.is_none() && self.parks.close(&work.lane, work.joins);
        if rejoined && self.turn.consumer.has_deadlines() && !self.deadlines.looking {
            self.look_for_deadlines();
        }
        if work.is_over() {
            self.leave(&mut work);
        } else if rejoined {
            self.leave(&mut work);
            self.answer(&work.order, Answer::Done { failed: None });
        } else if !self.ends() {
            self.work(work);
        }
    }

    /// Lets the lanes go on that rested for a work.
    fn let_go_on(&mut self, work: &mut Work) {
        for lane in work.resting.drain(..) {
            self.working.remove(&lane);
            self.window.go_on(&lane);
        }
    }

    /// Lets other orders and live events come to the lanes of a work again.
    fn leave(&mut self, work: &mut Work) {
        self.working.remove(&work.lane);
        self.let_go_on(work);
        if !self.asking && !self.ends() {
            self.look_for_orders();
        }
    }
}

/// Why the lanes of a page's events do not come to rest.
enum Rests {
    /// Another order is at work at one.
    Busy,
    /// The first event belongs to this lane, which is parked before it.
    Parked(EventRef, String),
}

impl Work {
    fn is_replay(&self) -> bool {
        matches!(self.order.order, Order::Replay { .. })
    }

    /// Whether it has to know what its events are today. Who only lets them go needs no service for that.
    fn reads(&self) -> bool {
        matches!(self.order.order, Order::Replay { .. } | Order::DiscardAndCompensate { .. })
    }

    fn keeps_letter(&self, event: EventRef) -> bool {
        self.uncompensated.as_ref().is_some_and(|(uncompensated, _)| *uncompensated == event)
    }

    /// Whether its next event lies at or before a position.
    fn is_behind(&self, position: u64) -> bool {
        self.page.first().is_none_or(|parked| parked.event.position <= position)
    }

    /// Whether its last step has the answer.
    fn is_over(&self) -> bool {
        self.failed.is_some() || matches!(self.order.order, Order::Skip { .. })
    }
}

impl Turn {
    /// The lanes that an event in a park belongs to by its key, if those are others: it was parked before anybody could
    /// tell them.
    fn other_lanes(&self, Work { lane, answers, .. }: &Work, parked: &Parked) -> Vec<String> {
        let lanes = self.parts(parked.event, &parked.record, answers).unwrap_or_default();
        // What is wrong with an event is told when it is handled.
        let others = lanes.iter().filter_map(|part| self.consumer.lane(part).ok()).filter(|other| *other.name != *lane);
        others.map(|other| other.name.to_string()).collect()
    }

    /// What an event in a park is in current versions.
    fn parts(&self, event: EventRef, record: &Record, answers: &Answers) -> Result<Vec<Record>, Failure> {
        let mut current = Vec::new();
        if record.kind == RecordKind::Deadline {
            return Ok(current);
        }
        self.current(record.clone(), answers, &mut current)?;
        current.retain(|part| event.part == EventRef::WHOLE || part.part == event.part);
        Ok(current)
    }

    /// Does with an event in a park what was ordered. `page` holds those that leave the park with it.
    async fn handle_parked(&self, work: &Work, page: &[Parked], parked: &Parked) -> Result<(), Error> {
        let Parked { event, record } = parked;
        let order = &work.order.order;
        if record.kind == RecordKind::Deadline {
            return match order {
                Order::Replay { .. } => self.react(record, Arc::<str>::from(work.lane.as_str()).into()).await,
                _ => self.consumer.forget(record).await,
            };
        }
        let compensate = match order {
            Order::Replay { .. } => false,
            Order::DiscardAndCompensate { .. } => true,
            _ => return Ok(()),
        };
        if !self.concerns(record) {
            // Passed over, what somebody wants to have handled would be lost without a word.
            return Err(unhandled(self.consumer.name(), &record.payload).into());
        }
        for part in &self.parts(*event, record, &work.answers)? {
            if compensate {
                self.consumer.compensate(part).await?;
                continue;
            }
            let own = self.consumer.lane(part)?;
            self.check_order(page, part).await?;
            self.replay(part, own).await?;
        }
        Ok(())
    }

    /// Refuses an event if later events of its lane were handled meanwhile: those that came when nobody could tell the
    /// lane of this one. Those of the same page were replayed in order, by an attempt or a holder that came to no end.
    async fn check_order(&self, page: &[Parked], event: &Record) -> Result<(), Error> {
        let Some(last) = self.consumer.last_event(event).await? else { return Ok(()) };
        let replayed = page.iter().any(|parked| parked.event.position == last.position);
        if last.position > event.position && !replayed {
            let message = format!("the row holds events behind position {} already", event.position);
            return Err(Failure::new("ROW_AHEAD", message).into());
        }
        Ok(())
    }

    /// What a work has done: events that leave the park with their letters, and attempts that are added to the letter of
    /// the one that failed.
    async fn step(&self, work: &Work) -> Result<OrderStep, Error> {
        let unparked = work.done.iter().map(|event| NewParked { lane: work.lane.clone(), event: *event }).collect();
        let mut step = OrderStep {
            id: work.order.id,
            unparked,
            removed: work.done.iter().copied().filter(|event| !work.keeps_letter(*event)).collect(),
            events: work.order.events,
            ..OrderStep::default()
        };
        let mut failed = None;
        if let Some((event, attempts)) = work.failed.as_ref().or(work.uncompensated.as_ref()) {
            let known = self.log.store.dead_letters(self.consumer.name(), event.before(), 1).await?;
            let earlier = known.into_iter().filter(|letter| letter.event == *event).flat_map(|letter| letter.attempts);
            failed = attempts.last().map(|last| (*event, last.clone())).filter(|_| work.failed.is_some());
            let attempts = earlier.chain(attempts.iter().cloned()).collect();
            step.letter = Some(NewDeadLetter { event: *event, lane: work.lane.clone(), attempts });
        }
        step.answer = work.is_over().then_some(Answer::Done { failed });
        Ok(step)
    }
}
