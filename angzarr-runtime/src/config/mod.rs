//! What the sidecar is told: a YAML file, with `${VARIABLES}` of the environment.
//!
//! `docs/configuration.md` lists the keys. Whatever is wrong is told at once, each with its place. Values are never
//! repeated, neither in what is told nor by `Debug`: any of them may have come from a variable, and be a secret.

mod keys;
mod mistake;
mod reader;
mod sections;
mod value;
mod variables;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub use mistake::{ConfigError, Mistake};

use crate::component::DeliveryOverride;
use crate::store::Storage;
use crate::transport::{Access, Address, Limits, Routes, ServerTls, Target, Token};

/// How the sidecar is to run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the log and the views are kept.
    pub storage: Storage,
    /// Services with business code, each once; at least one.
    pub services: Vec<Target>,
    /// Where callers are served.
    pub listen: Address,
    /// How their connections are encrypted; without it, they are not.
    pub tls: Option<ServerTls>,
    /// Which of them may call.
    pub access: Access,
    /// Whether aggregates are served under their own names, too.
    pub aggregates: Aggregates,
    /// How events reach consumers, by full name, as far as it differs from what the services say.
    pub delivery: BTreeMap<String, DeliveryOverride>,
    /// Which processes on the same log own other domains.
    pub routes: Routes,
    /// How long ending may take.
    pub drain: Drain,
    /// What callers may ask for at a time.
    pub limits: Limits,
    /// Who is told what happens within it.
    pub telemetry: Telemetry,
    /// How the log is written.
    pub log: LogFormat,
}

/// Whether aggregates are served under their own names.
#[derive(Clone, Debug)]
pub enum Aggregates {
    /// They are not.
    Unserved,
    /// They are. Facts are taken with this token, or, without one, not at all.
    Served(Option<Token>),
}

/// How long ending may take; what is not done by then is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// During which it goes on as before, and only says that it is not ready.
    pub notice: Duration,
    /// After that, for calls that have begun.
    pub calls: Duration,
    /// After these, for consumers to reach the end of the log.
    pub consumers: Duration,
}

/// Who is told what happens within the sidecar.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// Where Prometheus may read the metrics.
    pub prometheus: Option<Address>,
    /// URL of a collector of OpenTelemetry.
    pub otlp: Option<String>,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads a file. Variables are those of the environment.
    ///
    /// # Errors
    /// That it cannot be read, or every mistake in it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|source| ConfigError::Unreadable { file: file.clone(), source })?;
        Self::parse(&file, &text, &|name| std::env::var(name).ok())
    }

    /// Takes the text of a file of this name, and asks `variables` for those that it names.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(file: &str, text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mistakes = |mistakes| ConfigError::Mistakes { file: file.to_owned(), mistakes };
        reader::read(text, variables).map_err(mistakes)
    }
}

#[cfg(test)]
mod tests;
