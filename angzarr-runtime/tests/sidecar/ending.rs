//! How it ends.

use std::io::Write;
use std::os::unix::net::UnixStream;

use crate::process::{Place, Sidecar};

/// Starts one that serves at the socket `api`.
async fn serving(place: &Place, more: &str) -> Sidecar {
    let mut sidecar = place.start(&format!("listen: {{ address: \"{}\" }}\n{more}", place.socket("api")));
    sidecar.accepts(&place.path("api")).await;
    sidecar
}

/// A call that has begun and does not end: more of its body is announced than comes.
fn call(place: &Place) -> UnixStream {
    let mut stream = UnixStream::connect(place.path("api")).unwrap();
    let head = "POST /angzarr.v1.EventQuery/GetEventBook HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/grpc\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // It is asked for more, so it is at work.
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_asked_to() {
    for name in ["TERM", "INT"] {
        let place = Place::new();
        let _service = place.serve();
        let mut sidecar = serving(&place, "log: { format: json }").await;
        sidecar.signal(name);
        assert_eq!(sidecar.ends().await, Some(0), "{}", sidecar.log());
        assert!(!place.path("log.db-wal").exists(), "the storage is closed");
        for line in sidecar.log().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_do_not_end_are_cut_off() {
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = serving(&place, "drain: { calls: 100ms }").await;
    let _call = call(&place);
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(4), "{}", sidecar.log());
    assert!(sidecar.log().contains("calls are cut off"), "{}", sidecar.log());
    assert!(!place.path("log.db-wal").exists(), "the storage is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_twice_does_not_wait() {
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = serving(&place, "drain: { calls: 1h }").await;
    let _call = call(&place);
    sidecar.signal("TERM");
    sidecar.logs("asked to end").await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(4), "{}", sidecar.log());
    assert!(sidecar.log().contains("asked to end again"), "{}", sidecar.log());
}
