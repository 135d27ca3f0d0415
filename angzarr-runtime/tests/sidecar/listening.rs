//! Where it listens: nowhere but where it was told to.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;

use crate::process::{Place, Sidecar, own_address};

#[tokio::test(flavor = "multi_thread")]
async fn only_loopback_is_listened_at() {
    let place = Place::new();
    let _service = place.serve();
    let address = own_address();
    let mut sidecar = place.start(&format!("listen: {{ address: {address} }}"));
    sidecar.logs("serving").await;
    while std::net::TcpStream::connect(address).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(listening(&sidecar), BTreeSet::from([address.to_string()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_socket_is_listened_at() {
    let place = Place::new();
    let _service = place.serve();
    let mut sidecar = place.start(&format!("listen: {{ address: \"{}\" }}", place.socket("api")));
    sidecar.accepts(&place.path("api")).await;
    assert_eq!(listening(&sidecar), BTreeSet::new());
}

/// Addresses that a process listens at, by the kernel's own list.
pub(crate) fn listening(sidecar: &Sidecar) -> BTreeSet<String> {
    let process = format!("/proc/{}", sidecar.id());
    let descriptors = fs::read_dir(format!("{process}/fd")).unwrap();
    let sockets: BTreeSet<String> = descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    assert!(!sockets.is_empty(), "a program that serves has sockets");
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        let rows = fs::read_to_string(format!("{process}/net/{table}")).unwrap();
        for row in rows.lines().skip(1) {
            let columns: Vec<_> = row.split_whitespace().collect();
            // 0A is LISTEN; the tenth column is the socket.
            if columns[3] == "0A" && sockets.contains(columns[9]) {
                found.insert(address(columns[1]));
            }
        }
    }
    found
}

/// `0100007F:C382` → `127.0.0.1:50050`; an address of version 6 stays as it is.
fn address(text: &str) -> String {
    let (host, port) = text.split_once(':').unwrap();
    let port = u16::from_str_radix(port, 16).unwrap();
    match u32::from_str_radix(host, 16) {
        Ok(host) => format!("{}:{port}", Ipv4Addr::from(host.to_ne_bytes())),
        Err(_) => format!("[{host}]:{port}"),
    }
}
