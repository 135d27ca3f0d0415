//! Technical failures of handlers, their own or of what surrounds them.

use std::borrow::Cow;
use std::fmt;

/// Why a handler could not do its work: something to be tried again or mended, never a business answer.
///
/// Any error converts into it, so `?` works in handlers of sagas, projectors and process managers.
#[derive(Debug)]
pub struct Failure {
    code: Cow<'static, str>,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A handler took longer than it may.
pub(crate) const HANDLER_TIMED_OUT: &str = "HANDLER_TIMED_OUT";

/// A caller does not wait any longer.
pub(crate) const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";

/// A command or fact is for another root than its book.
pub(crate) const ROOT_MISMATCH: &str = "ROOT_MISMATCH";

/// A fact would be recorded under another key than its external id.
pub(crate) const EXTERNAL_ID_MISMATCH: &str = "EXTERNAL_ID_MISMATCH";

/// The service that holds the handler does not answer.
pub(crate) const SERVICE_UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";

/// A route leads to a process that does not serve the domain, or not on this log.
pub(crate) const ROUTE_WRONG: &str = "ROUTE_WRONG";

/// The way to another process was lost while that had the call: it may have decided.
pub(crate) const ROUTE_LOST: &str = "ROUTE_LOST";

/// A route leads to a process that does not let this one in.
pub(crate) const ROUTE_REFUSED: &str = "ROUTE_REFUSED";
/// The connection was lost while the service had the call: it may have ended because of it.
pub(crate) const SERVICE_LOST: &str = "SERVICE_LOST";

/// The service at the address is another version than the one whose components are known.
pub(crate) const SERVICE_CHANGED: &str = "SERVICE_CHANGED";

impl Failure {
    /// A failure with a code of its own.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), source: None }
    }

    /// The same failure for somebody else.
    pub(crate) fn again(&self) -> Self {
        self.reworded(self.message.clone())
    }

    /// The same failure in other words.
    pub(crate) fn reworded(&self, message: String) -> Self {
        Self { code: self.code.clone(), message, source: None }
    }

    /// Stable, in capitals, like `HANDLER_PANICKED`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether it passes by itself: it is no fault of what was handled.
    pub fn retryable(&self) -> bool {
        [DEADLINE_EXCEEDED, ROUTE_LOST, SERVICE_CHANGED, SERVICE_UNAVAILABLE].contains(&self.code())
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match &*self.code {
            "PAYLOAD_MALFORMED" => "encode the message with the proto that declares its type",
            "TYPE_UNKNOWN" => {
                "run a release that knows the type, or add an upcaster that leads to a type this one knows"
            }
            "UNION_UNSET" => "set one member of the union, or return an empty stream",
            "HANDLER_PANICKED" => "mend the handler; what it was deciding on was thrown away and nothing was stored",
            HANDLER_TIMED_OUT => "make the handler faster, or allow more time in the component's `delivery`",
            ROOT_MISMATCH => "send it in a book whose `cover.key` is the command's own root field",
            EXTERNAL_ID_MISMATCH => "give its book the `idempotency_key` that its own field says",
            DEADLINE_EXCEEDED => "nothing was stored; allow more time, and send it again",
            "CHAIN_TOO_LONG" => {
                "find the components that answer each other's events for ever, and let one of them end it"
            }
            "ROW_AHEAD" => "build the view anew: `App::rebuild_view`; then discard the park",
            "ROW_TOO_LARGE" => "let the row hold less, or spread it over several keys",
            "NOT_A_PROCESS" => "set deadlines in handlers of process managers only",
            "DEADLINE_FOREIGN" => "schedule messages that this process manager has a DEADLINE handler for",
            "DEADLINE_UNNAMED" => "give it a name, like \"payment\"",
            "SQL_FAILED" => "mend the statement, or the tables that it is about; nothing of the event was committed",
            "NO_TRANSACTION" => {
                "ask for a transaction in projectors without a view only, in a storage that keeps tables for them"
            }
            "NOT_COMPENSABLE" => {
                "discard it without compensation; only what a saga or process manager sends is compensated"
            }
            ROUTE_WRONG => "name the process that serves the domain, on the same log, in `routes`",
            ROUTE_LOST => "nobody knows whether it was decided: send it again under the same idempotency key",
            ROUTE_REFUSED => "give the route the token that the other process asks for",
            SERVICE_UNAVAILABLE => "start the service, or see why it does not answer at its address; it is tried again",
            SERVICE_CHANGED => {
                "restart the sidecar, or start the version of the service that it knows; nothing is lost meanwhile"
            }
            SERVICE_LOST => "see the service's log for why it ended; nothing of what it was deciding was stored",
            "SERVICE_FAILED" | "SERVICE_EXHAUSTED" => "look at the service's own log",
            "COMPONENT_UNKNOWN" => {
                "start the release of the service that has the component, or take it out of the runtime"
            }
            "STATE_LOST" => "look at the runtime's log; the state can be asked for again once its service answers",
            "EVENTS_UNREAD" => {
                "do not import again without an idempotency key; read the stream once the service answers"
            }
            "UPCAST_UNASKED" => "test upcasters of a service where they are written",
            "SERVICE_ANSWER_INVALID" => {
                "generate the service's code anew, and look at what it adds to that; its answer was thrown away"
            }
            _ => "look at the component that the message names; the same input fails again until it is mended",
        }
    }

    /// The error it was made from, if any.
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

// `Failure` itself is no `Error`: otherwise this conversion would collide with the reflexive one.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { code: Cow::Borrowed("HANDLER_FAILED"), message: error.to_string(), source: Some(Box::new(error)) }
    }
}
