//! What an operator asks of a consumer, and the answers.

use tokio::sync::oneshot;

use crate::error::Error;
use crate::store::{Attempt, EventRef};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Handle what is parked in a lane.
    Replay(String),
    /// Take the first event out of the park of a lane.
    Skip(String),
    /// Take everything out of it.
    Discard {
        lane: String,
        /// Report the commands that would have followed as refused.
        compensate: bool,
    },
    /// Remove a dead letter.
    Forget(EventRef),
    Pause,
    Resume,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cleared {
    /// How many events left the park.
    pub events: u64,
    /// The event at which it ended, and its last attempt: the lane stays parked.
    pub failed: Option<(EventRef, Attempt)>,
}

/// An order, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) order: Order,
    pub(crate) answer: oneshot::Sender<Result<Cleared, Error>>,
}

impl Request {
    pub(super) fn answer(self, result: Result<Cleared, Error>) {
        // Whoever has gone away does not need it.
        let _ = self.answer.send(result);
    }
}
