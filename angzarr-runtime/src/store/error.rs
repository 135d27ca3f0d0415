//! What can go wrong in a store.

/// An error of a store. Nothing was written, unless the variant says that this is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The stream's next sequence was another one.
    #[error("the book expects sequence {expected} to be next, but {actual} is")]
    Conflict {
        /// What the book named.
        expected: u32,
        /// What is.
        actual: u32,
    },
    /// The storage string cannot be understood.
    #[error("cannot use \"{given}\" as storage: {reason}; use `memory`, `sqlite:PATH` or `postgres://…`")]
    BadStorage {
        /// As given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be opened or created, or the server not be reached.
    #[error("cannot open {place}: {reason}")]
    CannotOpen {
        /// The file, or the server and its database.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// Another process uses the log, or another application of this one.
    #[error("{place} is in use, by another process or by this one")]
    InUse {
        /// The file, or the server and its database.
        place: String,
    },
    /// It is something else, or of a release that this one does not know.
    #[error("{place} is not a log of this release: {reason}")]
    Foreign {
        /// The file, or the server and its database.
        place: String,
        /// What was found.
        reason: String,
    },
    /// Its tables are not as this release made them.
    #[error("the tables of {place} were altered: {reason}")]
    Altered {
        /// The file, or the server and its database.
        place: String,
        /// What is different.
        reason: String,
    },
    /// This user may not do what has to be done.
    #[error("no right to use {place}: {reason}")]
    NoRights {
        /// The file, or the server and its database.
        place: String,
        /// What was refused.
        reason: String,
    },
    /// The file of the views is damaged, or something else.
    #[error("{place} cannot hold the views: {reason}")]
    ViewsUnusable {
        /// The file, or the server and its database.
        place: String,
        /// What was found.
        reason: String,
    },
    /// The rows that readers see were made by a release that had no such column.
    #[error("version {version} of the view `{view}` has no column `{column}` of this kind")]
    NoColumn {
        /// Full name of the projector.
        view: String,
        /// Number of the active version.
        version: u32,
        /// The column.
        column: String,
    },
    /// The stream has all the sequences that there are.
    #[error("the stream is full")]
    StreamFull,
    /// The book has more bytes than [`NewBook::MAX_BYTES`](super::NewBook::MAX_BYTES).
    #[error("the book has {bytes} bytes; it may have {}", super::NewBook::MAX_BYTES)]
    BookTooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The disk is full.
    #[error("the disk is full: {reason}")]
    Full {
        /// What the system said.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Somebody else has taken over the lease under which this was to be written. Nothing was.
    #[error("somebody else runs {consumer} now")]
    LeaseLost {
        /// Full name of the component.
        consumer: String,
    },
    /// The connection was lost before the answer came, and asking again gave none; or the disk failed while it was
    /// committed. It may or may not have been stored, or be stored yet. So reading first does not make sending again
    /// safe; an idempotency key does, or a sequence that the book names.
    #[error("it is not known whether this was stored: {reason}")]
    Unknown {
        /// What the system said.
        reason: String,
    },
    /// Anything else that may pass, like an I/O error.
    #[error("the store failed: {reason}")]
    Unavailable {
        /// What the system said.
        reason: String,
    },
    /// Stored data that cannot be understood.
    #[error("stored data is damaged: {reason}")]
    Damaged {
        /// What was found, and where.
        reason: String,
    },
}

impl StoreError {
    /// Stable, in capitals.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Conflict { .. } => "SEQUENCE_CONFLICT",
            StoreError::BadStorage { .. } => "STORE_BAD_STORAGE",
            StoreError::CannotOpen { .. } => "STORE_CANNOT_OPEN",
            StoreError::InUse { .. } => "STORE_IN_USE",
            StoreError::Foreign { .. } => "STORE_FOREIGN",
            StoreError::Altered { .. } => "STORE_ALTERED",
            StoreError::NoRights { .. } => "STORE_NO_RIGHTS",
            StoreError::ViewsUnusable { .. } => "STORE_VIEWS_UNUSABLE",
            StoreError::NoColumn { .. } => "VIEW_NO_COLUMN",
            StoreError::StreamFull => "STREAM_FULL",
            StoreError::BookTooLarge { .. } => "BOOK_TOO_LARGE",
            StoreError::Full { .. } => "STORE_FULL",
            StoreError::Closed => "STORE_CLOSED",
            StoreError::LeaseLost { .. } => "LEASE_LOST",
            StoreError::Unknown { .. } => "STORE_OUTCOME_UNKNOWN",
            StoreError::Unavailable { .. } => "STORE_UNAVAILABLE",
            StoreError::Damaged { .. } => "STORE_DAMAGED",
        }
    }

    /// Whether the same call may succeed later without anything being mended.
    /// For [`StoreError::Unknown`] that holds under an idempotency key; without one, it may be stored twice, unless it
    /// names the stream's sequence.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            StoreError::Unavailable { .. }
                | StoreError::Unknown { .. }
                | StoreError::Full { .. }
                | StoreError::NoColumn { .. }
        )
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            StoreError::Conflict { .. } => "read the stream, decide again, and name its next sequence; or name none",
            StoreError::BadStorage { .. } => "name a kind of storage that this program was built with",
            StoreError::CannotOpen { .. } => {
                "check that the folder exists and this user may write there, or that the server runs and its URL is right"
            }
            StoreError::InUse { .. } => "end what holds it locked",
            StoreError::Foreign { .. } => "name another place; this one was left untouched",
            StoreError::Altered { .. } => "undo the change, or restore a backup; nothing was written",
            StoreError::NoRights { .. } => "grant the right to this user, or name another user",
            StoreError::ViewsUnusable { .. } => "move the file away: views are rebuilt from the log",
            StoreError::NoColumn { .. } => "wait until the version with that column is built: `App::view_status` tells",
            StoreError::StreamFull => "go on in another stream, under another natural id",
            StoreError::BookTooLarge { .. } => {
                "keep large things elsewhere and store where they are, or spread them over several commands"
            }
            StoreError::Full { .. } => "free some space; what was acknowledged is safe",
            StoreError::Closed => "the program is shutting down; send no more",
            StoreError::LeaseLost { .. } => "nothing: whoever took it over goes on from the last checkpoint",
            StoreError::Unknown { .. } => {
                "send it again under the same idempotency key, or with the same sequence; with neither it may be stored twice, whatever the stream holds now"
            }
            StoreError::Unavailable { .. } => "try again; if it stays, look at the disk, its rights, and the server",
            StoreError::Damaged { .. } => "restore the file from a backup; do not write to it",
        }
    }
}
