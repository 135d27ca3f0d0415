//! Where streams, snapshots, keys, deadlines, checkpoints, leases, parks, dead letters and orders are kept.
//!
//! A store is a folder here, a row in [`Storage`], and the conformance suite; nothing else knows its name.

mod consumer_store;
mod error;
mod event_store;
pub mod memory;
mod order;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod storage;

use async_trait::async_trait;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use tokio::sync::watch;
use uuid::Uuid;

pub use consumer_store::{
    Acquired, Attempt, Beat, ConsumerStore, DeadLetter, EventRef, Lease, NewDeadLetter, NewParked, Park, Parked,
};
pub use error::StoreError;
pub use event_store::EventStore;
pub use order::{Answer, Order, OrderState, OrderStep, Pause, Refusal, TakenOrder};
pub use record::{
    Appended, AsOf, Cause, Deadline, Due, Load, Loaded, NewBook, NewRecord, Record, RecordKind, Root, Snapshot,
    StreamId, Trace,
};
pub use storage::{Opened, Storage};

/// The log of one installation, and what its consumers keep beside it.
///
/// Several processes may have one log open, each through a store of its own: any of them may write; consumers share
/// work by leases.
///
/// # Contract
/// - **Durability.** A write that returned `Ok` survives the death of the process, of the server and of the machine.
/// - **Atomicity.** A book is stored whole or not at all: its records, its key, and the deadlines that it changes. Its
///   result is its own: a conflict in one book changes nothing for another, even where both share a commit.
/// - **Order.** [`read`](EventStore::read) yields records by position. A reader that has seen position *p* never later
///   finds a new record at or below *p*, whoever writes, and however late a commit comes.
/// - **Visibility.** Records are visible to every reader as soon as, and not before, they are durable.
/// - **Idempotency.** A book whose key is recorded for its stream writes nothing; the first book is returned.
///   The key is looked at before the sequence.
/// - **Size.** A book of more than [`NewBook::MAX_BYTES`] writes nothing and gets [`StoreError::BookTooLarge`], whatever
///   else there is to say about it.
/// - **Fencing.** A write under a lease that somebody else has taken over writes nothing and gets
///   [`StoreError::LeaseLost`].
/// - **Clocks.** No clock decides on order, leases or idempotency. Times are kept as they are given, in microseconds.
/// - **Cancellation.** A future that is dropped leaves its write either done or not done, never half.
/// - **Back-pressure.** Writers wait for room in a bounded queue. Those whom other processes keep from writing for
///   seconds get a retryable error.
#[async_trait]
pub trait Store: EventStore + ConsumerStore {
    /// The id that the log got when it was created.
    fn log_id(&self) -> Uuid;

    /// Finishes what was accepted, gives back leases, and lets go of files, locks and connections. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Tells those who watch that the log reaches up to `position` at least.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn raise(head: &watch::Sender<u64>, position: u64) {
    head.send_if_modified(|head| {
        let grown = position > *head;
        *head = position.max(*head);
        grown
    });
}
