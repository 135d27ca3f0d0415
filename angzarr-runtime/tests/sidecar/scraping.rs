//! What Prometheus reads.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::calling::{call, serving};
use crate::process::Place;

/// What is shown at a socket: the head of the answer, and its body.
fn scrape(socket: &Path) -> (String, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// Samples by their names and labels, checked line by line.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut family) = (BTreeMap::new(), String::new());
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(told) = line.strip_prefix("# TYPE ") {
            let (name, kind) = told.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            family = name.to_owned();
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            assert!(is_name(bare) && bare.starts_with(&family), "{line} in {family}");
            samples.insert(name.to_owned(), value.parse().unwrap());
        }
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_what_is_measured() {
    let place = Place::new();
    let _service = place.serve();
    let shown = format!("telemetry: {{ prometheus: {{ address: \"{}\" }} }}", place.socket("metrics"));
    let _sidecar = serving(&place, &shown).await;
    let (_stream, answer) = call(&place, "angzarr.v1.BusinessCoordinator/Handle");
    assert!(answer.contains("grpc-status: 3\r\n"), "{answer}");
    let (_subscription, _) = call(&place, "angzarr.v1.EventQuery/Subscribe");

    let (head, body) = scrape(&place.path("metrics"));
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let samples = parsed(&body);
    let refused = r#"angzarr_call_failures_total{service="angzarr.v1.BusinessCoordinator",code="COVER_MISSING"}"#;
    assert_eq!(samples.get(refused), Some(&1.0), "{body}");
    assert_eq!(samples.get("angzarr_stream_open"), Some(&1.0), "{body}");
    assert_eq!(samples.get("angzarr_call_open"), Some(&0.0), "{body}");
    assert_eq!(samples.get("angzarr_log_position"), Some(&0.0), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_for_prometheus_unless_it_is_said() {
    let place = Place::new();
    let _service = place.serve();
    let _sidecar = serving(&place, "").await;
    assert!(!place.path("metrics").exists());
}
