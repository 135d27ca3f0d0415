//! The part of a store that keeps streams.

use async_trait::async_trait;
use prost_types::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Appended, Deadline, Load, Loaded, NewBook, Record, Root, Snapshot, StoreError, StreamId};

/// Append-only streams in one log. Its contract stands at [`Store`](super::Store).
#[async_trait]
pub trait EventStore: Send + Sync + std::fmt::Debug + 'static {
    /// Appends a book. One without records stores its key only; without a key either it is a no-op.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `book.expected` is not the stream's next sequence; [`StoreError::Unknown`] if
    /// nobody can say whether it was stored: send it again under an idempotency key.
    async fn append(&self, book: NewBook) -> Result<Appended, StoreError> {
        let unanswered = StoreError::Unavailable { reason: "the store gave no answer".into() };
        self.append_in_order(vec![book]).await.pop().unwrap_or(Err(unanswered))
    }

    /// Appends books of one stream, one after the other, in one commit if it can be had.
    ///
    /// The results end with the first book that was not stored as it was given (a conflict, a duplicate, an error); the
    /// books after it were not tried. So a book is stored only behind those that it was decided on. If that one is
    /// [`StoreError::Unknown`], then so are those after it: they may have been stored together.
    async fn append_in_order(&self, books: Vec<NewBook>) -> Vec<Result<Appended, StoreError>>;

    /// Everything needed to decide on one command, read at one instant.
    async fn load(&self, load: Load) -> Result<Loaded, StoreError>;

    /// Up to `limit` records with positions above `after`, of all streams, in the order of positions.
    async fn read(&self, after: u64, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// The same, of the records with one correlation id.
    async fn read_correlated(&self, correlation_id: &str, after: u64, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Up to `limit` roots of a domain that hold records and are behind `after`, in the order of their bytes.
    async fn roots(&self, domain: &str, after: Option<Uuid>, limit: usize) -> Result<Vec<Root>, StoreError>;

    /// The highest position; 0 if the log is empty.
    async fn head(&self) -> Result<u64, StoreError>;

    /// Follows the head, whoever appends. Steps may be missed, never the last one; its value never runs ahead of what
    /// readers see. It changes at once for appends of this store; for those of other processes as the store can tell:
    /// see there.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Keeps a snapshot, in place of an older one of the stream.
    async fn save_snapshot(&self, stream: StreamId, snapshot: Snapshot) -> Result<(), StoreError>;

    /// Up to `limit` pending deadlines of a domain that are due at `until`, the earliest first. For those of one time
    /// the order is that of the positions of the records that set them.
    async fn deadlines(&self, domain: &str, until: Timestamp, limit: usize) -> Result<Vec<Deadline>, StoreError>;
}
