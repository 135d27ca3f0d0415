//! Instants: protobuf timestamps outside, whole microseconds since 1970 in stores.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

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
pub(crate) fn after(timestamp: &Timestamp, time: std::time::Duration) -> Timestamp {
    from_micros(to_micros(timestamp).saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}
