//! Services that are not there yet.

use crate::process::Place;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_comes_later_is_waited_for() {
    let place = Place::new();
    let mut sidecar = place.start(&format!("listen: {{ address: \"{}\" }}", place.socket("api")));
    sidecar.logs("waiting for the service").await;
    assert!(!place.path("api").exists(), "{}", sidecar.log());
    let _service = place.serve();
    sidecar.logs("found the service").await;
    sidecar.accepts(&place.path("api")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_can_be_ended() {
    let place = Place::new();
    let mut sidecar = place.start("");
    sidecar.logs("waiting for the service").await;
    sidecar.signal("TERM");
    assert_eq!(sidecar.ends().await, Some(0));
    assert!(!place.path("log.db-wal").exists(), "the storage is closed");
}
