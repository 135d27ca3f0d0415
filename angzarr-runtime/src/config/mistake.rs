//! What is wrong with a configuration, in the words of its reader.

use std::fmt;
use std::io;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("error[CONFIG_UNREADABLE]: {source}\n --> {file}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Everything that is wrong in it, by place.
    #[error("{}", .mistakes.iter().map(|mistake| mistake.shown(.file)).collect::<Vec<_>>().join("\n\n"))]
    Mistakes {
        /// The file.
        file: String,
        /// At least one.
        mistakes: Vec<Mistake>,
    },
}

/// One mistake, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Stable, in capitals.
    pub code: &'static str,
    /// One sentence without the code.
    pub message: String,
    /// What to do about it; empty if the sentence says it.
    pub help: String,
}

impl Mistake {
    fn shown(&self, file: &str) -> String {
        let Self { line, column, code, message, help } = self;
        let help = Help(help);
        format!("error[{code}]: {message}\n --> {file}:{line}:{column}{help}")
    }
}

struct Help<'a>(&'a str);

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "\n  = help: {}", self.0) }
    }
}
