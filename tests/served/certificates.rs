//! An authority, and those whose certificates it has signed.

use std::path::{Path, PathBuf};

use angzarr_runtime::transport::{ClientTls, Identity, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority whose certificate is in a folder.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) certificate: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Without a name of its own, it would be taken for the one that it signs.
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let certificate = folder.join("ca.pem");
        std::fs::write(&certificate, issuer.pem()).unwrap();
        Self { folder: folder.to_owned(), issuer, certificate }
    }

    /// Writes a certificate for `localhost` that it has signed, and its key.
    pub(crate) fn sign(&self, owner: &str) -> Identity {
        let file = |name: String| self.folder.join(name);
        let own = Identity { certificate: file(format!("{owner}.pem")), key: file(format!("{owner}-key.pem")) };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        std::fs::write(&own.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&own.key, key.serialize_pem()).unwrap();
        own
    }

    /// For those who let in only whom it has signed.
    pub(crate) fn server(&self, own: &Identity) -> ServerTls {
        let Identity { certificate, key } = own.clone();
        ServerTls { certificate, key, client_ca: Some(self.certificate.clone()) }
    }

    pub(crate) fn client(&self, identity: Option<Identity>) -> ClientTls {
        ClientTls { ca: self.certificate.clone(), identity, server_name: None }
    }
}
