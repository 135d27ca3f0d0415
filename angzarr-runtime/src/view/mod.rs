//! Read models that the runtime keeps for projectors: rows under keys, committed with the checkpoint.

pub mod json;
mod key;
mod value;
mod version;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

pub use key::Key;
#[cfg(feature = "grpc")]
pub(crate) use value::{COLUMNS, is_column};
pub use value::{Column, Kind, Row, Shape, Value};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use version::building;
pub(crate) use version::{Next, Plan, Stamp, names};
pub use version::{Version, VersionState};

use crate::store::{EventRef, StoreError};
use crate::tables::TableStore;

/// What a view belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Id of the log that it is made from.
    pub log: Uuid,
    /// What its rows are.
    pub shape: &'a Shape,
}

/// The answer to [`ViewStore::take`]: what is to be fed from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The version of the view: the building one, if there is one.
    pub version: u32,
    /// How far it is.
    pub checkpoint: u64,
    /// Nothing is known of any key.
    pub empty: bool,
    /// The active version, if it goes on being fed while this one is built.
    pub served: Option<Served>,
}

/// An active version beside which another one is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// The version of the view.
    pub version: u32,
    /// How far it is.
    pub checkpoint: u64,
}

/// What a commit is made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Of the projector's lease.
    pub token: u64,
    /// That was taken under it.
    pub version: u32,
}

/// A row that events changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its key.
    pub key: Key,
    /// The last event that it is made from.
    pub event: EventRef,
    /// The row as of then; none deletes it.
    pub row: Option<NewRow>,
}

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// The encoded message.
    pub bytes: Bytes,
    /// Values of the columns of the view's shape, in their order.
    pub values: Vec<Value>,
    /// The other fields, as a JSON object.
    pub rest: String,
}

impl NewRow {
    /// A row as its message says.
    pub fn of<R: Row + prost::Message>(row: &R) -> Self {
        Self { bytes: row.encode_to_vec().into(), values: row.values(), rest: json::rest(row) }
    }
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last event that the row is made from, or that deleted it.
    pub event: EventRef,
    /// The encoded message; none if it was deleted.
    pub row: Option<Bytes>,
}

/// Which rows are wanted, in the order of their keys' text.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Those whose column of this name has this value, which is of the column's kind or null.
    pub equals: Option<(&'a str, &'a Value)>,
    /// Those behind this key.
    pub after: Option<&'a Key>,
    /// So many at most.
    pub limit: usize,
}

impl Selection<'_> {
    /// All rows.
    pub const ALL: Self = Self { equals: None, after: None, limit: usize::MAX };
}

/// Where views lie. Each projector has one view, under its full name.
///
/// # Contract
/// - [`commit`](ViewStore::commit) stores rows and checkpoint together or not at all.
/// - Views are a cache of the log: losing one costs a rebuild, never an event. A commit need not have
///   reached the disk when it returns, as long as rows and checkpoint stay together.
/// - A row remembers the last event that it is made from. So does a deleted one, until the checkpoint has passed that
///   event: what is behind the checkpoint may be handled already, and is delivered again after a restart.
/// - A view has one **active** version, which readers see, and at most one that is **building** beside it.
/// - If both have the same columns, both are fed, and the building one takes the place of the active one when
///   [`switch`](ViewStore::switch) says so.
/// - If their columns differ, only the building one is fed; the active one stays as it is. The building one takes its
///   place in the commit, or at the taking, at which its checkpoint has reached the last event that the active one is
///   made from. That event does not move any more, so no amount of new events puts it off.
/// - In both cases whoever waited for an event finds it among the rows.
#[async_trait]
pub trait ViewStore: Send + Sync + std::fmt::Debug + 'static {
    /// Takes a view for whoever holds its projector's lease under `token`, and tells which versions are to be fed. From
    /// here on, commits under an older token, or to another version, are refused.
    ///
    /// If the columns have changed, a version is built beside the old one. A view of another log, one that is ahead of
    /// `head`, or one whose rows are of another type holds what readers must not see: it is emptied first.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if a newer token was here before.
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError>;

    /// The checkpoint of the active version, or of the building one if only that is fed; 0 if there is no such view of
    /// this log with rows of this type.
    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError>;

    /// What a version knows of a key; for whoever feeds it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if there is no such version any more.
    async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError>;

    /// Stores changed rows, one for a key at most, and the new checkpoint.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if a newer token has taken the view, or the version is not fed any more.
    async fn commit(&self, view: &str, by: Writer, changes: Vec<Change>, checkpoint: u64) -> Result<(), StoreError>;

    /// Lets a building version take the place of the active one, for whoever has put into it what there is up to `known`.
    /// False if the active one is made from later events, or if the database does not give its table away now. True if
    /// it has that place already.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] as for a commit.
    async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError>;

    /// One row of the active version.
    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// Rows of the active version.
    ///
    /// # Errors
    /// [`StoreError::NoColumn`] if the active version lacks the column, being of an older release.
    async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError>;

    /// The versions of a view, the active one first.
    async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError>;

    /// Begins a version of the same shape beside the active one, in the place of one that was building. Whoever feeds
    /// the view has to take it anew to find it. Nothing happens if there is no such view.
    async fn rebuild(&self, view: &str) -> Result<(), StoreError>;

    /// Waits until everything that was committed has reached the disk.
    async fn sync(&self) -> Result<(), StoreError>;

    /// Where the tables of projectors' own lie; none if it keeps none.
    fn tables(&self) -> Option<&dyn TableStore> {
        None
    }

    /// Lets go of files. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}
