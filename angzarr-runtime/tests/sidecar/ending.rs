//! How it ends.

use std::os::unix::net::UnixStream;

use crate::calling::{begin, call, head, serving};
use crate::process::Place;
use crate::ready::{NOT_SERVING, SERVING, health};

/// A call that has begun and does not end: more of its body is announced than comes.
fn unfinished(place: &Place) -> UnixStream {
    let mut stream = begin(place, "angzarr.v1.EventQuery/GetEventBook", 100, "expect: 100-continue\r\n");
    // It is asked for more, so it is at work.
    assert!(head(&mut stream).starts_with("http/1.1 100"));
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
    let _call = unfinished(&place);
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
    let _call = unfinished(&place);
    sidecar.signal("TERM");
    sidecar.logs("asked to end").await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(4), "{}", sidecar.log());
    assert!(sidecar.log().contains("asked to end again"), "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_while_it_says_that_it_ends() {
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = serving(&place, "drain: { notice: 1h }").await;
    assert_eq!(health(&place, ""), Some(SERVING));
    sidecar.signal("TERM");
    sidecar.logs("asked to end").await;
    while health(&place, "") != Some(NOT_SERVING) {
        tokio::task::yield_now().await;
    }
    assert_eq!(health(&place, "store"), Some(SERVING));
    let (_call, answer) = call(&place, "angzarr.v1.Admin/ListConsumers");
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("grpc-status"), "{answer}");
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(4), "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_ended() {
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = serving(&place, "drain: { calls: 1h }").await;
    let (_subscription, answer) = call(&place, "angzarr.v1.EventQuery/Subscribe");
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("grpc-status"), "{answer}");
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(0), "{}", sidecar.log());
}
