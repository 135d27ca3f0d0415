//! How long callers wait.

use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::error::DEFAULT_WAIT;

/// How long the caller is there at all, as his client says by `grpc-timeout`; none if it does not.
pub(super) fn granted(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = count.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.saturating_mul(3_600)),
        "M" => Duration::from_secs(count.saturating_mul(60)),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// How long to wait: as long as he says, but not after he is gone. A tenth of his time is left for the answer.
pub(super) fn patience(said: Option<prost_types::Duration>, granted: Option<Duration>) -> Result<Duration, Status> {
    let said = said.map(Duration::try_from).transpose();
    let said = said.map_err(|_| Status::invalid_argument("`timeout` is no length of time"))?;
    let wait = said.unwrap_or(DEFAULT_WAIT);
    Ok(granted.map_or(wait, |granted| wait.min(granted - granted / 10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_wait_as_long_as_they_say_and_are_there() {
        let mut metadata = MetadataMap::new();
        assert_eq!(granted(&metadata), None);
        for (text, expected) in [
            ("2H", Some(7_200_000)),
            ("3M", Some(180_000)),
            ("10S", Some(10_000)),
            ("250m", Some(250)),
            ("5000u", Some(5)),
            ("7000000n", Some(7)),
            ("10", None),
            ("m", None),
            ("-1S", None),
        ] {
            metadata.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(granted(&metadata), expected.map(Duration::from_millis), "{text}");
        }
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let granted = Some(Duration::from_secs(10));
        assert_eq!(patience(None, None).unwrap(), DEFAULT_WAIT);
        assert_eq!(patience(seconds(3), granted).unwrap(), Duration::from_secs(3));
        assert_eq!(patience(seconds(30), granted).unwrap(), Duration::from_secs(9));
        assert_eq!(patience(seconds(-1), None).unwrap_err().code(), tonic::Code::InvalidArgument);
    }
}
