//! The loop of whoever holds the lease: read the log, handle what is subscribed lane by lane, move the checkpoint.
//!
//! Everything that takes time (a page that is read, an event that is handled, a commit) is a future among others; the
//! loop takes what happened, one after the other, and starts what may be started then.

mod committing;
mod deadlines;
mod handling;
mod orders;
mod reading;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::sleep_until;
use uuid::Uuid;

use super::attempts::{Attempts, Signals, Tried};
use super::parking::{Joining, Parks};
use super::turn::Turn;
use super::window::Window;
use super::{Asked, ConsumerKind, Inbox};
use crate::error::Error;
use crate::store::{EventRef, Lease, Record, TakenOrder};
use deadlines::Deadlines;
use handling::Handled;
use orders::Work;
use reading::Page;

/// How many records are read at a time.
pub(super) const BATCH: usize = 1024;

/// How many lanes are handled side by side.
pub(super) const LANES: usize = 64;

/// A checkpoint is written for so many events that are done (with fewer, the pages of views are written more often), ...
const COMMIT: usize = 4096;

/// Nothing is read while more than these wait to be committed: changed rows are in memory.
const UNSAVED: usize = 4 * COMMIT;

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
    Read(Tried<Page>),
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
    checkpoint: u64,
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
    deadlines: Deadlines,
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
            checkpoint: position,
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
            deadlines: Deadlines::default(),
            halt: None,
        }
    }

    /// Works until something halts it.
    pub(super) async fn run(mut self, inbox: &mut Inbox) -> Halt {
        let (mut wake, mut pausing) = (self.turn.log.store.watch(), self.attempts.pausing.subscribe());
        let mut news = self.turn.log.store.watch_orders();
        self.look_for_orders();
        while self.halt.is_none() && !self.turn.stop.is_now() {
            self.start_what_may(&mut wake);
            self.show();
            let due = self.unsaved_since.filter(|_| !self.committing).map(|since| since + DELAY);
            let deadline = self.next_deadline();
            tokio::select! {
                Some(happened) = self.under_way.next() => self.take(happened),
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
                Some(happened) => self.take(happened),
                None => break self.halt.take().unwrap_or(Halt::Stopped),
            }
        };
        let position = self.window.done_up_to();
        if self.checkpoint < position || self.unsaved > 0 {
            match self.turn.consumer.commit(self.lease, position).await {
                Ok(()) => {
                    self.checkpoint = position;
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

    fn start_what_may(&mut self, wake: &mut watch::Receiver<u64>) {
        while self.busy < LANES
            && let Some((lane, waiting)) = self.window.start()
        {
            self.busy += 1;
            self.go_on(lane, waiting);
        }
        // Looked at here, too: while events come faster than a clock ticks, no sleep ever ends.
        self.look_for_deadlines_if_due();
        // What came meanwhile is read before a checkpoint is written: it may lead to more, and the checkpoint can wait.
        self.at_end &= !wake.has_changed().unwrap_or(false);
        if !self.reading && !self.at_end && self.has_room() {
            // Marked as seen before reading: what is appended from here on wakes again.
            wake.mark_unchanged();
            self.read(self.window.read());
        }
        let crowded = !self.window.has_room();
        self.signals.crowded.send_if_modified(|told| std::mem::replace(told, crowded) != crowded);
        if !self.joining && !self.parks.is_joined() {
            self.join();
        }
        let idle = self.busy == 0 && self.at_end && !self.reading;
        // Those who ask a saga or a process manager need no commit.
        let asked = !self.asked.is_empty() && self.turn.consumer.kind() == ConsumerKind::Projector;
        let wanted = idle || asked || !self.after_next.is_empty() || self.unsaved >= COMMIT;
        let unsaved = self.unsaved > 0 || !self.after_next.is_empty();
        if (unsaved && wanted) || self.awaits_checkpoint() || self.window.done_up_to() - self.checkpoint >= STRIDE {
            self.commit();
        }
    }

    fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Read(tried) => {
                self.reading = false;
                let page = self.done(self.window.read() + 1, tried);
                // Once it ends, nothing more is begun: a lane whose event was given up half-way looks free.
                if let Some(page) = page.filter(|_| !self.ends()) {
                    self.at_end = page.records.len() < BATCH;
                    // The next page comes while this one is handled.
                    if let Some(last) = page.records.last().filter(|_| !self.at_end && self.has_room()) {
                        self.read(last.position);
                    }
                    self.take_in(page);
                }
            }
            Happened::Handled(handled) => self.handled(handled),
            Happened::Joined(joined, tried) => self.joined(joined, tried),
            Happened::Committed(position, tried) => self.committed(position, tried),
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
            Happened::Due(tried) => self.due(tried),
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
}
