//! What callers of the runtime get instead of an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::coordinator::outcome::Outcome;
use crate::failure::{DEADLINE_EXCEEDED, Failure, ROOT_MISMATCH};
use crate::rejection::Rejection;
use crate::store::StoreError;
use crate::view::Value;

/// An error of the runtime. Except where a variant says otherwise, nothing was stored.
///
/// Its text is one sentence without the code; [`code`](Error::code) and [`help`](Error::help) complete it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The aggregate said no.
    #[error("{}", .0.message)]
    Rejected(Rejection),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command book that cannot be used.
    #[error("{0}")]
    BadBook(BadBook),
    /// A view was asked for a column that its rows do not have.
    #[error("{0}")]
    BadColumn(BadColumn),
    /// A handler, fold or upcaster failed technically.
    #[error("{}", .0.message())]
    Failed(Failure),
    /// Other writers were faster each time.
    #[error("gave up after {attempts} attempts: other writers kept changing the stream")]
    Contention {
        /// How often it was decided.
        attempts: u32,
    },
    /// The deadline passed before the command was decided.
    #[error("the deadline passed before the command was decided")]
    DeadlineExceeded,
    /// The events are stored, but not all that was waited for is done.
    #[error("the events are stored, but waiting for {consumer} ended: {reason}")]
    NotPassed {
        /// Full name of the consumer.
        consumer: String,
        /// It stopped, it failed, or the deadline came first.
        reason: String,
        /// Position of the last event stored.
        position: u64,
        /// All that is known.
        outcome: Box<Outcome>,
    },
    /// A consumer gave up on an event; its checkpoint stays before it.
    #[error("{consumer} stopped at position {position}: {reason}")]
    ConsumerStopped {
        /// Full name of the consumer.
        consumer: String,
        /// Of the event it failed on.
        position: u64,
        /// The last failure.
        reason: String,
    },
    /// A consumer waits to be resumed.
    #[error("{consumer} is paused before position {position}: {reason}")]
    ConsumerPaused {
        /// Full name of the consumer.
        consumer: String,
        /// Of the event that it would go on with.
        position: u64,
        /// Why.
        reason: String,
    },
    /// No process has taken an order up, so it was taken back.
    #[error("no process that runs {consumer} took the order up, so it was taken back")]
    ConsumerNotRunning {
        /// Full name of the consumer.
        consumer: String,
    },
    /// An order is being carried out longer than the caller waits.
    #[error("{consumer} is still at the order")]
    OrderUnderWay {
        /// Full name of the consumer.
        consumer: String,
    },
    /// Whoever runs the consumer is of an older release, which has no such order.
    #[error("the process that runs {consumer} knows no such order")]
    OrderUnknown {
        /// Full name of the consumer.
        consumer: String,
    },
    /// There is no consumer of this name.
    #[error("there is no consumer \"{consumer}\"")]
    ConsumerUnknown {
        /// As given.
        consumer: String,
    },
    /// Somebody else's order for the lane is being carried out.
    #[error("the park of the lane \"{lane}\" is being worked at")]
    LaneBusy {
        /// As given.
        lane: String,
    },
    /// The lane is not parked.
    #[error("the lane \"{lane}\" is not parked")]
    NotParked {
        /// As given.
        lane: String,
    },
    /// A command of a consumer was refused, and nobody compensates that.
    #[error("`{command}` was refused, and nobody compensates that: {rejection}")]
    Uncompensated {
        /// Full name of the command's type.
        command: String,
        /// Why it was refused.
        rejection: Rejection,
    },
    /// The consumers did not reach the end of the log before the application was shut down.
    #[error("consumers did not reach the end of the log in time")]
    NotDrained,
    /// The application was put together wrongly.
    #[error("{0}")]
    Setup(String),
    /// The application takes no more commands.
    #[error("the application is shutting down")]
    ShuttingDown,
    /// The process that owns the domain answered so. Whether something was stored is as if it had been asked itself.
    #[error("{}", .0.message)]
    Elsewhere(Box<Elsewhere>),
}

