//! Why a command could not do what it was asked for.

use std::error::Error;

use angzarr_codegen::Failure;
use angzarr_runtime::transport::Address;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::connection::TOKEN;
use super::table::plain;
use crate::console::{Exit, refused, unreachable, usage};

pub(super) enum Failed {
    /// The arguments make no sense together.
    Usage(String),
    /// Nobody answers, or not now.
    Unreachable(Failure),
    /// There is an answer, and it is no.
    Refused(Failure),
}

impl Failed {
    /// What a status of the sidecar means.
    pub(super) fn of(address: &Address, status: Status) -> Self {
        // What the sidecar itself has said has no source.
        if let Some(source) = status.source() {
            let why = deepest(source);
            let failure = Failure::new(format!("there is no sidecar to be reached at {address}: {why}"));
            let help = "start it, or say where it listens with `--address` or ANGZARR_ADDRESS";
            return Failed::Unreachable(failure.coded("SIDECAR_UNREACHABLE").helped(help));
        }
        let info = status.get_details_error_info();
        let said = info.as_ref().and_then(|info| info.metadata.get("help").cloned());
        let help = said.filter(|help| !help.is_empty()).or_else(|| match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Some(format!("put its token into {TOKEN}")),
            Code::Unimplemented => Some("who listens there is no sidecar of this release".to_owned()),
            _ => None,
        });
        let code = info.as_ref().map(|info| info.reason.clone()).filter(|reason| !reason.is_empty());
        let failure =
            Failure::new(plain(status.message())).coded(code.unwrap_or_else(|| name(status.code()).to_owned()));
        let failure = Failure { help, ..failure };
        if status.code() == Code::Unavailable { Failed::Unreachable(failure) } else { Failed::Refused(failure) }
    }

    /// What the answer comes to is no, without a code.
    pub(super) fn refused(what: impl std::fmt::Display) -> Self {
        Failed::Refused(Failure::new(what))
    }

    /// Prints it, and gives the end it leads to.
    pub(super) fn tell(&self) -> Exit {
        match self {
            Failed::Usage(what) => usage(what),
            Failed::Unreachable(failure) => unreachable(failure),
            Failed::Refused(failure) => refused(failure),
        }
    }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (**error).source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

/// The code as gRPC spells it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
