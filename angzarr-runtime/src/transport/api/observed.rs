//! What is counted of calls: those at work, open streams, and errors by their codes.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
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

/// Counts a call while it is at work, and its error if that is the answer.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let service = service(&request);
    let open = Open::call();
    let response = next.run(request).await;
    drop(open);
    if let Some(code) = code(&response) {
        counter!(measure::CALL_FAILURES, "service" => service, "code" => code).increment(1);
    }
    response
}

/// The service that is called; empty if there is none of that name, since anybody may think of names.
fn service(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned()
}

/// The code of the error that a response is: ours, or gRPC's where there is none.
fn code(response: &Response) -> Option<String> {
    let status = match response.extensions().get::<Status>() {
        Some(status) => status.clone(),
        None => Status::from_header_map(response.headers()).filter(|status| status.code() != tonic::Code::Ok)?,
    };
    let ours = status.get_details_error_info().map(|info| info.reason);
    Some(ours.filter(|reason| !reason.is_empty()).unwrap_or_else(|| format!("{:?}", status.code())))
}