/// An error of another process, as it told it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elsewhere {
    /// Stable, in capitals.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What else it said: under `help`, what to do about it.
    pub metadata: BTreeMap<String, String>,
    /// Number of the gRPC status.
    pub status: i32,
}

impl Elsewhere {
    fn retryable(&self) -> bool {
        // UNAVAILABLE and RESOURCE_EXHAUSTED pass by themselves; so do these two, whose statuses others share.
        matches!(self.status, 14 | 8) || matches!(&*self.code, "CONTENTION" | DEADLINE_EXCEEDED)
    }
}

/// Why a command book cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBook {
    /// It has no pages, or an import no events.
    #[error("the book is empty")]
    Empty,
    /// It has no cover.
    #[error("the book has no cover")]
    NoCover,
    /// It has more records than are waited for at a time.
    #[error("the book has more than {0} records")]
    TooLong(u32),
    /// A page has no command.
    #[error("page {0} has no command")]
    NoCommand(usize),
    /// No aggregate owns the domain.
    #[error("no aggregate owns the domain \"{domain}\"; {}", told(.known))]
    UnknownDomain {
        /// As given.
        domain: String,
        /// Those that are served here, or that a route leads to.
        known: Vec<String>,
    },
    /// The aggregate does not take the command.
    #[error("the aggregate of \"{domain}\" takes no `{type_name}`")]
    UnknownCommand {
        /// The domain.
        domain: String,
        /// Full name of the command's type.
        type_name: String,
    },
    /// The aggregate does not answer the query.
    #[error("the aggregate of \"{domain}\" answers no `{type_name}`")]
    UnknownQuery {
        /// The domain.
        domain: String,
        /// Full name of the query's type.
        type_name: String,
    },
    /// What is said to be a command or fact is no message.
    #[error("the `{0}` does not decode")]
    Malformed(String),
    /// A fact shares its book with something else.
    #[error("the fact `{0}` is not alone in its book")]
    FactNotAlone(String),
    /// A fact without an external id.
    #[error("the fact `{0}` has no external id")]
    NoExternalId(String),
    /// What is recorded under a fact's external id is something else.
    #[error("\"{0}\" is the key of something else in this stream")]
    ExternalIdTaken(String),
    /// An imported event is neither a current nor an old event of the domain.
    #[error("the domain \"{domain}\" has no event `{type_name}`")]
    UnknownEvent {
        /// The domain.
        domain: String,
        /// Full name of the event's type.
        type_name: String,
    },
    /// There is neither root nor natural id.
    #[error("the root is missing: the natural id is empty")]
    NoRoot,
    /// The root is not a UUID of 16 bytes.
    #[error("the root has {0} bytes instead of 16")]
    BadRoot(usize),
    /// Root and natural id are not of the same aggregate.
    #[error("the root is not that of the natural id \"{0}\"")]
    RootMismatch(String),
    /// The log holds no such book.
    #[error("the log holds no book of this stream in \"{domain}\" that ends at position {position}")]
    UnknownBook {
        /// Its domain.
        domain: String,
        /// As given.
        position: u64,
    },
    /// A text that stands beside every record is too long.
    #[error("the field `{field}` has {bytes} bytes; it may have {limit}")]
    FieldTooLong {
        /// Which one.
        field: &'static str,
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A field that only the runtime or a later release sets.
    #[error("the field `{0}` is reserved")]
    Reserved(&'static str),
}

/// Why rows cannot be found by a column.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadColumn {
    /// There is none of this name.
    #[error("rows have no column `{name}`{}", .nearest.as_ref().map(|nearest| format!("; the nearest is `{nearest}`")).unwrap_or_default())]
    Unknown {
        /// As given.
        name: String,
        /// The column whose name is most like it, if there are any.
        nearest: Option<String>,
    },
    /// It holds values of another kind.
    #[error("the column `{name}` is {kind} and never has the value {given:?}")]
    OtherKind {
        /// Of the column.
        name: String,
        /// Of the column.
        kind: &'static str,
        /// What was to be found.
        given: Value,
    },
}

