//! The part of a store that keeps what consumers have done, and whose turn it is.

use std::sync::Arc;

use async_trait::async_trait;
use prost_types::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Order, OrderState, OrderStep, Pause, Record, StoreError, TakenOrder};

/// The right to run a consumer, until somebody else takes it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Full name of the component.
    pub consumer: Arc<str>,
    /// The fencing token: grows with every holder. A write under an older one is refused.
    pub token: u64,
}

/// A sign of life of a lease's holder: changes whenever the lease is taken or renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The holder's token.
    pub token: u64,
    /// Counts its renewals.
    pub count: u64,
}

/// The answer to [`ConsumerStore::acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is the caller's now.
    Taken(Lease),
    /// Somebody else has it, and this is the last sign of life.
    Held(Beat),
}

/// An event as consumers see it: a record, or a part of what it was upcast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRef {
    /// Position of the record.
    pub position: u64,
    /// Which of the results of its upcast; 0 if it was not split.
    pub part: u32,
}

impl EventRef {
    /// The part that stands for all parts of a record that could not be upcast.
    pub const WHOLE: u32 = u32::MAX;

    /// What comes right before it.
    pub(crate) fn before(self) -> Option<Self> {
        match self.part.checked_sub(1) {
            Some(part) => Some(Self { part, ..self }),
            None => Some(Self { position: self.position.checked_sub(1)?, part: u32::MAX }),
        }
    }
}

/// An event that joins a park.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewParked {
    /// The lane that is parked.
    pub lane: String,
    /// The event.
    pub event: EventRef,
}

/// A lane that waits to be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Park {
    /// The lane.
    pub lane: String,
    /// How many events wait in it.
    pub events: u64,
    /// The first of them.
    pub first: EventRef,
}

/// An event in a park.
#[derive(Clone, Debug, PartialEq)]
pub struct Parked {
    /// Which one.
    pub event: EventRef,
    /// Its record, as stored, not upcast.
    pub record: Record,
}

/// One attempt to handle an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it failed.
    pub at: Timestamp,
    /// The error's code.
    pub code: String,
    /// The error's text.
    pub reason: String,
}

/// An event that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// The event.
    pub event: EventRef,
    /// Its lane.
    pub lane: String,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
}

/// A dead letter as kept. Its trace is that of its record.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The event.
    pub event: EventRef,
    /// Its lane.
    pub lane: String,
    /// Every attempt, in order.
    pub attempts: Vec<Attempt>,
    /// The event's record, as stored, not upcast.
    pub record: Record,
}

/// Leases, checkpoints, parks, dead letters and orders. The contract stands at [`Store`](super::Store).
///
/// A consumer is known by the full name of its component. Whatever is written for it is written under its lease.
#[async_trait]
pub trait ConsumerStore: Send + Sync + std::fmt::Debug + 'static {
    /// Takes the lease of a consumer if it is free, if its holder is known to be gone, or if its beat still is
    /// `silent`: what the caller has seen unchanged for longer than a lease lasts.
    ///
    /// So takeovers are timed by the clock of whoever waits, and by no other; a holder that was only slow is fenced
    /// off. A store must know that a holder is gone only where the system tells; see there.
    async fn acquire(&self, consumer: &str, silent: Option<Beat>) -> Result<Acquired, StoreError>;

    /// Gives a sign of life.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if somebody else has taken it over.
    async fn renew(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Gives a lease back. One that was lost is given back already.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The position up to which a consumer is done; 0 if it has never said so.
    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError>;

    /// Moves a consumer's checkpoint.
    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), StoreError>;

    /// Adds events to the parks of their lanes. Those that are there already stay as they are.
    async fn park(&self, lease: &Lease, events: Vec<NewParked>) -> Result<(), StoreError>;

    /// A consumer's parks, in the order of their first events.
    async fn parks(&self, consumer: &str) -> Result<Vec<Park>, StoreError>;

    /// The first `limit` events of a park, in the order of the log.
    async fn parked(&self, consumer: &str, lane: &str, limit: usize) -> Result<Vec<Parked>, StoreError>;

    /// The events behind a position that are in a consumer's parks, in the order of the log; one that is in several parks
    /// may come several times.
    async fn parked_behind(&self, consumer: &str, position: u64) -> Result<Vec<EventRef>, StoreError>;

    /// Keeps a dead letter, in place of an older one of that event.
    async fn save_dead_letter(&self, lease: &Lease, letter: NewDeadLetter) -> Result<(), StoreError>;

    /// Up to `limit` dead letters of a consumer, of events behind `after`, in the order of the log.
    async fn dead_letters(
        &self,
        consumer: &str,
        after: Option<EventRef>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// Keeps that a consumer is paused, whoever holds its lease next, until an order resumes it.
    async fn pause(&self, lease: &Lease, pause: Pause) -> Result<(), StoreError>;

    /// Why a consumer is paused, if it is.
    async fn paused(&self, consumer: &str) -> Result<Option<Pause>, StoreError>;

    /// Gives an order to whoever holds the lease of a consumer, now or later. An id that was used changes nothing.
    async fn give_order(&self, consumer: &str, id: Uuid, order: Order) -> Result<(), StoreError>;

    /// The orders of a consumer that have no answer, in the order in which they were given. They count as taken up from
    /// here on.
    async fn take_orders(&self, lease: &Lease) -> Result<Vec<TakenOrder>, StoreError>;

    /// Writes what carrying out an order has changed, all or nothing. So what an order has done, and that it did so,
    /// are known together, and the next holder does none of it again.
    async fn carry_out(&self, lease: &Lease, step: OrderStep) -> Result<(), StoreError>;

    /// How far an order is. None if it is not there: it was withdrawn, or more than 100 others of its consumer were
    /// answered since.
    async fn order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError>;

    /// Takes an order back, unless it was taken up; how far it is after that.
    async fn withdraw_order(&self, id: Uuid) -> Result<Option<OrderState>, StoreError>;

    /// Changes after an order was given or answered, whoever did so and whatever the consumer; perhaps more often. It
    /// says nothing else. It changes as soon as [`EventStore::watch`](super::EventStore::watch) does.
    fn watch_orders(&self) -> watch::Receiver<u64>;
}
