//! Read models that the runtime keeps for projectors: rows under keys, committed with the checkpoint.

mod key;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

pub use key::Key;

use crate::store::StoreError;

/// Rows that a batch of events changed; `None` deletes.
pub type Changes = Vec<(Key, Option<Bytes>)>;

/// What a view belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Id of the log that it is made from.
    pub log: Uuid,
    /// Full name of its rows' type.
    pub row_type: &'a str,
}

/// Where views lie. Each projector has one view, under its full name.
///
/// # Contract
/// - [`commit`](ViewStore::commit) stores rows and checkpoint together or not at all.
/// - Views are a cache of the log: losing one costs a rebuild, never an event. A commit need not have
///   reached the disk when it returns, as long as rows and checkpoint stay together.
#[async_trait]
pub trait ViewStore: Send + Sync + std::fmt::Debug + 'static {
    /// Takes a view for whoever holds its projector's lease under `token`, and gives its checkpoint. From here on,
    /// commits under an older token are refused.
    ///
    /// A view of another log, one that is ahead of `head`, or one whose rows are of another type than
    /// `row_type` is emptied first.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if a newer token was here before.
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<u64, StoreError>;

    /// The checkpoint of a view; 0 if there is no such view of this log with rows of this type.
    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError>;

    /// One row.
    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// All rows, in the order of their keys' text.
    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError>;

    /// Stores changed rows and the new checkpoint.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if a newer token has taken the view.
    async fn commit(&self, view: &str, token: u64, changes: Changes, checkpoint: u64) -> Result<(), StoreError>;

    /// Lets go of files. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}
