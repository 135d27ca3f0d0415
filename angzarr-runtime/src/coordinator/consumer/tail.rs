//! The loop of whoever holds the lease: read the log, handle what is subscribed lane by lane, move the checkpoint.
//!
//! Everything that takes time (a page that is read, an event that is handled, a commit) is a future among others; the
//! loop takes what happened, one after the other, and starts what may be started then.

mod orders;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, poll_immediate};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use prost_types::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep_until;
use uuid::Uuid;

use super::attempts::{Attempts, Signals, Tried, is_of_the_store};
use super::parking::{self, Joining, Parks};
use super::turn::{Turn, holds};
use super::window::{NO_TICKET, Ticket, Waiting, Window};
use super::{Asked, Inbox, Lane, of_stream};
use crate::component::OnFailure;
use crate::coordinator::check_chain;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Attempt, EventRef, Lease, NewDeadLetter, NewParked, Record, RecordKind, TakenOrder};
use crate::time;
use orders::Work;

/// How many records are read at a time.
pub(super) const BATCH: usize = 1024;

/// How many lanes are handled side by side.
pub(super) const LANES: usize = 64;

/// A checkpoint is written for so many events that are done, ...
const COMMIT: usize = 1024;

/// Nothing is read while more than these wait to be committed: changed rows are in memory.
const UNSAVED: usize = 16 * COMMIT;

/// ... for those that have been done for so long, ...
const DELAY: Duration = Duration::from_millis(50);

/// ... and for so many records even if none of them mattered.
const STRIDE: u64 = 4096;

/// Why a holder does not go on.
pub(super) enum Halt {
    /// It was told to stop. What it was at is handled again after the next start.
    Stopped,
    /// Its lease is somebody else's.
    Lost,
    /// What was built beside what it fed has taken the place of that.
    Switched,
    /// It waits before this position until it is resumed.
    Paused(u64, String),
    /// It gives up at this position.
    Failed(u64, Error),
}

/// Something that took time, and is over.
enum Happened {
    Read(Tried<Vec<Record>>),
    Handled(Handled),
    Joined(Vec<Joining>, Tried<()>),
    Committed(u64, Tried<()>),
    Ordered(Tried<Vec<TakenOrder>>),
    Paged(Work),
    Worked(Work),
    /// With the first event that is left.
    Cleaned(Work, Tried<Option<EventRef>>),
    Answered(Tried<()>),
    Due(Tried<Vec<Record>>),
}

/// An event that was handled in its lane.
struct Handled {
    lane: Arc<str>,
    ticket: Ticket,
    event: EventRef,
    tried: Tried<()>,
    /// What was handled, if it is a deadline.
    deadline: Option<Box<Record>>,
}

/// The first attempt at an event.
type First<'a> = BoxFuture<'a, (Record, Result<(), Error>)>;

pub(super) struct Tail<'a> {
    turn: &'a Turn,
    lease: &'a Lease,
    attempts: &'a Attempts,
    signals: &'a Signals,
    window: Window,
    parks: Parks,
    under_way: FuturesUnordered<BoxFuture<'a, Happened>>,
    /// How many lanes are being handled.
    busy: usize,
    reading: bool,
    joining: bool,
    committing: bool,
    /// Whether the last page that was read was the end of the log.
    at_end: bool,
    /// Everything up to here is done for good.
    committed: u64,
    /// Everything up to here was told to be done.
    shown: u64,
    /// How many events were done since the last commit began, and since when.
    unsaved: usize,
    unsaved_since: Option<Instant>,
    /// Who waits for single events: until they are done, until the commit behind that.
    asked: Vec<Asked>,
    answered: Vec<Asked>,
    /// Parks that may be cleaned after the next commit, and after the present one.
    after_next: Vec<Work>,
    after_this: Vec<Work>,
    /// Whether the store is being asked for orders.
    asking: bool,
    /// Orders that were told last, so they are under way or have ended.
    orders: HashSet<Uuid>,
    /// Lanes that orders work at, one at each.
    working: HashMap<String, Uuid>,
    /// Works whose next events the checkpoint has not passed.
    waiting_for_checkpoint: Vec<Work>,
    /// Works whose lanes have to come to rest first.
    waiting_for_rest: Vec<Work>,
    /// Positions of deadlines that are being handled, or wait for that.
    firing: HashSet<u64>,
    looking: bool,
    /// Why it ends once what is under way is done.
    halt: Option<Halt>,
}

