//! What is wrong with a file of departures, and what to do about it.

use std::fmt;

/// The file cannot be opened or read.
pub const CSV_IO: &str = "CSV_IO";
/// The file is gzip but damaged or cut short.
pub const CSV_GZIP: &str = "CSV_GZIP";
/// The file holds no departures.
pub const CSV_EMPTY: &str = "CSV_EMPTY";
/// The first line does not name the columns of the data set.
pub const CSV_HEADER: &str = "CSV_HEADER";
/// A row that cannot be a departure.
pub const CSV_ROW: &str = "CSV_ROW";
/// Two rows that describe the same flight.
pub const CSV_DUPLICATE: &str = "CSV_DUPLICATE";

/// Problems that are kept of one file; the rest is only counted.
pub const MOST_REPORTED: usize = 20;

const MOST_SHOWN_OF_A_VALUE: usize = 60;

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One of this module's codes; stable.
    pub code: &'static str,
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: u64,
    /// The column's name, where one is at fault.
    pub column: Option<&'static str>,
    /// What stands there, shortened and without control characters.
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if let Some(column) = self.column {
            write!(f, ": column `{column}`")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(value) = &self.value {
            write!(f, ", found `{value}`")?;
        }
        write!(f, "\n  help: {}", self.help)
    }
}

/// Everything that is wrong with a file, in the order of its lines. Nothing of such a file is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    first: Vec<Problem>,
    count: usize,
}

impl Problems {
    /// The first problems, [`MOST_REPORTED`] at most.
    pub fn first(&self) -> &[Problem] {
        &self.first
    }

    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.count += 1;
        if self.first.len() < MOST_REPORTED {
            self.first.push(problem);
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Problems { first: vec![problem], count: 1 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.first.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more; nothing of the file was used"),
        }
    }
}

/// `text` as it may stand in a message: short, on one line.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().take(MOST_SHOWN_OF_A_VALUE).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST_SHOWN_OF_A_VALUE).is_some() {
        short.push('…');
    }
    short
}
