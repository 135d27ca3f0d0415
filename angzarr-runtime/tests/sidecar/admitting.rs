//! Who may call.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::calling::{begin, head, serving};
use crate::listening::listening;
use crate::process::Place;
use crate::ready::{SERVING, health};

const TOKEN: &str = "what callers have";
const ADMIN: &str = "what operators have";

/// The status of a call with this token: 0 if there was an answer.
fn status(place: &Place, rpc: &str, token: Option<&str>) -> u32 {
    let sent = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let mut stream = begin(place, rpc, 5, &sent);
    // Whoever is refused has his answer before that.
    let _ = stream.write_all(&[0; 5]);
    told(&head(&mut stream))
}

fn told(head: &str) -> u32 {
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let status = head.split("grpc-status: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    status.map_or(0, |status| status.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_is_opened_by_its_token() {
    const UNAUTHENTICATED: u32 = 16;
    const INVALID_ARGUMENT: u32 = 3;
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = serving(&place, &format!("access: {{ token: {TOKEN}, admin_token: {ADMIN} }}")).await;
    let callers = [
        ("angzarr.v1.BusinessCoordinator/Handle", INVALID_ARGUMENT),
        ("angzarr.v1.CommandGateway/ExecuteStream", INVALID_ARGUMENT),
        ("angzarr.v1.EventQuery/GetState", INVALID_ARGUMENT),
        ("angzarr.v1.EventQuery/Subscribe", 0),
    ];
    for (rpc, answered) in callers {
        assert_eq!(status(&place, rpc, Some(TOKEN)), answered, "{rpc}");
        for token in [None, Some(ADMIN), Some("what callers hav")] {
            assert_eq!(status(&place, rpc, token), UNAUTHENTICATED, "{rpc}: {token:?}");
        }
    }
    let admin = "angzarr.v1.Admin/ListConsumers";
    assert_eq!(status(&place, admin, Some(ADMIN)), 0);
    for token in [None, Some(TOKEN)] {
        assert_eq!(status(&place, admin, token), UNAUTHENTICATED, "{token:?}");
    }
    let reflection = "grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    assert_eq!(status(&place, reflection, None), UNAUTHENTICATED);
    for token in [TOKEN, ADMIN] {
        assert_eq!(status(&place, reflection, Some(token)), 0, "{token}");
    }
    assert_eq!(health(&place, ""), Some(SERVING));
    sidecar.signal("TERM");
    sidecar.ends().await;
    assert!(!sidecar.log().contains("have"), "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_come_from_the_same_machine_unless_they_have_a_token() {
    const PERMISSION_DENIED: u32 = 7;
    let call = async |more: &str| {
        let place = Place::new();
        let _service = place.serve();
        let mut sidecar = place.start(&format!("listen: {{ address: 0.0.0.0:0, insecure: true }}\n{more}"));
        sidecar.logs("serving").await;
        let port = loop {
            if let Some(address) = listening(&sidecar).first() {
                break address.rsplit_once(':').unwrap().1.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let request = format!(
            "POST /angzarr.v1.Admin/ListConsumers HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\n\
             authorization: Bearer {ADMIN}\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"
        );
        stream.write_all(request.as_bytes()).unwrap();
        told(&head(&mut stream))
    };
    assert_eq!(call("").await, PERMISSION_DENIED);
    assert_eq!(call(&format!("access: {{ admin_token: {ADMIN} }}")).await, 0);
}
