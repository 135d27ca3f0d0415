//! `angzarr.run.yaml`: services, and what their sidecars are told, to be run together on one machine.

mod compose;
mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{ProjectError, Report};

/// Name of the file that is read where no other is named.
pub const RUN_FILE: &str = "angzarr.run.yaml";

/// Services and their sidecars. Paths are made relative to the current directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standalone {
    /// The folder of the file; sidecars run in it.
    pub folder: PathBuf,
    /// The sidecar's program, if the file names one.
    pub sidecar: Option<PathBuf>,
    /// In the order of the file.
    pub services: Vec<HostedService>,
}

/// A service with business code, and its sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostedService {
    /// What it is called in the output.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Variables beside those of this process.
    pub environment: BTreeMap<String, String>,
    /// Where it listens.
    pub address: Endpoint,
    /// Where its sidecar listens.
    pub listen: Endpoint,
    /// What its sidecar is told, as the text of a configuration.
    pub configuration: String,
}

/// Where somebody listens: `127.0.0.1:50051`, or `unix:shop.sock`, from the folder of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// A host and a port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// What is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address, like 127.0.0.1:50051 or unix:shop.sock")]
pub struct BadEndpoint;

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(BadEndpoint) } else { Ok(Self::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or(BadEndpoint)?;
        let port: Result<u16, _> = port.parse();
        if host.is_empty() || port.is_err() { Err(BadEndpoint) } else { Ok(Self::Tcp(text.to_owned())) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => f.write_str(address),
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Whether somebody accepts connections there; sockets are looked for from `folder`.
    pub fn accepts(&self, folder: &Path) -> bool {
        match self {
            Endpoint::Tcp(address) => TcpStream::connect(address).is_ok(),
            #[cfg(unix)]
            Endpoint::Unix(path) => std::os::unix::net::UnixStream::connect(folder.join(path)).is_ok(),
            #[cfg(not(unix))]
            Endpoint::Unix(path) => folder.join(path).exists(),
        }
    }
}

impl Standalone {
    /// Reads a file.
    ///
    /// # Errors
    /// All mistakes in it, or that it cannot be read. What its sidecars are told, only they understand.
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        let text = fs::read_to_string(path).map_err(|source| ProjectError::Io { path: path.to_path_buf(), source })?;
        Self::parse(path, &text).map_err(ProjectError::Findings)
    }

    /// Takes the text of a file.
    ///
    /// # Errors
    /// All mistakes in it, sorted by place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Report>> {
        reader::read(path, text)
    }
}
