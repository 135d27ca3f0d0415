//! What a caller is told of a command.

use crate::store::{Record, StreamId};

/// What came of a command book.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The events stored, in current versions; those of the first book if this one is a duplicate.
    pub events: Vec<Record>,
    /// Whether the idempotency key was recorded before.
    pub duplicate: bool,
    /// Position of the last record; 0 if nothing was stored.
    pub position: u64,
    /// Full names of the consumers that were waited for and are done.
    pub waited_for: Vec<String>,
    /// Full names of those that were waited for in vain.
    pub awaited: Vec<String>,
    /// With `SyncMode::Cascade`, the books that followed, in the order of the log.
    pub caused: Vec<CausedBook>,
    /// What went wrong among what was waited for.
    pub failures: Vec<WaitFailure>,
}

#[cfg(feature = "grpc")]
impl Outcome {
    /// Adds that a consumer was waited for in vain.
    pub(crate) fn not_passed(&mut self, consumer: String, reason: String) {
        let code = "NOT_PASSED".to_owned();
        self.failures.push(WaitFailure { component: consumer, position: self.position, code, message: reason });
    }
}

/// A book that a command led to.
#[derive(Clone, Debug, PartialEq)]
pub struct CausedBook {
    /// Whose stream holds it.
    pub stream: StreamId,
    /// Its records, of every kind, with events in current versions.
    pub records: Vec<Record>,
}

/// Something that went wrong while others waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitFailure {
    /// Full name of the component.
    pub component: String,
    /// Of the event that it could not handle, or of the refusal.
    pub position: u64,
    /// Stable, in capitals.
    pub code: String,
    /// What happened.
    pub message: String,
}
