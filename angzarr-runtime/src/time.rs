//! Instants: protobuf timestamps outside, whole microseconds since 1970 in stores.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use tokio::time::sleep;

/// How long it may take to notice that the system's clock was changed.
const TICK: Duration = Duration::from_millis(500);

/// What tells the present instant to whatever business depends on.
///
/// Leases, retries and callers' deadlines do not ask it: they are about this machine.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    /// One that a test sets.
    #[cfg(feature = "testing")]
    Set(std::sync::Arc<tokio::sync::watch::Sender<Timestamp>>),
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Clock::System => now(),
            #[cfg(feature = "testing")]
            Clock::Set(set) => *set.borrow(),
        }
    }

    /// Waits until `at`, but not for long where the clock may be changed unnoticed; whether it has come.
    pub(crate) async fn approach(&self, at: Timestamp) -> bool {
        let at = to_micros(&at);
        match self {
            Clock::System => {
                let left = at.saturating_sub(to_micros(&now()));
                sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0)).min(TICK)).await;
            }
            // The sender is at hand, so it is not gone.
            #[cfg(feature = "testing")]
            Clock::Set(set) => drop(set.subscribe().wait_for(|now| to_micros(now) >= at).await),
        }
        to_micros(&self.now()) >= at
    }
}

/// The present instant, cut to microseconds, so that it is the same after it was stored.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// From whole microseconds.
pub(crate) fn from_micros(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// To whole microseconds; instants beyond some 290,000 years are cut to that.
pub(crate) fn to_micros(timestamp: &Timestamp) -> i64 {
    timestamp.seconds.saturating_mul(1_000_000).saturating_add(i64::from(timestamp.nanos) / 1_000)
}

/// So much later, in whole microseconds; at the latest at the end of what can be told.
pub(crate) fn after(timestamp: &Timestamp, time: Duration) -> Timestamp {
    from_micros(to_micros(timestamp).saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}
