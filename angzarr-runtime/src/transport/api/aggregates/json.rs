//! As `POST` with JSON, in protobuf's spelling.

use std::error::Error as _;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prost_reflect::{DeserializeOptions, DynamicMessage};
use serde_json::{Value, json};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::call::{Answer, Rpc};

pub(super) async fn serve(rpc: &Rpc, request: Request) -> Response {
    match answer(rpc, request).await {
        Ok((headers, body)) => respond(StatusCode::OK, headers, &body),
        Err(status) => failed(&status),
    }
}

/// An error instead of an answer.
pub(super) fn failed(status: &Status) -> Response {
    respond(http_status(status.code()), HeaderMap::new(), &told(status))
}

async fn answer(rpc: &Rpc, request: Request) -> Result<(HeaderMap, Value), Status> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, rpc.largest).await;
    let bytes = bytes.map_err(|error| unread(&error))?;
    let bad = |error| Status::invalid_argument(format!("the request is no `{}`: {error}", rpc.input.full_name()));
    let mut json = serde_json::Deserializer::from_slice(if bytes.is_empty() { b"{}" } else { &bytes });
    let options = DeserializeOptions::new();
    let input = DynamicMessage::deserialize_with_options(rpc.input.clone(), &mut json, &options).map_err(bad)?;
    json.end().map_err(bad)?;
    let Answer { messages, metadata } = rpc.call(input, &MetadataMap::from_headers(parts.headers)).await?;
    let unwritable = |error| Status::internal(format!("the answer cannot be written as JSON: {error}"));
    let mut written = Vec::with_capacity(messages.len());
    for message in messages {
        written.push(serde_json::to_value(&message).map_err(unwritable)?);
    }
    let body = if rpc.streams { Value::Array(written) } else { written.into_iter().next().unwrap_or(json!({})) };
    Ok((metadata.into_headers(), body))
}

/// Why a request could not be read: it may have been refused while it came.
fn unread(error: &axum::Error) -> Status {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let refused = causes.find_map(|cause| cause.downcast_ref::<Status>());
    refused.cloned().unwrap_or_else(|| Status::invalid_argument(format!("the request cannot be read: {error}")))
}

fn respond(status: StatusCode, mut headers: HeaderMap, body: &Value) -> Response {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, headers, body.to_string()).into_response()
}

/// An error: its code, what gRPC calls it, and what it says.
fn told(status: &Status) -> Value {
    let info = status.get_details_error_info();
    let reason = info.as_ref().map(|info| info.reason.clone());
    json!({
        "code": reason,
        "status": format!("{:?}", status.code()),
        "message": status.message(),
        "metadata": info.map(|info| info.metadata).unwrap_or_default(),
    })
}

/// The table of google.rpc.Code, which every gateway between HTTP and gRPC follows.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream::{iter, once};

    use super::*;
    use crate::transport::status::exhausted;

    #[tokio::test]
    async fn what_is_refused_while_it_comes_says_why() {
        let refused = once(async { Err::<&str, _>(exhausted("MEMORY_EXHAUSTED", "no room")) });
        let error = to_bytes(Body::from_stream(refused), usize::MAX).await.unwrap_err();
        assert_eq!(unread(&error).get_details_error_info().unwrap().reason, "MEMORY_EXHAUSTED");
        let long = iter([Ok::<_, Status>("longer than that")]);
        let error = to_bytes(Body::from_stream(long), 4).await.unwrap_err();
        assert_eq!(unread(&error).code(), Code::InvalidArgument);
    }
}
