//! Business refusals.

use std::collections::BTreeMap;
use std::fmt;

use crate::message::Payload;
use crate::proto;

/// The codes with which an aggregate rejects. Derived on the enum that its `rejections` names.
pub trait RejectionCode {
    /// The code's name as it stands in the proto.
    fn code(&self) -> &'static str;
}

/// The answer of an aggregate that will not do what a command asks for. It has stored nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    /// One of the aggregate's codes.
    pub code: String,
    /// For people.
    pub message: String,
    /// For programs.
    pub metadata: BTreeMap<String, String>,
    /// For programs that know its type.
    pub detail: Option<Box<Payload>>,
}

impl Rejection {
    /// A rejection without metadata and detail.
    pub fn new(code: impl RejectionCode, message: impl Into<String>) -> Self {
        Self { code: code.code().to_owned(), message: message.into(), metadata: BTreeMap::new(), detail: None }
    }

    /// What is reported of a command that will not be sent.
    pub(crate) fn discarded() -> Self {
        Self {
            code: "DISCARDED".to_owned(),
            message: "an operator discarded the event that would have led to it".to_owned(),
            metadata: BTreeMap::new(),
            detail: None,
        }
    }

    /// Adds a piece of metadata.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Whether it has this code.
    pub fn is(&self, code: impl RejectionCode) -> bool {
        self.code == code.code()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Rejection {}

impl From<Rejection> for proto::Rejection {
    fn from(rejection: Rejection) -> Self {
        Self {
            code: rejection.code,
            message: rejection.message,
            metadata: rejection.metadata,
            detail: rejection.detail.map(|detail| detail.to_any()),
        }
    }
}

impl From<proto::Rejection> for Rejection {
    fn from(rejection: proto::Rejection) -> Self {
        Self {
            code: rejection.code,
            message: rejection.message,
            metadata: rejection.metadata,
            detail: rejection.detail.map(|detail| Box::new(Payload::from_any(detail))),
        }
    }
}

/// A command that was refused, as a compensation handler gets it.
#[derive(Clone, Debug)]
pub struct Refused<C> {
    /// What was asked for.
    pub command: C,
    /// Why it was refused.
    pub rejection: Rejection,
}

/// Rejects with a code and a message unless a condition holds.
///
/// ```
/// # use angzarr_runtime::{Rejection, RejectionCode, ensure};
/// # enum Refuse { Empty }
/// # impl RejectionCode for Refuse { fn code(&self) -> &'static str { "EMPTY" } }
/// fn check(lines: &[u32]) -> Result<(), Rejection> {
///     ensure!(!lines.is_empty(), Refuse::Empty, "an order needs a line, this one has {}", lines.len());
///     Ok(())
/// }
/// assert_eq!(check(&[]).unwrap_err().to_string(), "EMPTY: an order needs a line, this one has 0");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $code:expr, $($message:tt)+) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Rejection::new($code, ::std::format!($($message)+)).into());
        }
    };
}
