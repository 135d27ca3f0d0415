//! Connections that are encrypted, by TLS 1.3.
//!
//! Files are read again when they have changed, so that certificates may be replaced while programs run.

#[cfg(not(feature = "tls"))]
mod absent;
#[cfg(feature = "tls")]
mod accept;
#[cfg(feature = "tls")]
mod connect;
#[cfg(feature = "tls")]
mod files;

use std::fmt;
use std::path::PathBuf;

#[cfg(feature = "tls")]
use tokio_rustls::rustls::{self, pki_types::pem, server::VerifierBuilderError};

#[cfg(not(feature = "tls"))]
pub(super) use absent::{Acceptor, secured};
#[cfg(feature = "tls")]
pub(super) use accept::{Acceptor, secured};

/// By what somebody who serves is known, and whom he serves. What the files hold is in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// His certificate, and those between it and the one that others trust.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// Serves only whoever has a certificate that one of these has signed; without any, everybody.
    pub client_ca: Option<PathBuf>,
}

/// Whom a caller trusts, and by what he is known himself. What the files hold is in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// Trusts whoever has a certificate that one of these has signed.
    pub ca: PathBuf,
    /// His own certificate and its key.
    pub identity: Option<Identity>,
    /// The name that the other side's certificate has to be for; without it, the host of the address, and `localhost` at
    /// the socket of a file system.
    pub server_name: Option<String>,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, and those between it and the one that others trust.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
}

// Where they lie is configured, and what is configured by mistake may be a secret.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(…)")
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls(…)")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Why connections cannot be encrypted. No name of a file is told: what was configured by mistake may be a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadTls {
    #[cfg(not(feature = "tls"))]
    #[error("encryption is not built into this program: that is the feature `tls`")]
    NotBuiltIn,
    #[cfg(feature = "tls")]
    #[error("{what} cannot be read: {source}")]
    Unreadable { what: &'static str, source: pem::Error },
    #[cfg(feature = "tls")]
    #[error("{what} holds no certificate")]
    Empty { what: &'static str },
    #[cfg(feature = "tls")]
    #[error("the certificates cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    #[cfg(feature = "tls")]
    #[error("the certificates of `client_ca` cannot be used: {0}")]
    UnusableCa(#[from] VerifierBuilderError),
    #[cfg(feature = "tls")]
    #[error("what the other side's certificate has to be for is no name of a host")]
    BadName,
}
