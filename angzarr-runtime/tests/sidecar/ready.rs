//! Whether it says that it is ready, and what is missing.

use std::io::{Read, Write};
use std::path::Path;

use crate::calling::{begin, head, serving};
use crate::process::Place;

pub(crate) const SERVING: u8 = 1;
pub(crate) const NOT_SERVING: u8 = 2;

/// What is said of a part; none if it is not known.
pub(crate) fn health(place: &Place, part: &str) -> Option<u8> {
    let length = u8::try_from(part.len()).unwrap();
    let message = if part.is_empty() { Vec::new() } else { [&[0x0a, length], part.as_bytes()].concat() };
    let framed = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], &*message].concat();
    let mut stream = begin(place, "grpc.health.v1.Health/Check", framed.len(), "connection: close\r\n");
    stream.write_all(&framed).unwrap();
    let head = head(&mut stream);
    let mut body = Vec::new();
    stream.read_to_end(&mut body).unwrap();
    if head.contains("grpc-status: 5\r\n") {
        return None;
    }
    // Field 1 of a message of two bytes, in a frame.
    let at = body.windows(6).position(|window| window == [0, 0, 0, 0, 2, 0x08]);
    assert!(at.is_some(), "{head}");
    Some(body[at.unwrap() + 6])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_said() {
    let place = Place::new();
    let service = place.serve();
    let _sidecar = serving(&place, "").await;
    for part in ["", "store", "service", "bus"] {
        assert_eq!(health(&place, part), Some(SERVING), "{part}");
    }
    assert_eq!(health(&place, "nonsense"), None);

    service.abort();
    let _ = service.await;
    std::fs::remove_file(Path::new(&place.path("service"))).unwrap();
    for (part, expected) in [("", NOT_SERVING), ("store", SERVING), ("service", NOT_SERVING), ("bus", SERVING)] {
        assert_eq!(health(&place, part), Some(expected), "{part}");
    }
    let _service = place.serve();
    while health(&place, "") != Some(SERVING) {
        tokio::task::yield_now().await;
    }
}
