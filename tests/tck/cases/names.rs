//! Aggregates under their own names.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use angzarr_tests::tck::v1::{Choose, Noted, Recorded};
use tonic::{Code, Request};

use crate::calls::{note, told};
use crate::place::{FACT_TOKEN, Place};

pub(super) async fn an_aggregate_is_called_by_its_name(place: &mut Place) {
    let id = "names/grpc";
    let mut request = Request::new(Choose { script: id.into(), happening: Some(note("a")) });
    request.metadata_mut().insert("angzarr-correlation-id", "names".parse().unwrap());
    let answer = place.call::<_, angzarr_tests::tck::v1::Happening>("/tck.v1.app.Scripts/Pick", request).await.unwrap();
    assert_eq!(answer.metadata().get("angzarr-correlation-id").unwrap(), "names");
    assert_eq!(answer.into_inner(), note("a"));
    assert_eq!(place.script(id).await.texts, ["a"]);
}

pub(super) async fn an_aggregate_is_called_with_json(place: &mut Place) {
    let id = "names/json";
    let body = r#"{"script": "names/json", "happening": {"noted": {"text": "a"}}}"#;
    let request = format!(
        "POST /tck.v1.app.Scripts/Pick HTTP/1.1\r\nhost: tck\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let socket = place.api().to_owned();
    let exchange = tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = exchange.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(r#"{"noted":{"text":"a"}}"#), "{answer}");
    assert_eq!(place.script(id).await.texts, ["a"]);
}

pub(super) async fn facts_are_taken_with_the_token(place: &mut Place) {
    let id = "names/facts";
    let fact = Recorded { script: id.into(), reference: "bank-1".into(), text: "told".into(), ..Recorded::default() };
    let path = "/tck.v1.app.Scripts/Record";
    let mut request = Request::new(fact.clone());
    let status = place.call::<_, Noted>(path, Request::new(fact)).await.unwrap_err();
    assert_eq!(told(&status).0, Code::Unauthenticated);
    request.metadata_mut().insert("authorization", format!("Bearer {FACT_TOKEN}").parse().unwrap());
    // The rpc is a stream; what comes first is enough, and here there is nothing.
    let streamed = place.call_streaming::<_, angzarr_tests::tck::v1::Happening>(path, request).await.unwrap();
    assert_eq!(streamed, []);
    assert_eq!(place.script(id).await.texts, ["told"]);
}