impl BadColumn {
    /// Stable, in capitals.
    pub fn code(&self) -> &'static str {
        match self {
            BadColumn::Unknown { .. } => "COLUMN_UNKNOWN",
            BadColumn::OtherKind { .. } => "COLUMN_OTHER_KIND",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            BadColumn::Unknown { .. } => {
                "columns are the singular scalar fields of the row's message; other fields are found by SQL, in `_rest`"
            }
            BadColumn::OtherKind { .. } => "give a value of the field's type",
        }
    }
}

impl From<BadColumn> for Error {
    fn from(bad: BadColumn) -> Self {
        Error::BadColumn(bad)
    }
}

impl Error {
    /// Stable, in capitals; a rejection's is its own.
    pub fn code(&self) -> &str {
        match self {
            Error::Rejected(rejection) => &rejection.code,
            Error::Store(error) => error.code(),
            Error::BadBook(bad) => bad.code(),
            Error::BadColumn(bad) => bad.code(),
            Error::Failed(failure) => failure.code(),
            Error::Contention { .. } => "CONTENTION",
            Error::DeadlineExceeded => DEADLINE_EXCEEDED,
            Error::NotPassed { .. } => "NOT_PASSED",
            Error::ConsumerStopped { .. } => "CONSUMER_STOPPED",
            Error::ConsumerPaused { .. } => "CONSUMER_PAUSED",
            Error::ConsumerNotRunning { .. } => "CONSUMER_NOT_RUNNING",
            Error::OrderUnderWay { .. } => "ORDER_UNDER_WAY",
            Error::OrderUnknown { .. } => "ORDER_UNKNOWN",
            Error::ConsumerUnknown { .. } => "CONSUMER_UNKNOWN",
            Error::LaneBusy { .. } => "LANE_BUSY",
            Error::NotParked { .. } => "LANE_NOT_PARKED",
            Error::Uncompensated { .. } => "REJECTED_UNCOMPENSATED",
            Error::NotDrained => "NOT_DRAINED",
            Error::Setup(_) => "SETUP",
            Error::ShuttingDown => "SHUTTING_DOWN",
            Error::Elsewhere(told) => &told.code,
        }
    }

    /// Whether the same call may succeed later without anything being mended.
    pub fn retryable(&self) -> bool {
        match self {
            Error::Store(error) => error.retryable(),
            Error::Failed(failure) => failure.retryable(),
            Error::Contention { .. } | Error::DeadlineExceeded => true,
            Error::Elsewhere(told) => told.retryable(),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Error::Rejected(_) => "the rules of the aggregate refused it; its code says which",
            Error::Store(error) => error.help(),
            Error::BadBook(bad) => bad.help(),
            Error::BadColumn(bad) => bad.help(),
            Error::Failed(failure) => failure.help(),
            Error::Contention { .. } => "try again, or spread the writers over more roots",
            Error::DeadlineExceeded => "allow more time",
            Error::NotPassed { .. } => "do not send again without an idempotency key: the events are stored",
            Error::ConsumerStopped { .. } => {
                "mend what the reason names and start again: it goes on with that event, nothing was skipped"
            }
            Error::ConsumerPaused { .. } => "mend what its dead letters have in common, replay them, and resume it",
            Error::ConsumerNotRunning { .. } => "start a process that runs it, and order it again",
            Error::OrderUnknown { .. } => "order it again once all processes have the newer release",
            Error::OrderUnderWay { .. } => "do not order it again: look at the parks, or allow more time",
            Error::ConsumerUnknown { .. } => "give the full name of a registered saga, projector or process manager",
            Error::LaneBusy { .. } => "wait for the other order's answer",
            Error::NotParked { .. } => "list the parks of the consumer; lanes that were replayed have left them",
            Error::Uncompensated { .. } => {
                "declare a COMPENSATION for the command where the event came from, or remove the dead letter"
            }
            Error::NotDrained => "nothing is lost: they go on from their checkpoints after the next start",
            Error::Setup(_) => "mend what the message names, and start again",
            Error::ShuttingDown => "send it again after the restart, with the same idempotency key",
            Error::Elsewhere(_) => {
                "the process that owns the domain says so: look at what else it tells, and at its log"
            }
        }
    }
}

