//! Findings in the words and forms that a user reads.

mod failure;
mod github;
mod json;
mod sources;
mod text;

use std::fmt;

use angzarr_model::{Code, Severity};

pub use failure::Failure;
pub(crate) use sources::{Columns, Source, Sources, characters};

/// A place in a proto file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file, relative to its include directory.
    pub file: String,
    /// Line, from 1; 0 if only the file is known.
    pub line: u32,
    /// Column in characters, from 1; 0 if only the file is known.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column of the first character that is not part of it any more.
    pub end_column: u32,
}

impl Place {
    /// A file as a whole.
    pub fn file(name: &str) -> Self {
        Place { file: name.to_owned(), ..Place::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.file);
        }
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Another place that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelatedPlace {
    /// Where it is.
    pub place: Place,
    /// What it has to do with the finding, like `first claimed here`.
    pub label: String,
}

/// In which form findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; see [`Report`].
    #[default]
    Text,
    /// The same with the colours of a terminal.
    Coloured,
    /// One JSON object in a line; its schema is described in `docs/diagnostics/README.md`.
    Json,
    /// A workflow command of GitHub Actions, which becomes an annotation of the file.
    Github,
}

/// One finding, with everything needed to mend it.
///
/// Its `Display` is the form for people, without a line break at the end:
///
/// ```text
/// error[AZ0301]: command `shop.orders.v1.PlaceOrder` has no root
///   --> proto/shop/orders/v1/orders.proto:12:9
///    |
/// 12 | message PlaceOrder { string order_id = 1; }
///    |         ^^^^^^^^^^
///    |
///    = help: mark one field with `[(angzarr.v1.field).root = true]`
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
    /// Other places that are involved.
    pub related: Vec<RelatedPlace>,
    /// The known name that an unknown one comes close to.
    pub suggestion: Option<String>,
    /// How to mend it.
    pub help: String,
    sources: Sources,
}

impl Report {
    /// A finding that is at no place yet, with what generally helps against it.
    pub fn of(code: Code, message: impl Into<String>) -> Self {
        Report {
            severity: code.severity,
            code: code.id,
            message: message.into(),
            place: None,
            related: Vec::new(),
            suggestion: None,
            help: code.help.to_owned(),
            sources: Sources::default(),
        }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Report { place: Some(place), ..self }
    }

    /// Says what helps in this case.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Report { help: help.into(), ..self }
    }

    /// Says which known name was probably meant.
    #[must_use]
    pub(crate) fn suggest(self, name: Option<&str>) -> Self {
        Report { suggestion: name.map(str::to_owned), ..self }
    }

    /// Brings the texts of the files, so that lines can be shown.
    #[must_use]
    pub(crate) fn from(self, sources: &Sources) -> Self {
        Report { sources: sources.clone(), ..self }
    }

    /// The finding in one of the forms, without a line break at the end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => text::plain(self),
            Format::Coloured => text::coloured(self),
            Format::Json => json::line(self),
            Format::Github => github::command(self),
        }
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
        f.write_str(&self.render(Format::Text))
    }
}
