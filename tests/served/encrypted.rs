//! A service in Python and a runtime that show each other who they are.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use angzarr_runtime::Error;
use angzarr_runtime::transport::{Address, ClientTls, Identity, Remote, Target};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::python;

/// The shop, served to whoever has a certificate.
const SERVE: &str = r#"
import asyncio, pathlib, sys
import grpc
from shop.angzarr.server import serve
from rules import shop
ca, certificate, key = (pathlib.Path(name).read_bytes() for name in ("ca.pem", "service.pem", "service-key.pem"))
credentials = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
asyncio.run(serve(*shop(), address=sys.argv[1], credentials=credentials))
"#;

/// Longer than a service takes to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a certificate that the authority has signed, and its key.
fn sign(folder: &Path, issuer: &CertifiedIssuer<'_, KeyPair>, owner: &str) -> Identity {
    let file = |name: String| folder.join(name);
    let own = Identity { certificate: file(format!("{owner}.pem")), key: file(format!("{owner}-key.pem")) };
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    std::fs::write(&own.certificate, params.signed_by(&key, issuer).unwrap().pem()).unwrap();
    std::fs::write(&own.key, key.serialize_pem()).unwrap();
    own
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(address: &Address, ca: PathBuf, identity: Option<Identity>) -> Result<Remote, Error> {
    let tls = Some(ClientTls { ca, identity, server_name: None });
    Remote::connect(&Target { address: address.clone(), tls }).await
}

#[tokio::test]
async fn a_python_service_shows_who_it_is_and_asks_for_the_same() {
    let folder = tempfile::tempdir().unwrap();
    python::write_shop(folder.path());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // Without a name of its own, it would be taken for the one that it signs.
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, issuer.pem()).unwrap();
    sign(folder.path(), &issuer, "service");
    let runtime = sign(folder.path(), &issuer, "runtime");
    let address = Address::Unix(folder.path().join("shop.sock"));
    let mut command = Command::new(python::interpreter());
    command.current_dir(folder.path()).args(["-c", SERVE, &address.to_string()]);
    let _service = Process(command.spawn().unwrap());

    let began = Instant::now();
    let remote = loop {
        match connect(&address, ca.clone(), Some(runtime.clone())).await {
            Ok(remote) => break remote,
            Err(error) => assert!(error.retryable() && began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!remote.components().is_empty());
    assert!(connect(&address, ca, None).await.is_err(), "without a certificate");
    assert!(Remote::connect(&address).await.is_err(), "not encrypted");
}
