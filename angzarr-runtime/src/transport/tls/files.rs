//! What the files hold.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::BadTls;

/// What others are signed by.
pub(super) fn roots(what: &'static str, file: &Path) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(what, file)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

pub(super) fn chain(what: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let unreadable = |source| BadTls::Unreadable { what, source };
    let certificates = CertificateDer::pem_file_iter(file).map_err(unreadable)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(unreadable)?;
    if certificates.is_empty() { Err(BadTls::Empty { what }) } else { Ok(certificates) }
}

pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    PrivateKeyDer::from_pem_file(file).map_err(|source| BadTls::Unreadable { what: "`key`", source })
}

/// The one that sqlx brings, too.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
