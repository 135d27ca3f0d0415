//! Consumers, for those who operate them: how far they are, what failed, and what to do about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::coordinator::consumer::Running;
use crate::error::{DEFAULT_WAIT, Error};
use crate::store::{DeadLetter, EventRef, Order, Park, Parked, Store};

pub use crate::coordinator::consumer::Cleared;

/// How far a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStatus {
    /// Full name of its component.
    pub name: &'static str,
    /// It is done with everything up to here.
    pub position: u64,
    /// Why it stopped, if it did.
    pub stopped: Option<String>,
    /// Why it is paused, if it is.
    pub paused: Option<String>,
    /// How many of its lanes are parked, if it runs in this process.
    pub parks: usize,
    /// How often what failed in this process since the start, by code; what was tried again is counted each time.
    pub failures: BTreeMap<String, u64>,
    /// How many events became dead letters in this process since the start.
    pub dead_letters: u64,
    /// Of a process manager: how many events it has ignored in this process since the start, since there was no instance
    /// for them, or that had ended.
    pub ignored: u64,
}

impl ConsumerStatus {
    fn of(running: &Running) -> Self {
        let progress = running.progress.borrow();
        Self {
            name: running.name,
            position: progress.position,
            stopped: progress.stopped.as_ref().map(|(_, reason)| reason.clone()),
            paused: progress.paused.as_ref().map(|(_, reason)| reason.clone()),
            parks: progress.parks,
            failures: running.failures.counts(),
            dead_letters: running.failures.dead_letters(),
            ignored: running.ignored(),
        }
    }
}

impl App {
    /// How far each consumer is, in the order of registration.
    pub fn consumers(&self) -> Vec<ConsumerStatus> {
        self.inner.consumers.iter().map(ConsumerStatus::of).collect()
    }

    /// One consumer, by the full name of its component.
    ///
    /// # Errors
    /// `CONSUMER_UNKNOWN`.
    pub fn consumer(&self, name: &str) -> Result<Consumer, Error> {
        let running = self.inner.consumers.iter().find(|running| running.name == name);
        let running = running.ok_or_else(|| Error::ConsumerUnknown { consumer: name.to_owned() })?;
        Ok(Consumer { running: running.clone(), store: self.inner.log.store.clone(), timeout: DEFAULT_WAIT })
    }
}

/// A saga, projector or process manager, as its operator sees it. What its words mean stands in `docs/semantics.md`,
/// law 9.
///
/// All of it can be asked and ordered in any process. An order is kept in the store, and carried out by the process that
/// runs the consumer. If none has taken it up within 12 seconds, it is taken back: `CONSUMER_NOT_RUNNING`, or
/// `CONSUMER_STOPPED` if the consumer gave up in this process. If it is still being carried out when the caller's time is
/// up, it goes on: `ORDER_UNDER_WAY`. So does one whose caller has gone away.
#[derive(Clone, Debug)]
pub struct Consumer {
    running: Running,
    store: Arc<dyn Store>,
    timeout: Duration,
}

impl Consumer {
    /// How long to wait for the answers to orders: 30 seconds, unless something else is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    async fn order(&self, order: Order) -> Result<Cleared, Error> {
        self.running.order(&*self.store, order, self.timeout).await
    }

    /// How far it is.
    pub fn status(&self) -> ConsumerStatus {
        ConsumerStatus::of(&self.running)
    }

    /// Its parks, in the order of their first events.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn parks(&self) -> Result<Vec<Park>, Error> {
        Ok(self.store.parks(self.running.name).await?)
    }

    /// The first `limit` events that wait in the park of a lane, as stored.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn parked(&self, lane: &str, limit: usize) -> Result<Vec<Parked>, Error> {
        Ok(self.store.parked(self.running.name, lane, limit).await?)
    }

    /// Up to `limit` dead letters of events behind `after`, in the order of the log, with every attempt.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn dead_letters(&self, after: Option<EventRef>, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        Ok(self.store.dead_letters(self.running.name, after, limit).await?)
    }

    /// Handles the events of a park in order, until it is empty and the lane goes on, or one fails again.
    ///
    /// # Errors
    /// `LANE_NOT_PARKED`, `LANE_BUSY` while another order for it is carried out, `CONSUMER_PAUSED`, and what every order
    /// may end with: see above.
    pub async fn replay(&self, lane: impl Into<String>) -> Result<Cleared, Error> {
        self.order(Order::Replay { lane: lane.into() }).await
    }

    /// Takes the first event out of a park, without handling it; its dead letter goes, too.
    ///
    /// # Errors
    /// As for [`Consumer::replay`].
    pub async fn skip(&self, lane: impl Into<String>) -> Result<Cleared, Error> {
        self.order(Order::Skip { lane: lane.into() }).await
    }

    /// Takes all events out of a park, without handling them; the lane goes on behind them.
    ///
    /// # Errors
    /// As for [`Consumer::replay`].
    pub async fn discard(&self, lane: impl Into<String>) -> Result<Cleared, Error> {
        self.order(Order::Discard { lane: lane.into() }).await
    }

    /// The same, but first the commands that would have followed from them are reported as refused (`DISCARDED`).
    ///
    /// # Errors
    /// As for [`Consumer::replay`]. `NOT_COMPENSABLE` for consumers that send no commands is told in the answer.
    pub async fn discard_and_compensate(&self, lane: impl Into<String>) -> Result<Cleared, Error> {
        self.order(Order::DiscardAndCompensate { lane: lane.into() }).await
    }

    /// Removes a dead letter, like that of an event that was skipped. What waits in a park stays there.
    ///
    /// # Errors
    /// `CONSUMER_PAUSED`, and what every order may end with: see above.
    pub async fn remove_dead_letter(&self, event: EventRef) -> Result<(), Error> {
        self.order(Order::RemoveDeadLetter { event }).await.map(drop)
    }

    /// Stops it behind what it is at, until it is resumed. It stays paused whichever process runs it next.
    ///
    /// # Errors
    /// What every order may end with: see above.
    pub async fn pause(&self) -> Result<(), Error> {
        self.order(Order::Pause).await.map(drop)
    }

    /// Lets it go on after a pause. No-op if it is not paused.
    ///
    /// # Errors
    /// What every order may end with: see above.
    pub async fn resume(&self) -> Result<(), Error> {
        self.order(Order::Resume).await.map(drop)
    }
}
