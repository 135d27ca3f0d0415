//! Errors as gRPC tells them: a status, and an `ErrorInfo` with our code.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::{BadBook, Error};
use crate::failure::SERVICE_UNAVAILABLE;
use crate::store::StoreError;

/// Whose codes they are.
const DOMAIN: &str = "angzarr";

/// The status of an error. Its `ErrorInfo` has the error's code for a reason; of a rejection, the aggregate's code and
/// metadata.
pub(super) fn status(error: &Error) -> Status {
    let (reason, metadata) = match error {
        Error::Rejected(rejection) => (rejection.code.clone(), rejection.metadata.clone().into_iter().collect()),
        Error::Store(StoreError::Conflict { expected, actual }) => {
            let sequences = [("expected", expected), ("actual", actual)];
            let sequences = sequences.map(|(name, sequence)| (name.to_owned(), sequence.to_string()));
            (error.code().to_owned(), HashMap::from(sequences))
        }
        error => (error.code().to_owned(), HashMap::from([("help".to_owned(), error.help().to_owned())])),
    };
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code(error), error.to_string(), details)
}

/// The status of what there is no room for now.
pub(super) fn exhausted(reason: &str, message: &str) -> Status {
    told(Code::ResourceExhausted, reason, message, "try again later, or allow more in the limits")
}

/// A status of what is no [`Error`].
pub(super) fn told(code: Code, reason: &str, message: &str, help: &str) -> Status {
    let help = HashMap::from([("help".to_owned(), help.to_owned())]);
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, help))
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
