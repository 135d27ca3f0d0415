//! What services say of their failures.

use crate::failure::{DEADLINE_EXCEEDED, EXTERNAL_ID_MISMATCH, Failure, HANDLER_TIMED_OUT, ROOT_MISMATCH};
use crate::proto;

/// Codes that only the runtime gives: callers and operators go by what they mean here.
const RUNTIMES: [&str; 29] = [
    "CHAIN_TOO_LONG",
    "COMPENSATION_REFUSED",
    "CONTENTION",
    DEADLINE_EXCEEDED,
    "DOMAIN_UNKNOWN",
    "EVENT_GONE",
    EXTERNAL_ID_MISMATCH,
    "EXTERNAL_ID_TAKEN",
    "FACT_REFUSED",
    HANDLER_TIMED_OUT,
    "LANE_BUSY",
    "LANE_HELD_UP",
    "LANE_NOT_PARKED",
    "LANE_PARKED",
    "LEASE_LOST",
    "NOT_COMPENSABLE",
    "NOT_DRAINED",
    "NOT_PASSED",
    "ORDER_UNDER_WAY",
    "ORDER_UNKNOWN",
    "REJECTED_UNCOMPENSATED",
    ROOT_MISMATCH,
    "ROW_AHEAD",
    "ROW_TOO_LARGE",
    "SEQUENCE_CONFLICT",
    "SETUP",
    "SHUTTING_DOWN",
    "STATE_LOST",
    "STREAM_FULL",
];

/// The same, by how they begin.
const PREFIXES: [&str; 4] = ["CONSUMER_", "ROUTE_", "SERVICE_", "STORE_"];

/// How long a code may be: it is counted under, and stands in dead letters.
const LONGEST: usize = 64;

/// A handler's failure. A code that could be taken for one of the runtime's, or is none, becomes a part of the message.
pub(super) fn failed(failure: proto::Failure) -> Failure {
    let proto::Failure { code, message } = failure;
    if is_code(&code) && !is_the_runtimes(&code) {
        return Failure::new(code, message);
    }
    let message = if code.is_empty() { message } else { format!("{code}: {message}") };
    Failure::new("HANDLER_FAILED", message)
}

fn is_the_runtimes(code: &str) -> bool {
    RUNTIMES.contains(&code) || PREFIXES.iter().any(|prefix| code.starts_with(prefix))
}

fn is_code(code: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    code.len() <= LONGEST && code.starts_with(|first: char| first.is_ascii_uppercase()) && code.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_cannot_speak_for_the_runtime() {
        let told = |code: &str| {
            let failure = failed(proto::Failure { code: code.into(), message: "why".into() });
            assert!(!failure.retryable(), "{code}");
            (failure.code().to_owned(), failure.message().to_owned())
        };
        for code in ["HANDLER_PANICKED", "PAYLOAD_MALFORMED", "BANK_IS_CLOSED", "SQL_FAILED"] {
            assert_eq!(told(code), (code.into(), "why".into()));
        }
        for code in ["SERVICE_UNAVAILABLE", "SERVICE_CHANGED", "STORE_DAMAGED", "HANDLER_TIMED_OUT", "no code", "Ä"] {
            assert_eq!(told(code), ("HANDLER_FAILED".into(), format!("{code}: why")));
        }
        assert_eq!(told(""), ("HANDLER_FAILED".into(), "why".into()));
        assert_eq!(told(&"A".repeat(65)).0, "HANDLER_FAILED");
    }
}
