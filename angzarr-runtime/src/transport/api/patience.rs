//! How long callers wait.

use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::error::DEFAULT_WAIT;
use crate::proto;
use crate::transport::status::BadCall;

/// The header in which callers say how long they wait.
const TIMEOUT: &str = "grpc-timeout";

/// What is left of a caller's time for the answer to reach it, at most.
const WAY_BACK: Duration = Duration::from_millis(500);

/// When a caller is told that nobody answers; none if he waits for ever.
pub(super) fn silence(headers: &HeaderMap) -> Option<Instant> {
    let given = timeout(headers.get(TIMEOUT)?.to_str().ok()?)?;
    // Later than other processes that are asked: what they say, or who of them was silent, is more than that nobody answered.
    Instant::now().checked_add(shortened(given) + way_back(given) * 7 / 10)
}

/// How long one caller waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Option<Duration>, Instant);

impl Patience {
    /// As the call's `grpc-timeout` says, less what the answer needs: a tenth, and half a second at most.
    pub(super) fn of(metadata: &MetadataMap) -> Self {
        let given = metadata.get(TIMEOUT).and_then(|given| timeout(given.to_str().ok()?));
        Self(given.map(shortened), Instant::now())
    }

    /// When it ends; none if it does not.
    pub(super) fn until(self) -> Option<Instant> {
        self.1.checked_add(self.0?)
    }

    /// How long to wait: as long as is said, but not after the caller has gone.
    pub(super) fn wait(self, said: Option<prost_types::Duration>) -> Result<Duration, Status> {
        let said = said.map(Duration::try_from).transpose().map_err(|_| BadCall::Field("timeout"))?;
        let left = self.until().map(|until| until.saturating_duration_since(Instant::now()));
        let wait = said.unwrap_or(DEFAULT_WAIT);
        Ok(left.map_or(wait, |left| left.min(wait)))
    }

    /// The book, not to be decided later than its caller waits.
    pub(super) fn limit(self, mut book: proto::CommandBook) -> proto::CommandBook {
        let Some(end) = self.0.and_then(|patience| SystemTime::now().checked_add(patience)) else { return book };
        let given = book.deadline.map(|deadline| SystemTime::try_from(deadline).unwrap_or(SystemTime::UNIX_EPOCH));
        if given.is_none_or(|given| end < given) {
            book.deadline = Some(end.into());
        }
        book
    }
}

fn shortened(given: Duration) -> Duration {
    given - way_back(given)
}

fn way_back(given: Duration) -> Duration {
    (given / 10).min(WAY_BACK)
}

/// How long the caller waits, as gRPC says it: `30S`, `500m`.
fn timeout(given: &str) -> Option<Duration> {
    let (number, unit) = given.split_at_checked(given.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => number.checked_mul(3600).map(Duration::from_secs),
        "M" => number.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(timeout: &str) -> Patience {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", timeout.parse().unwrap());
        Patience::of(&metadata)
    }

    #[test]
    fn the_answer_comes_before_the_caller_has_gone() {
        for (given, left) in [("30S", 29_500), ("500m", 450), ("1M", 59_500), ("1H", 3_599_500)] {
            assert_eq!(of(given).0, Some(Duration::from_millis(left)), "{given}");
        }
        for nonsense in ["", "30", "S", "1x", "99999999999999999999S"] {
            assert_eq!(of(nonsense).0, None, "{nonsense}");
        }
    }

    #[test]
    fn a_book_is_not_decided_later_than_its_caller_waits() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let limited = |given, deadline| of(given).limit(proto::CommandBook { deadline, ..Default::default() }).deadline;
        assert_eq!(limited("30S", at(1)), at(1));
        let far = at(253_402_300_799);
        assert!(limited("30S", far).unwrap().seconds < far.unwrap().seconds);
        assert!(limited("30S", None).is_some());
        assert_eq!(Patience::of(&MetadataMap::new()).limit(proto::CommandBook::default()).deadline, None);
    }
}
