//! Errors as gRPC tells them: a status, and an `ErrorInfo` with our code.

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::error::{BadBook, Error};
use crate::failure::{
    DEADLINE_EXCEEDED, EXTERNAL_ID_MISMATCH, HANDLER_TIMED_OUT, ROOT_MISMATCH, ROUTE_LOST, SERVICE_CHANGED,
    SERVICE_LOST, SERVICE_UNAVAILABLE,
};
use crate::rejection::Rejection;
use crate::store::StoreError;

/// Whose codes they are.
const DOMAIN: &str = "angzarr";

/// The name of the detail that holds a code.
pub(super) const ERROR_INFO: &str = "type.googleapis.com/google.rpc.ErrorInfo";

/// How many bytes of a message, of a piece of metadata, of all of that, and of a detail are told. A status travels in
/// headers, of which many clients take 8 KiB and no more; what is longer is in the log.
const MESSAGE: usize = 1024;
const METADATA: usize = 512;
const ALL_METADATA: usize = 1536;
const DETAIL: usize = 1024;

/// The status of an error. Its `ErrorInfo` has the error's code for a reason; of a rejection, the aggregate's code and
/// metadata, and its detail stands beside that.
pub(super) fn status(error: &Error) -> Status {
    match error {
        Error::Rejected(rejection) => rejected(rejection),
        Error::Store(StoreError::Conflict { expected, actual }) => {
            let (expected, actual) = (expected.to_string(), actual.to_string());
            told(code(error), error.code(), &error.to_string(), [("expected", &*expected), ("actual", &*actual)], None)
        }
        Error::Elsewhere(away) => {
            let metadata = away.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            told(code(error), &away.code, &error.to_string(), metadata, None)
        }
        error => told(code(error), error.code(), &error.to_string(), [("help", error.help())], None),
    }
}

fn rejected(rejection: &Rejection) -> Status {
    let metadata = rejection.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let detail = rejection.detail.as_ref().map(|detail| detail.to_any());
    told(Code::FailedPrecondition, &rejection.code, &rejection.message, metadata, detail)
}

/// What is wrong with a call itself, whatever it asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadCall {
    /// A field of the request.
    #[error("the request's `{0}` is missing or makes no sense")]
    Field(&'static str),
    /// A piece of its metadata.
    #[error("the metadata `{name}` is {what}")]
    Metadata { name: &'static str, what: &'static str },
    /// It does not decode.
    #[error("the request does not decode: {0}")]
    Malformed(String),
    /// It has more bytes than are taken.
    #[error("the request is too large: {0}")]
    TooLarge(String),
    /// It is neither gRPC nor JSON.
    #[error("the request is neither gRPC nor JSON")]
    NotJson,
    /// It is not gRPC, and those who serve the rpc speak nothing else.
    #[error("what serves this rpc speaks gRPC only")]
    NotGrpc,
    /// It has another method.
    #[error("an rpc is called by `POST`")]
    NotPosted,
    /// It did not come in time.
    #[error("the request did not come in time")]
    TooSlow,
    /// There is no such rpc.
    #[error("nobody serves this rpc: {0}")]
    Unserved(String),
    /// It needs the token for facts.
    #[error("facts are taken with the token for facts only")]
    NoFactToken,
    /// It comes without a token.
    #[error("a token is needed")]
    NoToken,
    /// Its token is none that is taken.
    #[error("the token is not one that is taken here")]
    WrongToken,
    /// Operators come from the same machine only.
    #[error("without a token for it, this is served on the same machine only")]
    AdminClosed,
    /// Health was asked for by a name that is none.
    #[error("there are `store`, `service`, `bus`, and the empty name for all of them")]
    UnknownPart,
    /// There is no room for it now.
    #[error("too many calls are at work")]
    TooManyCalls,
    /// The same for a stream.
    #[error("too many streams are open")]
    TooManyStreams,
    /// The same for the bytes of requests.
    #[error("requests at work take all memory that they may")]
    NoMemory,
    /// Another command was sent under its idempotency key.
    #[error("another command was recorded under this idempotency key")]
    KeyTaken,
    /// Nobody answered in the caller's time.
    #[error("nobody answered in the time that the call has")]
    Silence,
    /// It ended without an answer.
    #[error("the call came to no answer: {0}")]
    Unanswered(String),
}

