//! A service in Python and a runtime that show each other who they are.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use angzarr_runtime::Error;
use angzarr_runtime::transport::{Address, Identity, Remote, Target};

use crate::certificates::Authority;
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

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(address: &Address, authority: &Authority, identity: Option<Identity>) -> Result<Remote, Error> {
    Remote::connect(&Target { address: address.clone(), tls: Some(authority.client(identity)) }).await
}

#[tokio::test]
async fn a_python_service_shows_who_it_is_and_asks_for_the_same() {
    let folder = tempfile::tempdir().unwrap();
    python::write_shop(folder.path());
    let authority = Authority::new(folder.path());
    authority.sign("service");
    let runtime = authority.sign("runtime");
    let address = Address::Unix(folder.path().join("shop.sock"));
    let mut command = Command::new(python::interpreter());
    command.current_dir(folder.path()).args(["-c", SERVE, &address.to_string()]);
    let _service = Process(command.spawn().unwrap());

    let began = Instant::now();
    let remote = loop {
        match connect(&address, &authority, Some(runtime.clone())).await {
            Ok(remote) => break remote,
            Err(error) => assert!(error.retryable() && began.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!remote.components().is_empty());
    assert!(connect(&address, &authority, None).await.is_err(), "without a certificate");
    assert!(Remote::connect(&address).await.is_err(), "not encrypted");
}
