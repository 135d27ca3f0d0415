//! What is counted of calls: those at work, open streams, and errors by their codes.

use axum::extract::MatchedPath;
use metrics::{Gauge, counter, gauge};
use tonic::Status;
use tonic_types::StatusExt;

use crate::telemetry::measure;

/// One that is counted for as long as this lives.
pub(super) struct Open(Gauge);

impl Open {
    pub(super) fn call() -> Self {
        Self::among(gauge!(measure::OPEN_CALLS))
    }

    pub(super) fn stream() -> Self {
        Self::among(gauge!(measure::OPEN_STREAMS))
    }

    fn among(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Counts a call that ended with an error.
pub(super) fn count(path: Option<&MatchedPath>, error: &Status) {
    let ours = error.get_details_error_info().map(|info| info.reason).filter(|reason| !reason.is_empty());
    let code = ours.unwrap_or_else(|| format!("{:?}", error.code()));
    // Anybody may think of names: there is a service only if there is one of that name.
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    let service = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
    counter!(measure::CALL_FAILURES, "service" => service, "code" => code).increment(1);
}
