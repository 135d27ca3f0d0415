//! Findings in the words and form that a user reads.

use std::fmt;

use angzarr_model::{Diagnostic, Severity};

/// A place in a proto file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file, relative to its include directory.
    pub file: String,
    /// Line, from 1; 0 if only the file is known.
    pub line: u32,
    /// Column in characters, from 1; 0 if only the file is known.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.file);
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One finding, with everything needed to mend it.
///
/// Its `Display` is the form for people, without a line break at the end:
///
/// ```text
/// error[AZ0301]: command `shop.orders.v1.PlaceOrder` has no root
///   --> shop/orders/v1/orders.proto:12:9
///   help: mark one field with `[(angzarr.v1.field).root = true]`
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether anything was generated in spite of it.
    pub severity: Severity,
    /// Stable for ever, like `AZ0301`.
    pub code: &'static str,
    /// What is wrong, naming the things involved.
    pub message: String,
    /// Where it is, if it is at one place.
    pub place: Option<Place>,
    /// How to mend it.
    pub help: String,
}

impl Report {
    /// Gives a finding of a check its place.
    pub(crate) fn new(found: Diagnostic, place: Option<Place>) -> Self {
        let (severity, help) = (found.code.severity, found.code.help.to_owned());
        Report { severity, code: found.code.id, message: found.message, place, help }
    }

    /// By place, code and text, each once.
    pub(crate) fn sorted(mut reports: Vec<Report>) -> Vec<Report> {
        reports.sort_by(|a, b| (&a.place, a.code, &a.message).cmp(&(&b.place, b.code, &b.message)));
        reports.dedup();
        reports
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity, self.code, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}
