//! Connections that are encrypted, by TLS 1.3.
//!
//! Files are read again when they have changed, so that certificates may be replaced while programs run.

mod accept;
mod connect;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::VerifierBuilderError;
use tokio_rustls::rustls::{Error as TlsError, RootCertStore};

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
    #[error("{what} cannot be read: {source}")]
    Unreadable { what: &'static str, source: PemError },
    #[error("{what} holds no certificate")]
    Empty { what: &'static str },
    #[error("the certificates cannot be used: {0}")]
    Unusable(#[from] TlsError),
    #[error("the certificates of `client_ca` cannot be used: {0}")]
    UnusableCa(#[from] VerifierBuilderError),
    #[error("what the other side's certificate has to be for is no name of a host")]
    BadName,
}

/// What others are signed by.
fn roots(what: &'static str, file: &Path) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(what, file)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn chain(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let unreadable = |source| BadTls::Unreadable { what, source };
    let certificates = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() { Err(BadTls::Empty { what }) } else { Ok(certificates) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    PrivateKeyDer::from_pem_file(file).map_err(|source| BadTls::Unreadable { what: "`key`", source })
}

/// The one that sqlx brings, too.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