/// The domains that are known, as text.
fn told(known: &[String]) -> String {
    match known {
        [] => "none is known here".to_owned(),
        known => {
            let names: Vec<String> = known.iter().map(|domain| format!("\"{domain}\"")).collect();
            format!("known are {}", names.join(", "))
        }
    }
}

impl BadBook {
    /// Stable, in capitals.
    pub fn code(&self) -> &'static str {
        match self {
            BadBook::Empty => "BOOK_EMPTY",
            BadBook::NoCover => "COVER_MISSING",
            BadBook::NoCommand(_) => "COMMAND_MISSING",
            BadBook::UnknownDomain { .. } => "DOMAIN_UNKNOWN",
            BadBook::UnknownCommand { .. } => "COMMAND_UNKNOWN",
            BadBook::UnknownQuery { .. } => "QUERY_UNKNOWN",
            BadBook::FactNotAlone(_) => "FACT_NOT_ALONE",
            BadBook::NoExternalId(_) => "EXTERNAL_ID_EMPTY",
            BadBook::ExternalIdTaken(_) => "EXTERNAL_ID_TAKEN",
            BadBook::UnknownEvent { .. } => "EVENT_UNKNOWN",
            BadBook::NoRoot => "ROOT_EMPTY",
            BadBook::BadRoot(_) => "ROOT_INVALID",
            BadBook::RootMismatch(_) => ROOT_MISMATCH,
            BadBook::Malformed(_) => "PAYLOAD_MALFORMED",
            BadBook::FieldTooLong { .. } => "FIELD_TOO_LONG",
            BadBook::UnknownBook { .. } => "BOOK_UNKNOWN",
            BadBook::TooLong(_) => "BOOK_TOO_LONG",
            BadBook::Reserved(_) => "FIELD_RESERVED",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            BadBook::Empty => "give it at least one page",
            BadBook::NoCover => "say which domain and root it is for",
            BadBook::NoCommand(_) => "put a command into each page",
            BadBook::UnknownDomain { .. } => {
                "check the spelling, register the aggregate that owns it, or name a route to the process that does"
            }
            BadBook::UnknownCommand { .. } => "check the type's full name; the aggregate's proto lists what it takes",
            BadBook::UnknownQuery { .. } => "check the type's full name; the aggregate's proto lists what it answers",
            BadBook::Malformed(_) => "encode the message with the proto that declares its type",
            BadBook::FactNotAlone(_) => "give each fact a book of its own: its external id is the book's key",
            BadBook::NoExternalId(_) => "give the book the key that the fact's own field says",
            BadBook::ExternalIdTaken(_) => {
                "external ids and the keys of commands share one space in each stream: let each source have its own, like bank/17"
            }
            BadBook::UnknownEvent { .. } => "import events that the domain writes, or old ones that its upcaster knows",
            BadBook::NoRoot => "fill in the command's root field",
            BadBook::BadRoot(_) => "a root is a UUID in network order",
            BadBook::RootMismatch(_) => {
                "derive the root from the natural id as docs/semantics.md says, or leave the id empty"
            }
            BadBook::FieldTooLong { .. } => "name it by something shorter, like a UUID or a hash of it",
            BadBook::TooLong(_) => "wait for a part of it: say from which sequence to which",
            BadBook::UnknownBook { .. } => {
                "give a book as this runtime told it: its cover, and the position and sequences of its records"
            }
            BadBook::Reserved(_) => "leave it empty",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Failed(failure)
    }
}

impl From<BadBook> for Error {
    fn from(bad: BadBook) -> Self {
        Error::BadBook(bad)
    }
}

/// How long a caller waits for consumers when it names no deadline.
pub(crate) const DEFAULT_WAIT: Duration = Duration::from_secs(30);
