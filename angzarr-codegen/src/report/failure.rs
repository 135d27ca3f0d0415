//! What ends a run and is no mistake in its input.

use std::fmt::Display;
use std::path::Path;

use super::{Format, github, json};

/// Why a run cannot do what it was asked for: wrong usage, a file that cannot be read or written, a program that refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, naming the things involved.
    pub message: String,
    /// Path of the file, if it is about one.
    pub file: Option<String>,
    /// What another program calls it; what this one fails with has no code.
    pub code: Option<String>,
    /// What may help.
    pub help: Option<String>,
}

impl Failure {
    /// A failure that is about no file in particular.
    pub fn new(message: impl Display) -> Self {
        Failure { message: message.to_string(), file: None, code: None, help: None }
    }

    /// Says which file it is about.
    #[must_use]
    pub fn about(self, path: &Path) -> Self {
        Failure { file: Some(path.display().to_string()), ..self }
    }

    /// Says what another program calls it.
    #[must_use]
    pub fn coded(self, code: impl Into<String>) -> Self {
        Failure { code: Some(code.into()), ..self }
    }

    /// Says what may help.
    #[must_use]
    pub fn helped(self, help: impl Into<String>) -> Self {
        Failure { help: Some(help.into()), ..self }
    }

    /// The failure in one of the forms, without a line break at the end.
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text | Format::Coloured => {
                let code = self.code.iter().map(|code| format!("[{code}]")).collect::<String>();
                let help = self.help.iter().map(|help| format!("\n  = help: {help}")).collect::<String>();
                format!("error{code}: {}{help}", self.message)
            }
            Format::Json => json::failure(self),
            Format::Github => github::failure(self),
        }
    }
}
