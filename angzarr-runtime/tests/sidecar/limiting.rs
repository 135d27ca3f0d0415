//! What callers may ask for at a time.

use std::io::Write;

use crate::calling::{begin, call, head, serving};
use crate::process::Place;

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_limit_are_refused() {
    let place = Place::new();
    let _service = place.serve();
    let _sidecar = serving(&place, "limits: { streams: 1 }").await;
    let (one, answer) = call(&place, "angzarr.v1.EventQuery/Subscribe");
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("grpc-status"), "{answer}");
    let (_other, answer) = call(&place, "angzarr.v1.EventQuery/Subscribe");
    assert!(answer.contains("grpc-status: 8\r\n"), "{answer}");
    drop(one);
    while call(&place, "angzarr.v1.EventQuery/Subscribe").1.contains("grpc-status") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_there_is_no_memory_for_are_refused() {
    const BYTES: usize = 700;
    let place = Place::new();
    let _service = place.serve();
    let _sidecar = serving(&place, "limits: { message_size: 1KiB, memory: 2KiB }").await;
    let refused = || {
        let mut stream = begin(&place, "angzarr.v1.EventQuery/GetState", 5 + BYTES, "");
        stream.write_all(&[&[0, 0, 0, 2, 188], &[0xff; BYTES][..]].concat()).unwrap();
        let answer = head(&mut stream);
        assert!(answer.contains("grpc-status"), "it makes no sense: {answer}");
        answer.contains("grpc-status: 8\r\n")
    };
    // It lacks its last byte, so it is at work.
    let mut other = begin(&place, "angzarr.v1.EventQuery/GetState", 5 + BYTES, "");
    other.write_all(&[&[0, 0, 0, 2, 188], &[0; BYTES - 1][..]].concat()).unwrap();
    while !refused() {
        tokio::task::yield_now().await;
    }
    drop(other);
    while refused() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn larger_messages_are_refused() {
    let place = Place::new();
    let _service = place.serve();
    let _sidecar = serving(&place, "limits: { message_size: 1KiB }").await;
    for rpc in [
        "angzarr.v1.BusinessCoordinator/Handle",
        "angzarr.v1.CommandGateway/ExecuteStream",
        "angzarr.v1.ProjectorCoordinator/HandleSync",
        "angzarr.v1.SagaCoordinator/HandleSync",
        "angzarr.v1.ProcessManagerCoordinator/HandleSync",
        "angzarr.v1.EventQuery/GetState",
        "angzarr.v1.Admin/PauseConsumer",
    ] {
        let mut stream = begin(&place, rpc, 5 + 1025, "");
        // What it announces is enough: it is answered, and nothing more is read.
        stream.write_all(&[0, 0, 0, 4, 1]).unwrap();
        let answer = head(&mut stream);
        assert!(answer.contains("grpc-status: 11\r\n"), "{rpc}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_watch_the_health_are_limited_by_themselves() {
    let place = Place::new();
    let _service = place.serve();
    let _sidecar = serving(&place, "limits: { streams: 1 }").await;
    let (_one, answer) = call(&place, "grpc.health.v1.Health/Watch");
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("grpc-status"), "{answer}");
    let (_other, answer) = call(&place, "grpc.health.v1.Health/Watch");
    assert!(answer.contains("grpc-status: 8\r\n"), "{answer}");
    let (_subscription, answer) = call(&place, "angzarr.v1.EventQuery/Subscribe");
    assert!(answer.starts_with("http/1.1 200") && !answer.contains("grpc-status"), "{answer}");
}
