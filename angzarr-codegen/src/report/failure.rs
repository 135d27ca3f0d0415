//! What ends a run and is no mistake in its input.

use std::fmt::Display;
use std::path::Path;

use super::{Format, github, json};

/// Why a run cannot do what it was asked for: wrong usage, or a file that cannot be read or written. It has no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, naming the things involved.
    pub message: String,
    /// Path of the file, if it is about one.
    pub file: Option<String>,
}

impl Failure {
    /// A failure that is about no file in particular.
    pub fn new(message: impl Display) -> Self {
        Failure { message: message.to_string(), file: None }
    }

    /// Says which file it is about.
    #[must_use]
    pub fn about(self, path: &Path) -> Self {
        Failure { file: Some(path.display().to_string()), ..self }
    }

    /// The failure in one of the forms, without a line break at the end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text | Format::Coloured => format!("error: {}", self.message),
            Format::Json => json::failure(self),
            Format::Github => github::failure(self),
        }
    }
}
