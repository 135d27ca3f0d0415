//! A sidecar that asks who calls.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use angzarr_runtime::transport::{Address, Api, Limits, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::place::{angzarr, place, said};

/// A certificate for `localhost` that the authority has signed, and its key, as files.
fn signed(folder: &Path, issuer: &CertifiedIssuer<'_, KeyPair>, owner: &str) -> (PathBuf, PathBuf) {
    let [certificate, key] = ["pem", "key"].map(|kind| folder.join(format!("{owner}.{kind}")));
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    fs::write(&certificate, params.signed_by(&pair, issuer).unwrap().pem()).unwrap();
    fs::write(&key, pair.serialize_pem()).unwrap();
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_is_asked_by_whoever_shows_who_he_is() {
    let (place, folder) = (place().await, tempfile::tempdir().unwrap());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, issuer.pem()).unwrap();
    let (certificate, key) = signed(folder.path(), &issuer, "sidecar");
    let tls = ServerTls { certificate, key, client_ca: Some(ca.clone()) };
    let socket = folder.path().join("api");
    let (api, address) = (Api::new(place.app.clone(), Limits::default()).tls(tls), Address::Unix(socket.clone()));
    let listening = address.clone();
    tokio::spawn(async move { api.serve(&listening, std::future::pending()).await.unwrap() });
    while UnixStream::connect(&socket).is_err() {
        tokio::task::yield_now().await;
    }

    let (certificate, key) = signed(folder.path(), &issuer, "operator");
    let consumers = || {
        let mut command = angzarr();
        command.args(["consumers", "--address", &address.to_string()]);
        command
    };
    let known = said(consumers().arg("--ca").arg(&ca).arg("--cert").arg(&certificate).arg("--key").arg(&key));
    assert_eq!((known.code, &*known.err), (Some(0), ""));
    assert!(known.out.contains("shop.orders.v1.app.OrderBoard"), "{}", known.out);
    for nobody in [said(&mut consumers()), said(consumers().arg("--ca").arg(&ca))] {
        assert_eq!((nobody.code, &*nobody.out), (Some(3), ""), "{}", nobody.err);
    }
    let missing = said(consumers().arg("--ca").arg(folder.path().join("none.pem")));
    assert_eq!(missing.code, Some(2), "{}", missing.err);
    assert!(!missing.err.contains("none.pem"), "{}", missing.err);
    let alone = said(consumers().arg("--cert").arg(&certificate));
    assert_eq!(alone.code, Some(2), "{}", alone.err);
}
