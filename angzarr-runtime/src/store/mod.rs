//! Where streams, snapshots, keys and checkpoints are kept.
//!
//! A store is a folder here, a row in [`Storage`], and the conformance suite; nothing else knows its name.

mod error;
pub mod memory;
mod record;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod storage;

use async_trait::async_trait;
use uuid::Uuid;

pub use error::StoreError;
pub use record::{Appended, Cause, Load, Loaded, NewBook, NewRecord, Record, RecordKind, Snapshot, StreamId, Trace};
pub use storage::{Opened, Storage};

/// The log of one installation: append-only streams, and what is kept beside them.
///
/// # Contract
/// - **Durability.** A write that returned `Ok` survives the death of the process and of the machine.
/// - **Atomicity.** A book is stored whole or not at all. Its result is its own: a conflict in one book
///   changes nothing for another, even where both share a commit.
/// - **Order.** [`read`](Store::read) yields records by position. A reader that has seen position *p* never later
///   finds a new record at or below *p*.
/// - **Visibility.** Records are visible to every reader as soon as, and not before, they are durable.
/// - **Idempotency.** A book whose key is recorded for its stream writes nothing; the first book is returned.
///   The key is looked at before the sequence.
/// - **Cancellation.** A future that is dropped leaves its write either done or not done, never half.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// The id that the log got when it was created.
    fn log_id(&self) -> Uuid;

    /// Appends a book. One without records stores its key only; without a key either it is a no-op.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `book.expected` is not the stream's next sequence.
    async fn append(&self, book: NewBook) -> Result<Appended, StoreError> {
        let unanswered = StoreError::Unavailable { reason: "the store gave no answer".into() };
        self.append_in_order(vec![book]).await.pop().unwrap_or(Err(unanswered))
    }

    /// Appends books of one stream, one after the other, in one commit if it can be had.
    ///
    /// The results end with the first book that was not stored as it was given (a conflict, a duplicate, an error); the
    /// books after it were not tried. So a book is stored only behind those that it was decided on.
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>>;

    /// Everything needed to decide on one command, read at one instant.
    async fn load(&self, load: Load) -> Result<Loaded, StoreError>;

    /// Up to `limit` records with positions above `after`, of all streams, in the order of positions.
    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// The highest position; 0 if the log is empty.
    async fn head(&self) -> Result<u64, StoreError>;

    /// Keeps a snapshot, in place of an older one of the stream.
    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError>;

    /// The position up to which a consumer is done; 0 if it has never said so.
    async fn checkpoint(&self, consumer: &str) -> Result<u64, StoreError>;

    /// Moves a consumer's checkpoint.
    async fn save_checkpoint(&self, consumer: &str, position: u64) -> Result<(), StoreError>;

    /// Finishes what was accepted and lets go of files and locks. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}
