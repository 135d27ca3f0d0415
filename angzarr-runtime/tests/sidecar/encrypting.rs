//! Connections that are encrypted, of callers and to services.

use std::path::PathBuf;
use std::sync::Arc;

use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::{ClientTls, Identity, ServerTls, Target};
use angzarr_runtime::{Error, proto};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::process::{Place, Sidecar, own_address};

/// Somebody who signs certificates; his own lies in the file `NAME-ca.pem`.
struct Authority<'a> {
    place: &'a Place,
    name: &'static str,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl<'a> Authority<'a> {
    fn new(place: &'a Place, name: &'static str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(place.path(&format!("{name}-ca.pem")), issuer.pem()).unwrap();
        Self { place, name, issuer }
    }

    fn ca(&self) -> PathBuf {
        self.place.path(&format!("{}-ca.pem", self.name))
    }

    /// Signs a certificate for this machine into these two files.
    fn sign(&self, owner: &str) -> Identity {
        let file = |kind: &str| self.place.path(&format!("{owner}-{kind}.pem"));
        let own = Identity { certificate: file("certificate"), key: file("key") };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&own.certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(&own.key, key.serialize_pem()).unwrap();
        own
    }

    /// Callers that trust this one.
    fn trusting(&self, identity: Option<Identity>) -> ClientTls {
        ClientTls { ca: self.ca(), identity, server_name: Some("localhost".into()) }
    }
}

/// Starts one that shows the certificate of `server`, and takes callers whom `callers` has signed.
async fn serving(place: &Place, server: &Identity, callers: &Authority<'_>) -> (Sidecar, Target) {
    let address = own_address();
    let (certificate, key, ca) = (server.certificate.display(), server.key.display(), callers.ca());
    let mut sidecar = place.start(&format!(
        "listen: {{ address: {address}, tls: {{ certificate: {certificate}, key: {key}, client_ca: {} }} }}",
        ca.display()
    ));
    sidecar.logs("serving").await;
    while std::net::TcpStream::connect(address).is_err() {
        tokio::task::yield_now().await;
    }
    (sidecar, Target { address: address.to_string().parse().unwrap(), tls: None })
}

/// Calls, by a new connection; whether there was an answer.
async fn answers(target: &Target, tls: ClientTls) -> bool {
    let target = Target { tls: Some(tls), ..target.clone() };
    let mut client = AdminClient::new(target.channel().unwrap());
    client.list_consumers(proto::ListConsumersRequest {}).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_show_who_they_are() {
    let place = Place::new();
    let _service = place.serve();
    let (ours, theirs) = (Authority::new(&place, "ours"), Authority::new(&place, "theirs"));
    let server = ours.sign("server");
    let (mut sidecar, target) = serving(&place, &server, &ours).await;

    let (known, unknown) = (ours.sign("known"), theirs.sign("unknown"));
    assert!(answers(&target, ours.trusting(Some(known.clone()))).await, "{}", sidecar.log());
    assert!(!answers(&target, ours.trusting(None)).await, "without a certificate");
    assert!(!answers(&target, ours.trusting(Some(unknown))).await, "signed by somebody else");
    assert!(!answers(&target, theirs.trusting(Some(known.clone()))).await, "the caller trusts somebody else");
    let other_name = ClientTls { server_name: Some("orders.test".into()), ..ours.trusting(Some(known)) };
    assert!(!answers(&target, other_name).await, "the certificate is for another name");
    let mut plain = AdminClient::new(target.channel().unwrap());
    assert!(plain.list_consumers(proto::ListConsumersRequest {}).await.is_err(), "not encrypted");
    sidecar.logs("a connection was not encrypted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_while_it_runs() {
    let place = Place::new();
    let _service = place.serve();
    let (before, after) = (Authority::new(&place, "before"), Authority::new(&place, "after"));
    let server = before.sign("server");
    let (mut sidecar, target) = serving(&place, &server, &before).await;
    let known = before.sign("known");
    assert!(answers(&target, before.trusting(Some(known.clone()))).await);

    std::fs::write(&server.key, "no key").unwrap();
    assert!(answers(&target, before.trusting(Some(known.clone()))).await, "what cannot be used is not");
    sidecar.logs("the new certificates are not used").await;
    assert_eq!(after.sign("server"), server);
    assert!(answers(&target, after.trusting(Some(known.clone()))).await, "{}", sidecar.log());
    assert!(!answers(&target, before.trusting(Some(known))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_sidecars_show_each_other_who_they_are() {
    let place = Place::new();
    let (ours, theirs) = (Authority::new(&place, "ours"), Authority::new(&place, "theirs"));
    let (service, sidecars) = (ours.sign("service"), ours.sign("sidecar"));
    let serve = |client_ca: PathBuf| {
        let tls = ServerTls {
            certificate: service.certificate.clone(),
            key: service.key.clone(),
            client_ca: Some(client_ca),
        };
        place.serve_with(|service| service.tls(tls))
    };
    let started = |ca: PathBuf| {
        let (certificate, key) = (sidecars.certificate.display(), sidecars.key.display());
        let tls = format!("tls: {{ ca: {}, certificate: {certificate}, key: {key} }}", ca.display());
        place.start_with(&tls, &format!("listen: {{ address: \"{}\" }}", place.socket("api")), &[])
    };
    let serving = serve(ours.ca());
    let mut distrusting = started(theirs.ca());
    distrusting.logs("waiting for the service").await;
    drop(distrusting);
    let mut sidecar = started(ours.ca());
    sidecar.accepts(&place.path("api")).await;
    drop(sidecar);

    serving.abort();
    let _ = serving.await;
    let _serving = serve(theirs.ca());
    let mut unwelcome = started(ours.ca());
    unwelcome.logs("waiting for the service").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_http_1_is_answered_too() {
    let place = Place::new();
    let _service = place.serve();
    let ours = Authority::new(&place, "ours");
    let (server, known) = (ours.sign("server"), ours.sign("known"));
    let (_sidecar, target) = serving(&place, &server, &ours).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ours.ca()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let chain = vec![CertificateDer::from_pem_file(&known.certificate).unwrap()];
    let mut config = builder.with_client_auth_cert(chain, PemObject::from_pem_file(&known.key).unwrap()).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let connection = tokio::net::TcpStream::connect(target.address.to_string()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, connection).await.unwrap();
    stream
        .write_all(b"POST /shop.Nobody/Knows HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    // Whoever is asked to close may do so without a farewell.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_cannot_be_read_end_it_with_1() {
    let place = Place::new();
    let _service = place.serve();
    let missing = place.path("none.pem");
    let tls = format!("tls: {{ certificate: {0}, key: {0} }}", missing.display());
    let mut sidecar = place.start(&format!("listen: {{ address: {}, {tls} }}", own_address()));
    assert_eq!(sidecar.ends().await, Some(1));
    assert!(sidecar.log().contains("`certificate` cannot be read"), "{}", sidecar.log());
    assert!(!sidecar.log().contains("none.pem"), "{}", sidecar.log());

    let ca = ClientTls { ca: missing, identity: None, server_name: None };
    let target = Target { address: place.socket("service"), tls: Some(ca) };
    let error = angzarr_runtime::transport::Remote::connect(&target).await.unwrap_err();
    assert!(matches!(&error, Error::Setup(text) if text.contains("`ca` cannot be read")), "{error}");
}
