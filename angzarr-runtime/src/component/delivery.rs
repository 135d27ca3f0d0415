//! How often an event is tried, and what comes after that.

use std::time::Duration;

/// How events reach a consumer. What it means stands in `docs/semantics.md`, law 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How often a handler is called for one event that keeps failing; at least once.
    pub attempts: u32,
    /// How long one call may take.
    pub timeout: Duration,
    /// What comes when the attempts are used up.
    pub on_failure: OnFailure,
}

/// What becomes of an event that could not be handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It becomes a dead letter, and the later events of its lane wait with it until they are replayed.
    #[default]
    Park,
    /// It becomes a dead letter, and its lane goes on.
    Skip,
    /// The consumer stops before it.
    Stop,
}

impl Delivery {
    /// Six attempts of 30 seconds each, then the lane is parked.
    pub const DEFAULT: Self = Self { attempts: 6, timeout: Duration::from_secs(30), on_failure: OnFailure::Park };
}

impl Default for Delivery {
    fn default() -> Self {
        Self::DEFAULT
    }
}
