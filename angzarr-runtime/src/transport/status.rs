//! Errors as gRPC tells them: a status, and an `ErrorInfo` with our code.

use std::collections::HashMap;

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::error::{BadBook, Error};
use crate::failure::SERVICE_UNAVAILABLE;
use crate::rejection::Rejection;
use crate::store::StoreError;

/// Whose codes they are.
const DOMAIN: &str = "angzarr";

/// The status of an error. Its `ErrorInfo` has the error's code for a reason, what helps, and whether trying again may; of
/// a rejection, the aggregate's code and metadata. The detail of a rejection is a detail of the status, too.
pub(super) fn status(error: &Error) -> Status {
    if let Error::Rejected(rejection) = error {
        return rejected(rejection);
    }
    let mut metadata = HashMap::from([("retryable".to_owned(), error.retryable().to_string())]);
    if let Error::Store(StoreError::Conflict { expected, actual }) = error {
        let sequences = [("expected", expected), ("actual", actual)];
        metadata.extend(sequences.map(|(name, sequence)| (name.to_owned(), sequence.to_string())));
    } else {
        metadata.insert("help".to_owned(), error.help().to_owned());
    }
    let details = ErrorDetails::with_error_info(error.code(), DOMAIN, metadata);
    Status::with_error_details(code(error), error.to_string(), details)
}

fn rejected(rejection: &Rejection) -> Status {
    let metadata: HashMap<String, String> = rejection.metadata.clone().into_iter().collect();
    let details = ErrorDetails::with_error_info(&rejection.code, DOMAIN, metadata);
    let status = Status::with_error_details(Code::FailedPrecondition, &rejection.message, details);
    let Some(detail) = &rejection.detail else { return status };
    let mut told = pb::Status::decode(status.details()).unwrap_or_default();
    told.details.push(detail.to_any());
    Status::with_details(status.code(), status.message(), told.encode_to_vec().into())
}

/// The status of what there is no room for now.
pub(super) fn exhausted(reason: &str, message: &str) -> Status {
    let told = [("help", "try again later, or allow more in the limits"), ("retryable", "true")];
    let metadata = HashMap::from(told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// The one table of errors and statuses.
fn code(error: &Error) -> Code {
    match error {
        Error::Rejected(_) => Code::FailedPrecondition,
        Error::BadBook(BadBook::UnknownDomain(_)) => Code::NotFound,
        Error::BadBook(BadBook::ExternalIdTaken(_)) => Code::AlreadyExists,
        Error::BadBook(_) | Error::BadColumn(_) => Code::InvalidArgument,
        Error::Store(StoreError::Conflict { .. }) | Error::Contention { .. } => Code::Aborted,
        Error::Store(StoreError::StreamFull | StoreError::BookTooLarge { .. }) => Code::OutOfRange,
        Error::Store(StoreError::Full { .. }) => Code::ResourceExhausted,
        Error::Store(StoreError::Damaged { .. }) => Code::DataLoss,
        Error::Store(error) if error.retryable() => Code::Unavailable,
        Error::Store(StoreError::Closed) | Error::ShuttingDown => Code::Unavailable,
        Error::Failed(failure) if failure.code() == SERVICE_UNAVAILABLE => Code::Unavailable,
        Error::Failed(failure) if failure.code() == "HANDLER_TIMED_OUT" => Code::DeadlineExceeded,
        Error::DeadlineExceeded | Error::NotPassed { .. } => Code::DeadlineExceeded,
        Error::ConsumerUnknown { .. } | Error::NotParked { .. } | Error::OrderUnknown { .. } => Code::NotFound,
        Error::LaneBusy { .. } | Error::OrderUnderWay { .. } | Error::ConsumerPaused { .. } => Code::FailedPrecondition,
        Error::Store(_)
        | Error::Failed(_)
        | Error::ConsumerStopped { .. }
        | Error::ConsumerNotRunning { .. }
        | Error::Uncompensated { .. }
        | Error::NotDrained
        | Error::Setup(_) => Code::Internal,
    }
}
