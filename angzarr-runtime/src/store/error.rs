//! What can go wrong in a store.

use std::path::PathBuf;

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
    #[error("cannot use \"{given}\" as storage: {reason}; use `memory` or `sqlite:PATH`")]
    BadStorage {
        /// As given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be opened or created.
    #[error("cannot open {}: {reason}", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Another process uses the log, or another application of this one.
    #[error("{} is in use, by another process or by this one", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else, or of a release that this one does not know.
    #[error("{} is not a log of this release: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file of the views is damaged, or something else.
    #[error("{} cannot hold the views: {reason}", path.display())]
    ViewsUnusable {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The stream has all the sequences that there are.
    #[error("the stream is full")]
    StreamFull,
    /// The disk is full.
    #[error("the disk is full: {reason}")]
    Full {
        /// What the system said.
        reason: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
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
            StoreError::ViewsUnusable { .. } => "STORE_VIEWS_UNUSABLE",
            StoreError::StreamFull => "STREAM_FULL",
            StoreError::Full { .. } => "STORE_FULL",
            StoreError::Closed => "STORE_CLOSED",
            StoreError::Unavailable { .. } => "STORE_UNAVAILABLE",
            StoreError::Damaged { .. } => "STORE_DAMAGED",
        }
    }

    /// Whether the same call may succeed later without anything being mended.
    pub fn retryable(&self) -> bool {
        matches!(self, StoreError::Unavailable { .. } | StoreError::Full { .. })
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            StoreError::Conflict { .. } => "read the stream, decide again, and name its next sequence; or name none",
            StoreError::BadStorage { .. } => "name a kind of storage that this program was built with",
            StoreError::CannotOpen { .. } => "check that the folder exists and that this user may write there",
            StoreError::InUse { .. } => {
                "stop the other one, or use another file: one application owns a SQLite log for now"
            }
            StoreError::ViewsUnusable { .. } => "move the file away: views are rebuilt from the log",
            StoreError::Foreign { .. } => "name another file; this one was left untouched",
            StoreError::StreamFull => "go on in another stream, under another natural id",
            StoreError::Full { .. } => "free some space; what was acknowledged is safe",
            StoreError::Closed => "the program is shutting down; send no more",
            StoreError::Unavailable { .. } => "try again; if it stays, look at the disk and the file's rights",
            StoreError::Damaged { .. } => "restore the file from a backup; do not write to it",
        }
    }
}