impl BadCall {
    /// The one table of what is wrong with calls: status, code, and what to do about it.
    fn row(&self) -> (Code, &'static str, &'static str) {
        match self {
            BadCall::Field(_) => (Code::InvalidArgument, "FIELD_INVALID", "fill it in as the proto says"),
            BadCall::Metadata { .. } => (Code::InvalidArgument, "METADATA_INVALID", "see docs/sidecar.md, Calling it"),
            BadCall::Malformed(_) => {
                (Code::InvalidArgument, "REQUEST_MALFORMED", "encode it with the proto that declares the rpc")
            }
            BadCall::TooLarge(_) => (Code::OutOfRange, "REQUEST_TOO_LARGE", "send less, or allow more in the limits"),
            BadCall::NotJson => {
                (Code::InvalidArgument, "CONTENT_TYPE_UNKNOWN", "send it with `content-type: application/json`")
            }
            BadCall::NotGrpc => {
                (Code::InvalidArgument, "CONTENT_TYPE_UNKNOWN", "send it by gRPC; JSON is for rpcs of aggregates")
            }
            BadCall::NotPosted => (Code::InvalidArgument, "METHOD_INVALID", "send it by `POST`"),
            BadCall::TooSlow => (Code::DeadlineExceeded, "REQUEST_TOO_SLOW", "send all of it at once"),
            BadCall::Unserved(_) => (Code::Unimplemented, "RPC_UNKNOWN", "server reflection tells what is served"),
            BadCall::NoFactToken => (Code::Unauthenticated, "FACT_TOKEN_MISSING", BEARER),
            BadCall::NoToken => (Code::Unauthenticated, "TOKEN_MISSING", BEARER),
            BadCall::WrongToken => (Code::Unauthenticated, "TOKEN_WRONG", BEARER),
            BadCall::AdminClosed => (
                Code::PermissionDenied,
                "ADMIN_CLOSED",
                "set a token for it, or serve where nobody comes from another machine",
            ),
            BadCall::UnknownPart => (Code::NotFound, "PART_UNKNOWN", "ask for one of these"),
            BadCall::TooManyCalls => (Code::ResourceExhausted, "CALLS_EXHAUSTED", EXHAUSTED),
            BadCall::TooManyStreams => (Code::ResourceExhausted, "STREAMS_EXHAUSTED", EXHAUSTED),
            BadCall::NoMemory => (Code::ResourceExhausted, "MEMORY_EXHAUSTED", EXHAUSTED),
            BadCall::KeyTaken => {
                (Code::AlreadyExists, "IDEMPOTENCY_KEY_TAKEN", "give each command of a root a key of its own")
            }
            BadCall::Silence => (
                Code::DeadlineExceeded,
                "CALL_TIMED_OUT",
                "what it asked for may be done all the same: send it again under the same idempotency key",
            ),
            BadCall::Unanswered(_) => (Code::Internal, "CALL_UNANSWERED", "look at the log"),
        }
    }
}

const BEARER: &str = "send it as `authorization: Bearer …`";
const EXHAUSTED: &str = "try again later, or allow more in the limits";

impl From<BadCall> for Status {
    fn from(bad: BadCall) -> Self {
        let (code, reason, help) = bad.row();
        told(code, reason, &bad.to_string(), [("help", help)], None)
    }
}

/// The same status with a code, if it has none: that is how the transport itself answers what it cannot hand on.
pub(super) fn coded(status: Status) -> Status {
    if !status.details().is_empty() {
        return status;
    }
    let message = status.message().to_owned();
    match status.code() {
        Code::Ok => status,
        Code::Unimplemented => BadCall::Unserved(message).into(),
        Code::OutOfRange | Code::ResourceExhausted => BadCall::TooLarge(message).into(),
        // What does not decode counts as its own fault there.
        Code::Internal | Code::InvalidArgument => BadCall::Malformed(message).into(),
        _ => BadCall::Unanswered(message).into(),
    }
}

/// Logs a call that failed, once.
pub(super) fn note(rpc: &str, status: &Status) {
    // Not by the name `message`: that is what the line itself says.
    let (grpc, code, error) = (status.code(), reason(status), status.message());
    match grpc {
        // What business decides is nobody's fault.
        Code::FailedPrecondition => tracing::debug!(rpc, status = ?grpc, code, error, "refused"),
        Code::Internal | Code::DataLoss | Code::Unavailable | Code::Unknown | Code::DeadlineExceeded => {
            tracing::warn!(rpc, status = ?grpc, code, error, "a call failed");
        }
        _ => tracing::info!(rpc, status = ?grpc, code, error, "a call was refused"),
    }
}

pub(super) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// A status with an `ErrorInfo`, and no more of anything than travels safely.
fn told<'a>(
    code: Code,
    reason: &str,
    message: &str,
    metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
    detail: Option<Any>,
) -> Status {
    let message = cut(message, MESSAGE);
    let mut room = ALL_METADATA;
    let mut info = pb::ErrorInfo { reason: cut(reason, METADATA), domain: DOMAIN.to_owned(), ..Default::default() };
    for (name, value) in metadata {
        let value = cut(value, METADATA);
        match room.checked_sub(name.len() + value.len()) {
            Some(left) => room = left,
            None => break,
        }
        info.metadata.insert(name.to_owned(), value);
    }
    let mut details = vec![Any { type_url: ERROR_INFO.to_owned(), value: info.encode_to_vec() }];
    details.extend(detail.filter(|detail| detail.encoded_len() <= DETAIL));
    let all = pb::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, all.encode_to_vec().into())
}

