//! What a check has to say, and the collector that makes sure it is said.

use std::fmt;

/// A place in the input, as an index into a table that only the front end has.
///
/// Protos resolve it to file, line and column; derives to a token's span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u32);

/// Whether a run can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Everything is generated; somebody should look at it.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A kind of mistake: its stable code and what generally helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Whether a run can go on in spite of it.
    pub severity: Severity,
    /// Stable for ever, like `AZ0101`.
    pub id: &'static str,
    /// One sentence that tells how to mend it.
    pub help: &'static str,
}

/// One mistake at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// Where it is.
    pub span: Span,
    /// What is wrong here, naming the things involved.
    pub message: String,
    /// Other places that are involved.
    pub related: Vec<Related>,
    /// The known name that an unknown one comes close to.
    pub suggestion: Option<String>,
}

/// Another place that a mistake is about, and what it has to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where it is.
    pub span: Span,
    /// A few words that stand beside it, like `first claimed here`.
    pub label: String,
}

impl Diagnostic {
    /// A mistake that is at one place.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { code, span, message: message.into(), related: Vec::new(), suggestion: None }
    }

    /// Adds another place.
    #[must_use]
    pub fn with(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push(Related { span, label: label.into() });
        self
    }

    /// Adds the known name, if there is one.
    #[must_use]
    pub fn suggest(self, name: Option<impl Into<String>>) -> Self {
        Diagnostic { suggestion: name.map(Into::into), ..self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.id, self.message)
    }
}

/// Collects what checks find, so that one run reports everything.
///
/// It has to be ended with [`Diagnostics::finish`]; dropping it with findings inside is a bug of the
/// caller, which debug builds report.
#[derive(Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// An empty collector.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding that is at one place.
    pub fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.add(Diagnostic::new(code, span, message));
    }

    /// Adds a finding.
    pub fn add(&mut self, found: Diagnostic) {
        self.found.push(found);
    }

    /// Whether nothing was found so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The warnings, if nothing worse was found, in the order of places, each once.
    ///
    /// # Errors
    /// Everything that was found, in the same order, if there is an error among it.
    pub fn finish(mut self) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| (a.span, a.code.id, &a.message).cmp(&(b.span, b.code.id, &b.message)));
        found.dedup();
        if found.iter().any(|one| one.code.severity == Severity::Error) { Err(found) } else { Ok(found) }
    }
}

impl Drop for Diagnostics {
    fn drop(&mut self) {
        debug_assert!(
            self.found.is_empty() || std::thread::panicking(),
            "findings were dropped unreported: {:?}",
            self.found
        );
    }
}
