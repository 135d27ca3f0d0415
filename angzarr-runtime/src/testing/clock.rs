//! A clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;
use tokio::sync::watch;

use crate::time;

/// When each new clock stands: 2030-01-01, midnight.
const START: i64 = 1_893_456_000;

/// A clock that moves when it is told to. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use angzarr_runtime::testing::Clock;
///
/// let clock = Clock::new();
/// assert_eq!(clock.now().to_string(), "2030-01-01T00:00:00Z");
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2030-01-01T00:01:30Z");
/// ```
#[derive(Clone, Debug)]
pub struct Clock(Arc<watch::Sender<Timestamp>>);

impl Clock {
    /// One that shows the first instant of 2030.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Timestamp { seconds: START, nanos: 0 })))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    /// Moves it on.
    pub fn advance(&self, time: Duration) {
        self.0.send_modify(|now| *now = time::after(now, time));
    }

    /// Moves it to any instant, in whole microseconds.
    pub fn set(&self, instant: Timestamp) {
        self.0.send_replace(time::from_micros(time::to_micros(&instant)));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Clock> for time::Clock {
    fn from(clock: &Clock) -> Self {
        time::Clock::Set(clock.0.clone())
    }
}
