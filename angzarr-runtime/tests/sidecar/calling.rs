//! Calls by hand: gRPC over HTTP/1, which is enough for one message each way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::process::{Place, Sidecar};

/// Starts one that serves at the socket `api`.
pub(crate) async fn serving(place: &Place, more: &str) -> Sidecar {
    let mut sidecar = place.start(&format!("listen: {{ address: \"{}\" }}\n{more}", place.socket("api")));
    sidecar.accepts(&place.path("api")).await;
    sidecar
}

/// Begins a call: the head of its request, for a body of so many bytes.
pub(crate) fn begin(place: &Place, rpc: &str, length: usize, more: &str) -> UnixStream {
    let mut stream = UnixStream::connect(place.path("api")).unwrap();
    let head = format!(
        "POST /{rpc} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\n\
         content-length: {length}\r\n{more}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// A call with an empty message; the head of its answer, in small letters.
pub(crate) fn call(place: &Place, rpc: &str) -> (UnixStream, String) {
    let mut stream = begin(place, rpc, 5, "");
    stream.write_all(&[0; 5]).unwrap();
    let head = head(&mut stream);
    (stream, head)
}

pub(crate) fn head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}
