//! As `POST` with JSON, in protobuf's spelling.

use std::error::Error as _;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prost::Message;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use super::call::{Answer, Rpc};
use crate::message::Payload;
use crate::transport::message::decode;
use crate::transport::status::{BadCall, ERROR_INFO};

/// How long the body of a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn serve(rpc: &Rpc, request: Request) -> Response {
    match answer(rpc, request).await {
        Ok((headers, body)) => respond(StatusCode::OK, headers, &body),
        Err(status) => failed(status, Some(rpc.input.parent_pool())),
    }
}

/// An error instead of an answer. A rejection's detail is told as far as its type is known.
pub(super) fn failed(status: Status, known: Option<&DescriptorPool>) -> Response {
    let mut response = respond(http_status(status.code()), HeaderMap::new(), &told(&status, known));
    response.extensions_mut().insert(status);
    response
}

async fn answer(rpc: &Rpc, request: Request) -> Result<(HeaderMap, Value), Status> {
    let (parts, body) = request.into_parts();
    let bytes = read(body, rpc.largest).await?;
    let bad = |error: serde_json::Error| BadCall::Malformed(format!("it is no `{}`: {error}", rpc.input.full_name()));
    let mut json = serde_json::Deserializer::from_slice(if bytes.is_empty() { b"{}" } else { &bytes });
    let options = DeserializeOptions::new();
    let input = DynamicMessage::deserialize_with_options(rpc.input.clone(), &mut json, &options).map_err(bad)?;
    json.end().map_err(bad)?;
    let Answer { messages, metadata } = rpc.call(input, &MetadataMap::from_headers(parts.headers)).await?;
    let unwritable = |error: serde_json::Error| BadCall::Unanswered(format!("it cannot be written as JSON: {error}"));
    let mut written = Vec::with_capacity(messages.len());
    for message in messages {
        written.push(serde_json::to_value(&message).map_err(unwritable)?);
    }
    let body = if rpc.streams { Value::Array(written) } else { written.into_iter().next().unwrap_or(json!({})) };
    Ok((metadata.into_headers(), body))
}

/// A body that comes in time and is not too large.
async fn read(body: Body, largest: usize) -> Result<Bytes, Status> {
    let bytes = timeout(PATIENCE, to_bytes(body, largest)).await.map_err(|_| BadCall::TooSlow)?;
    bytes.map_err(|error| unread(&error))
}

/// Why a request could not be read: it may have been refused while it came.
fn unread(error: &axum::Error) -> Status {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    match causes.find_map(|cause| cause.downcast_ref::<Status>()) {
        Some(refused) if !refused.details().is_empty() => refused.clone(),
        // The transport says so: what came is no body.
        Some(broken) => BadCall::Malformed(broken.message().to_owned()).into(),
        None => BadCall::TooLarge(error.to_string()).into(),
    }
}

fn respond(status: StatusCode, mut headers: HeaderMap, body: &Value) -> Response {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, headers, body.to_string()).into_response()
}

/// An error: its code, what gRPC calls it, what it says, and a rejection's detail.
fn told(status: &Status, known: Option<&DescriptorPool>) -> Value {
    let info = status.get_details_error_info();
    let reason = info.as_ref().map(|info| info.reason.clone());
    let mut told = json!({
        "code": reason,
        "status": format!("{:?}", status.code()),
        "message": status.message(),
        "metadata": info.map(|info| info.metadata).unwrap_or_default(),
    });
    if let Some(detail) = known.and_then(|known| detail(status, known)) {
        told["detail"] = detail;
    }
    told
}

/// What stands beside the code, with its type as JSON of an `Any` has it.
fn detail(status: &Status, known: &DescriptorPool) -> Option<Value> {
    let all = pb::Status::decode(status.details()).ok()?;
    let detail = all.details.into_iter().find(|detail| detail.type_url != ERROR_INFO)?;
    let payload = Payload::from_any(detail);
    let message = decode(&known.get_message_by_name(&payload.type_name)?, &payload).ok()?;
    let mut json = serde_json::to_value(&message).ok()?;
    json.as_object_mut()?.insert("@type".to_owned(), payload.to_any().type_url.into());
    Some(json)
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
    use std::convert::Infallible;

    use futures_util::stream::{once, pending};

    use super::*;
    use crate::transport::status::reason;

    async fn refused(body: Body) -> String {
        reason(&read(body, 10).await.unwrap_err())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        assert_eq!(refused(Body::from_stream(pending::<Result<Bytes, Infallible>>())).await, "REQUEST_TOO_SLOW");
        assert_eq!(read(Body::from("{}"), 10).await.unwrap(), Bytes::from("{}"));
        assert_eq!(refused(Body::from("{} and more")).await, "REQUEST_TOO_LARGE");
    }

    #[tokio::test]
    async fn what_is_refused_while_it_comes_says_why() {
        let full = once(async { Err::<&str, _>(Status::from(BadCall::NoMemory)) });
        assert_eq!(refused(Body::from_stream(full)).await, "MEMORY_EXHAUSTED");
        let broken = once(async { Err::<&str, _>(Status::internal("no chunk")) });
        assert_eq!(refused(Body::from_stream(broken)).await, "REQUEST_MALFORMED");
    }
}