/// The beginning of a text of so many bytes.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(bytes)])
}

/// The one table of errors and statuses.
fn code(error: &Error) -> Code {
    match error {
        Error::Rejected(_) => Code::FailedPrecondition,
        Error::BadBook(BadBook::UnknownDomain { .. } | BadBook::UnknownBook { .. }) => Code::NotFound,
        Error::BadBook(BadBook::ExternalIdTaken(_)) => Code::AlreadyExists,
        Error::BadBook(_) | Error::BadColumn(_) => Code::InvalidArgument,
        Error::Store(StoreError::Conflict { .. }) | Error::Contention { .. } => Code::Aborted,
        Error::Store(StoreError::StreamFull | StoreError::BookTooLarge { .. }) => Code::OutOfRange,
        Error::Store(StoreError::Full { .. }) => Code::ResourceExhausted,
        Error::Store(StoreError::Damaged { .. }) => Code::DataLoss,
        Error::Store(error) if error.retryable() => Code::Unavailable,
        Error::Store(StoreError::Closed) | Error::ShuttingDown => Code::Unavailable,
        Error::Failed(failure) => match failure.code() {
            ROUTE_LOST | SERVICE_UNAVAILABLE | SERVICE_CHANGED | SERVICE_LOST => Code::Unavailable,
            HANDLER_TIMED_OUT | DEADLINE_EXCEEDED => Code::DeadlineExceeded,
            ROOT_MISMATCH | EXTERNAL_ID_MISMATCH => Code::InvalidArgument,
            _ => Code::Internal,
        },
        Error::DeadlineExceeded | Error::NotPassed { .. } => Code::DeadlineExceeded,
        Error::ConsumerUnknown { .. } | Error::NotParked { .. } | Error::OrderUnknown { .. } => Code::NotFound,
        Error::LaneBusy { .. } | Error::OrderUnderWay { .. } | Error::ConsumerPaused { .. } => Code::FailedPrecondition,
        Error::Elsewhere(told) => told.status.into(),
        Error::Store(_)
        | Error::ConsumerStopped { .. }
        | Error::ConsumerNotRunning { .. }
        | Error::Uncompensated { .. }
        | Error::NotDrained
        | Error::Setup(_) => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;
    use crate::failure::Failure;
    use crate::message::Payload;

    fn all(status: &Status) -> pb::Status {
        pb::Status::decode(status.details()).unwrap()
    }

    fn headers(status: Status) -> usize {
        let response = status.into_http::<String>();
        response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
    }

    #[test]
    fn a_rejection_travels_whole() {
        let detail = Payload { type_name: "shop.v1.Why".into(), value: b"\x0a\x01a".to_vec().into() };
        let metadata = [("left".to_owned(), "3".to_owned())].into();
        let rejection = Rejection {
            code: "SOLD_OUT".into(),
            message: "no".into(),
            metadata,
            detail: Some(Box::new(detail.clone())),
        };
        let status = status(&Error::Rejected(rejection));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(
            (status.code(), &*info.reason, &*info.metadata["left"]),
            (Code::FailedPrecondition, "SOLD_OUT", "3")
        );
        assert_eq!(all(&status).details[1], detail.to_any());
    }

    #[test]
    fn no_text_is_too_long_to_travel() {
        let long = "ä".repeat(100_000);
        let detail = Payload { type_name: "shop.v1.Why".into(), value: vec![0; 100_000].into() };
        let metadata = (0..100).map(|number| (number.to_string(), long.clone())).collect();
        let rejection =
            Rejection { code: "LONG".into(), message: long.clone(), metadata, detail: Some(Box::new(detail)) };
        let rejected = status(&Error::Rejected(rejection));
        assert!(rejected.message().ends_with("ä…"));
        assert_eq!(all(&rejected).details.len(), 1);
        assert!(headers(rejected) < 8 << 10);
        assert!(headers(status(&Failure::new("LONG", long).into())) < 8 << 10);
    }

    #[test]
    fn what_the_transport_refuses_by_itself_has_a_code() {
        let reason = |status: Status| coded(status).get_details_error_info().unwrap().reason;
        assert_eq!(reason(Status::unimplemented("")), "RPC_UNKNOWN");
        assert_eq!(reason(Status::out_of_range("")), "REQUEST_TOO_LARGE");
        assert_eq!(reason(Status::internal("")), "REQUEST_MALFORMED");
        assert_eq!(reason(status(&Error::ShuttingDown)), "SHUTTING_DOWN");
    }
}