impl<'a> Tail<'a> {
    pub(super) fn new(
        turn: &'a Turn,
        lease: &'a Lease,
        attempts: &'a Attempts,
        signals: &'a Signals,
        position: u64,
        parks: Parks,
    ) -> Self {
        Self {
            turn,
            lease,
            attempts,
            signals,
            window: Window::new(position),
            parks,
            under_way: FuturesUnordered::new(),
            busy: 0,
            reading: false,
            joining: false,
            committing: false,
            at_end: false,
            committed: position,
            shown: position,
            unsaved: 0,
            unsaved_since: None,
            asked: Vec::new(),
            answered: Vec::new(),
            after_next: Vec::new(),
            after_this: Vec::new(),
            asking: false,
            orders: HashSet::new(),
            working: HashMap::new(),
            waiting_for_checkpoint: Vec::new(),
            waiting_for_rest: Vec::new(),
            firing: HashSet::new(),
            looking: false,
            halt: None,
        }
    }

    /// Works until something halts it.
    pub(super) async fn run(mut self, inbox: &mut Inbox) -> Halt {
        let (mut wake, mut pausing) = (self.turn.log.store.watch(), self.attempts.pausing.subscribe());
        let mut news = self.turn.log.store.watch_orders();
        self.look_for_orders();
        while self.halt.is_none() && !self.turn.stop.is_now() {
            self.start_what_may(&mut wake).await;
            self.show();
            let due = self.unsaved_since.filter(|_| !self.committing).map(|since| since + DELAY);
            let deadline = self.next_deadline();
            tokio::select! {
                Some(happened) = self.under_way.next() => self.take(happened).await,
                woken = wake.changed(), if self.at_end && !self.reading => match woken {
                    Ok(()) => self.at_end = false,
                    // The store is gone.
                    Err(_) => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.commit(),
                has_come = self.turn.log.clock.approach(deadline.unwrap_or_default()), if deadline.is_some() => {
                    if has_come {
                        self.look_for_deadlines();
                    }
                }
                Ok(()) = news.changed(), if !self.asking => self.look_for_orders(),
                Some(asked) = inbox.recv() => self.asked.push(asked),
                // What holds up the others may be failing by now.
                Ok(()) = pausing.changed(), if self.window.is_ahead() => {}
                () = self.turn.stop.wait() => break,
            }
        }
        self.end().await
    }

    /// Lets what is being handled come to its end, and keeps what is done.
    ///
    /// A replay whose commit was outstanding is left as it is: its events stay in the park and its order has no answer, so
    /// the next holder goes through them again, and finds keys and rows of what was done.
    async fn end(mut self) -> Halt {
        let halt = loop {
            if matches!(self.halt, Some(Halt::Lost)) {
                return Halt::Lost;
            }
            if !self.joining && !self.parks.is_joined() {
                self.join();
            }
            match self.under_way.next().await {
                Some(happened) => self.take(happened).await,
                None => break self.halt.take().unwrap_or(Halt::Stopped),
            }
        };
        let position = self.window.done_up_to();
        if self.committed < position || self.unsaved > 0 {
            match self.turn.consumer.commit(self.lease, position).await {
                Ok(()) => {
                    self.committed = position;
                    self.unsaved = 0;
                    self.show();
                }
                Err(error) => {
                    // The work is only repeated after the next start.
                    let name = self.turn.consumer.name();
                    tracing::warn!(consumer = name, code = error.code(), %error, "the last checkpoint was not written");
                }
            }
        }
        halt
    }

    async fn start_what_may(&mut self, wake: &mut watch::Receiver<u64>) {
        while self.busy < LANES
            && let Some((lane, waiting)) = self.window.start()
        {
            self.busy += 1;
            self.go_on(lane, waiting).await;
        }
        // Looked at here, too: while events come faster than a clock ticks, no sleep ever ends.
        let due = self.turn.consumer.next_deadline().filter(|_| !self.looking);
        if due.is_some_and(|due| time::to_micros(&due) <= time::to_micros(&self.turn.log.clock.now())) {
            self.look_for_deadlines();
        }
        // What came meanwhile is read before a checkpoint is written: it may lead to more, and the checkpoint can wait.
        self.at_end &= !wake.has_changed().unwrap_or(false);
        // Lanes that fail are no reason to stop: the others have a right to be counted as held up by them.
        let all_pause = *self.attempts.pausing.borrow() >= LANES;
        let more = self.window.has_room() && (all_pause || !self.window.is_ahead());
        if !self.reading && !self.at_end && more && self.unsaved < UNSAVED {
            // Marked as seen before reading: what is appended from here on wakes again.
            wake.mark_unchanged();
            self.read().await;
        }
        let crowded = !self.window.has_room();
        self.signals.crowded.send_if_modified(|told| std::mem::replace(told, crowded) != crowded);
        if !self.joining && !self.parks.is_joined() {
            self.join();
        }
        let idle = self.busy == 0 && self.at_end && !self.reading;
        // Those who ask a saga or a process manager need no commit.
        let asked = !self.asked.is_empty() && self.turn.consumer.is_projector();
        let wanted = idle || asked || !self.after_next.is_empty() || self.unsaved >= COMMIT;
        let unsaved = self.unsaved > 0 || !self.after_next.is_empty();
        if (unsaved && wanted) || self.awaits_checkpoint() || self.window.done_up_to() - self.committed >= STRIDE {
            self.commit();
        }
    }

    /// Tells how far everything is done for good, and answers those who wait for single events.
    fn show(&mut self) {
        let saved = self.unsaved == 0 && !self.committing;
        // What did not matter to anybody needs no commit.
        self.shown = self.shown.max(if saved { self.window.done_up_to() } else { self.committed });
        let position = self.shown;
        let (parks, troubled, firing) = (self.parks.len(), self.parks.troubled(), self.firing.len());
        self.turn.progress.send_if_modified(|progress| {
            let known = progress.clone();
            (progress.position, progress.parks, progress.troubled) = (position, parks, troubled);
            progress.firing = firing;
            *progress != known
        });
        // What sagas and process managers do counts before their checkpoints move. Whoever is answered looks at once
        // whether anything has failed.
        if saved || !self.turn.consumer.is_projector() {
            self.done_for().for_each(Asked::answer);
        }
    }

    /// Those for whom everything is done that they wait for, and those who have gone away.
    fn done_for(&mut self) -> impl Iterator<Item = Asked> + use<'_, 'a> {
        let window = &self.window;
        self.asked.extract_if(.., |asked| asked.is_gone() || window.is_done(asked.from, asked.to))
    }

    async fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Read(tried) => {
                self.reading = false;
                let records = self.done(self.window.read() + 1, tried);
                // Once it ends, nothing more is begun: a lane whose event was given up half-way looks free.
                if let Some(records) = records.filter(|_| !self.ends()) {
                    self.take_in(records).await;
                }
            }
            Happened::Handled(handled) => self.handled(handled).await,
            Happened::Joined(joined, tried) => {
                self.joining = false;
                if self.done(self.window.done_up_to() + 1, tried).is_some() {
                    self.parks.joined(&joined);
                    for joined in joined {
                        self.finish(joined.ticket);
                        if let Some(deadline) = joined.forgotten {
                            self.firing.remove(&deadline.position);
                        }
                    }
                }
            }
            Happened::Committed(position, tried) => {
                self.committing = false;
                if self.done(position, tried).is_some() {
                    self.committed = position;
                    self.answered.drain(..).for_each(Asked::answer);
                    for work in std::mem::take(&mut self.after_this) {
                        self.clean(work);
                    }
                    self.go_on_behind_checkpoint();
                }
            }
            Happened::Ordered(tried) => {
                self.asking = false;
                if let Some(orders) = self.done(self.window.done_up_to() + 1, tried) {
                    self.ordered(orders);
                }
            }
            Happened::Paged(work) => self.paged(work),
            // What was handled, and the checkpoint that has passed it, have to be kept before the park forgets it.
            Happened::Worked(work) => self.after_next.push(work),
            Happened::Cleaned(work, tried) => self.cleaned(work, tried),
            Happened::Answered(tried) => {
                self.done(self.window.done_up_to() + 1, tried);
            }
            Happened::Due(tried) => {
                self.looking = false;
                for deadline in self.done(self.window.done_up_to() + 1, tried).into_iter().flatten() {
                    self.fire(deadline);
                }
            }
        }
    }

    /// When the store has to be asked for deadlines that are due.
    fn next_deadline(&self) -> Option<Timestamp> {
        self.turn.consumer.next_deadline().filter(|_| !self.looking)
    }

    fn look_for_deadlines(&mut self) {
        let (turn, attempts) = (self.turn, self.attempts);
        let position = self.window.done_up_to() + 1;
        self.looking = true;
        let look = || async { Ok(turn.consumer.due().await?) };
        self.under_way.push(async move { Happened::Due(attempts.make(position, look).await) }.boxed());
    }

    /// Has a deadline handled behind what its lane is at. One of a parked lane is looked for again when it rejoins.
    fn fire(&mut self, deadline: Record) {
        let lane = self.turn.consumer.lane(&deadline).map_or_else(|_| of_stream(&deadline), |lane| lane.name);
        if !self.parks.holds(&lane) && self.firing.insert(deadline.position) {
            self.window.wait(&lane, NO_TICKET, deadline);
        }
    }

    fn ends(&self) -> bool {
        self.halt.is_some() || self.turn.stop.is_now()
    }

    /// What came of something that only halts if it fails.
    fn done<T>(&mut self, position: u64, tried: Tried<T>) -> Option<T> {
        match tried {
            Tried::Done(done) => return Some(done),
            Tried::Lost => self.halt = Some(Halt::Lost),
            Tried::Stopped => self.halt_at(Halt::Stopped),
            Tried::Failed(_, error) => self.halt_at(Halt::Failed(position, error)),
        }
        None
    }

    /// Of several reasons the earliest counts; a lost lease counts before all.
    fn halt_at(&mut self, halt: Halt) {
        let place = |halt: &Halt| match halt {
            Halt::Lost | Halt::Switched => 0,
            Halt::Failed(position, _) | Halt::Paused(position, _) => *position,
            Halt::Stopped => u64::MAX,
        };
        if self.halt.as_ref().is_none_or(|known| place(&halt) < place(known)) {
            self.halt = Some(halt);
        }
        self.signals.halting.send_replace(true);
    }

    /// What comes when an event was handled. An earlier holder may have given it up, and died before the checkpoint had
    /// passed it.
    fn succeeded(&mut self, ticket: Ticket, event: EventRef) {
        if self.parks.is_lettered(event) {
            let redeemed = Some(event);
            return self.parks.join(Joining { ticket, letter: None, parked: None, forgotten: None, redeemed });
        }
        self.finish(ticket);
    }

    fn finish(&mut self, ticket: Ticket) {
        if ticket == NO_TICKET {
            return;
        }
        self.window.finish(ticket);
        self.unsaved += 1;
        self.unsaved_since.get_or_insert_with(Instant::now);
    }

    async fn read(&mut self) {
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

    async fn take_in(&mut self, records: Vec<Record>) {
        self.at_end = records.len() < BATCH;
        let reached = records.last().map(|record| record.position);
        let mut events = Vec::new();
        for record in records {
            if !record.kind.is_event() || !holds(&self.turn.stored_types, &record) {
                continue;
            }
            let (whole, stream) =
                (EventRef { position: record.position, part: EventRef::WHOLE }, record.stream.clone());
            // Since nobody could read it when it came first.
            if self.parks.has_inside(whole) {
                continue;
            }
            if let Err(failure) = self.turn.log.upcasts.current(record, &mut events) {
                events.clear();
                self.refuse(&stream.root.to_string().into(), whole, failure);
            }
            for event in events.drain(..).filter(|event| holds(&self.turn.wanted_types, event)) {
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
            self.parks.join(joining(ticket, &lane.name, event));
        } else if self.busy < LANES && self.window.is_free(&lane.name) {
            let name = lane.name.clone();
            if self.begin(ticket, lane, record).await {
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
        self.failed(lane, ticket, event, (vec![super::attempts::attempt(&error)], error), None);
    }

    /// Begins to handle an event. True if that took no time and went well; else it is under way.
    async fn begin(&mut self, ticket: Ticket, lane: Lane, record: Record) -> bool {
        let (event, name) = (EventRef { position: record.position, part: record.part }, lane.name.clone());
        let mut first = self.turn.try_once(record, lane);
        let first = match poll_immediate(&mut first).await {
            Some((_, Ok(()))) => return true,
            Some(tried) => async { tried }.boxed(),
            None => first,
        };
        let (turn, attempts) = (self.turn, self.attempts);
        self.under_way.push(
            async move {
                let (record, tried) = turn.handle(attempts, &name, first).await;
                let deadline = (record.kind == RecordKind::Deadline).then(|| Box::new(record));
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
                let (deadline, tried) = match attempts.make(event.position, || turn.find(event)).await {
                    Tried::Done(record) => {
                        let first = turn.try_once(record, lane.clone().into());
                        let (record, tried) = turn.handle(attempts, &lane, first).await;
                        ((record.kind == RecordKind::Deadline).then(|| Box::new(record)), tried)
                    }
                    Tried::Lost => (None, Tried::Lost),
                    Tried::Stopped => (None, Tried::Stopped),
                    Tried::Failed(attempts, error) => (None, Tried::Failed(attempts, error)),
                };
                Happened::Handled(Handled { lane, ticket, event, tried, deadline })
            }
            .boxed(),
        );
    }

    async fn handled(&mut self, handled: Handled) {
        let Handled { lane, ticket, event, tried, deadline } = handled;
        if ticket == NO_TICKET {
            self.firing.remove(&event.position);
        }
        match tried {
            Tried::Done(()) => self.succeeded(ticket, event),
            Tried::Lost => self.halt = Some(Halt::Lost),
            Tried::Stopped => self.halt_at(Halt::Stopped),
            Tried::Failed(attempts, error) => self.failed(&lane, ticket, event, (attempts, error), deadline),
        }
        match self.window.next(&lane) {
            Some(waiting) if !self.ends() => self.go_on(lane, waiting).await,
            _ => {
                self.busy -= 1;
                self.go_through_pages();
            }
        }
    }

    /// Handles a lane's events until one takes time.
    async fn go_on(&mut self, lane: Arc<str>, waiting: Waiting) {
        let mut next = Some(waiting);
        while let Some(Waiting { ticket, event, record }) = next {
            let Some(record) = record else { return self.begin_without(ticket, lane, event) };
            if !self.begin(ticket, lane.clone().into(), *record).await {
                return;
            }
            if ticket == NO_TICKET {
                self.firing.remove(&event.position);
            }
            self.succeeded(ticket, event);
            next = self.window.next(&lane);
        }
        self.busy -= 1;
        self.go_through_pages();
    }

    /// What comes when the attempts are used up; the error is that of the last one.
    fn failed(
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
                tracing::error!(consumer, lane = &**lane, position, code, %error, "the event became a dead letter and is skipped");
                // One whose command was refused has fired.
                let forgotten = deadline.filter(|_| !matches!(error, Error::Uncompensated { .. }));
                // It is pending until it is forgotten, and must not be found again.
                self.firing.extend(forgotten.as_ref().map(|deadline| deadline.position));
                self.parks.join(Joining { ticket, letter, parked: None, forgotten, redeemed: None });
            }
            OnFailure::Park if self.parks.open(lane, from) => {
                tracing::error!(consumer, lane = &**lane, position, code, %error, "the event became a dead letter; its lane is parked");
                self.parks.join(Joining { letter, ..joining(ticket, lane, event) });
                for Waiting { ticket, event, .. } in self.window.clear(lane) {
                    if ticket == NO_TICKET {
                        // Still pending: it is found again when the lane rejoins.
                        self.firing.remove(&event.position);
                        continue;
                    }
                    self.parks.join(joining(ticket, lane, event));
                }
            }
            OnFailure::Park => {
                let reason = format!("{} lanes are parked; the last failure is {code}: {error}", self.parks.len());
                self.halt_at(Halt::Paused(position, reason));
            }
        }
    }

    fn join(&mut self) {
        let (turn, attempts, lease, joining) = (self.turn, self.attempts, self.lease, self.parks.take());
        let position = self.window.done_up_to() + 1;
        self.joining = true;
        self.under_way.push(
            async move {
                let write = || parking::write(&*turn.log.store, &*turn.consumer, lease, &joining);
                let tried = attempts.make(position, write).await;
                Happened::Joined(joining, tried)
            }
            .boxed(),
        );
    }

    fn commit(&mut self) {
        if self.committing {
            return;
        }
        let (turn, attempts, lease, position) = (self.turn, self.attempts, self.lease, self.window.done_up_to());
        self.committing = true;
        (self.unsaved, self.unsaved_since) = (0, None);
        let answered: Vec<_> = self.done_for().collect();
        self.answered.extend(answered);
        self.after_this.append(&mut self.after_next);
        let leaving = !self.after_this.is_empty();
        self.under_way.push(
            async move {
                let commit = || async {
                    turn.consumer.commit(lease, position).await?;
                    // The parks that forget it may lie on a disk that is faster.
                    if leaving {
                        turn.consumer.sync().await?;
                    }
                    Ok(())
                };
                Happened::Committed(position, attempts.make(position, commit).await)
            }
            .boxed(),
        );
    }
}

/// An event that joins the park of a lane.
fn joining(ticket: Ticket, lane: &Arc<str>, event: EventRef) -> Joining {
    let parked = Some(NewParked { lane: lane.to_string(), event });
    Joining { ticket, letter: None, parked, forgotten: None, redeemed: None }
}

impl Turn {
    /// Has the consumer handle an event.
    async fn react(&self, record: &Record, lane: Lane) -> Result<(), Error> {
        check_chain(record)?;
        self.consumer.react(record, lane).await
    }

    fn try_once(&self, record: Record, lane: Lane) -> First<'_> {
        async move {
            let tried = self.react(&record, lane).await;
            (record, tried)
        }
        .boxed()
    }

    /// Handles an event to the end, once the first attempt was made or begun.
    async fn handle(&self, attempts: &Attempts, lane: &Arc<str>, first: First<'_>) -> (Record, Tried<()>) {
        let (record, first) = first.await;
        let again = || self.react(&record, lane.clone().into());
        let tried = attempts.go_on(record.position, first, again).await;
        (record, tried)
    }

    /// The same for one that waits in a park.
    async fn replay(&self, record: &Record, lane: Lane) -> Result<(), Error> {
        check_chain(record)?;
        self.consumer.replay(record, lane).await
    }

    /// Reads an event again.
    async fn find(&self, event: EventRef) -> Result<Record, Error> {
        let stored = self.log.store.read(event.position - 1, 1).await?;
        let mut current = Vec::new();
        for record in stored.into_iter().filter(|record| record.position == event.position) {
            self.log.upcasts.current(record, &mut current)?;
        }
        let gone = || Failure::new("EVENT_GONE", format!("there is no event at position {} any more", event.position));
        current.into_iter().find(|record| record.part == event.part).ok_or_else(|| gone().into())
    }
}
