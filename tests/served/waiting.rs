//! What callers are told of whom they waited for.

use shop::orders::v1::{OrderPlacedV2, PlaceOrder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Request, Response};

use angzarr_runtime::component::Delivery;
use angzarr_runtime::proto::projector_handle_response::Outcome;
use angzarr_runtime::proto::{self, SyncMode};
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;

use crate::commands::order;
use crate::place::Place;
use crate::scripted::{BOARD, Does, Script, Service};

async fn place(script: Script) -> (Place, Service) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), script);
    let remote = service.remote().await;
    let once = Delivery { attempts: 1, ..Delivery::DEFAULT };
    (Place::before(remote, folder, |app| app.delivery(BOARD, once)).await, service)
}

/// Places an order and waits for the board; the caller's own time is in the header, so that it stays for the answer.
async fn placed(place: &Place, timeout: &'static str) -> Response<OrderPlacedV2> {
    let mut grpc = tonic::client::Grpc::new(place.channel.clone());
    grpc.ready().await.unwrap();
    let mut request = Request::new(PlaceOrder { order_id: "1".into(), sku: "kettle".into(), quantity: 1 });
    request.metadata_mut().insert("angzarr-sync-mode", "simple".parse().unwrap());
    request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
    let path = PathAndQuery::from_static("/shop.orders.v1.app.Orders/Place");
    grpc.unary(request, path, tonic_prost::ProstCodec::default()).await.unwrap()
}

fn said<'a, T>(answer: &'a Response<T>, name: &str) -> Option<&'a str> {
    Some(answer.metadata().get(name)?.to_str().unwrap())
}

#[tokio::test]
async fn who_is_done_is_told() {
    let (place, _service) = place(Script::new()).await;
    let answer = placed(&place, "1H").await;
    assert_eq!(said(&answer, "angzarr-waited-for"), Some(BOARD));
    assert_eq!((said(&answer, "angzarr-awaited"), said(&answer, "angzarr-failure")), (None, None));
}

#[tokio::test]
async fn who_failed_is_told() {
    let script = Script::new().project(|_| {
        let failure = proto::Failure { code: "INK_IS_OUT".into(), message: "böse".into() };
        Does::Answers(Some(Outcome::Failure(failure)))
    });
    let (place, _service) = place(script).await;
    let answer = placed(&place, "1H").await;
    assert_eq!(said(&answer, "angzarr-sequence"), Some("1"), "the event is stored all the same");
    assert_eq!(said(&answer, "angzarr-failure"), Some(&*format!("{BOARD} INK_IS_OUT: b?se")));
}

#[tokio::test]
async fn a_caller_who_goes_soon_is_told_who_is_awaited() {
    let (place, _service) = place(Script::new().project(|_| Does::Hangs)).await;
    let answer = placed(&place, "4S").await;
    assert_eq!(said(&answer, "angzarr-awaited"), Some(BOARD));
    assert_eq!(said(&answer, "angzarr-waited-for"), None);
    assert!(said(&answer, "angzarr-failure").unwrap().starts_with(&format!("{BOARD} NOT_PASSED: ")));

    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    let waiting = proto::HandleSyncRequest {
        command: Some(order("2", 1)),
        sync_mode: SyncMode::Simple.into(),
        timeout: Some(angzarr_runtime::prost_types::Duration { seconds: 3600, nanos: 0 }),
    };
    let mut request = Request::new(waiting);
    request.metadata_mut().insert("grpc-timeout", "4S".parse().unwrap());
    let answer = client.handle_sync(request).await.unwrap().into_inner();
    assert_eq!((answer.waited_for, answer.awaited), (Vec::new(), vec![BOARD.to_owned()]));
}
