//! Commands by gRPC, and what they are answered with.

use angzarr_runtime::proto::{self, SyncMode};
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::command_gateway_client::CommandGatewayClient;
use shop::orders::v1::PlaceOrder;
use shop::stock::v1::ReceiveStock;
use tonic::Code;
use tonic_types::StatusExt;

use crate::place::{Place, book, events, place};

pub(crate) async fn deliver(place: &Place, quantity: u32) {
    let command = ReceiveStock { sku: "kettle".into(), quantity };
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    client.handle(book("stock", "kettle", &command)).await.unwrap();
}

pub(crate) fn order(id: &str, quantity: u32) -> proto::CommandBook {
    let command = PlaceOrder { order_id: id.into(), sku: "kettle".into(), quantity };
    book("orders", id, &command)
}

#[tokio::test]
async fn a_command_cascades_through_everything_that_is_served() {
    let place = place().await;
    deliver(&place, 10).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    let request =
        proto::HandleSyncRequest { command: Some(order("1", 2)), sync_mode: SyncMode::Cascade.into(), timeout: None };
    let answer = client.handle_sync(request).await.unwrap().into_inner();
    assert_eq!(events(&answer.events.unwrap()), ["OrderPlacedV2"]);
    assert_eq!(answer.failures, []);
    let caused: Vec<_> = answer.caused.iter().flat_map(events).collect();
    assert!(caused.contains(&"StockReserved".to_owned()), "the saga's command: {caused:?}");
    assert!(caused.contains(&"CommandsIssued".to_owned()), "the process manager's step: {caused:?}");
    assert!(answer.waited_for.contains(&"shop.orders.v1.app.OrderBoard".to_owned()), "{:?}", answer.waited_for);

    let row = place.app.view::<shop::orders::v1::OrderRow>().unwrap().get("1").await.unwrap().unwrap();
    assert_eq!(row.order_id, "1");
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let place = place().await;
    deliver(&place, 1).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    client.handle(order("1", 1)).await.unwrap();
    let told = |status: tonic::Status| (status.code(), status.get_details_error_info().unwrap().reason);

    let again = client.handle(order("1", 1)).await.unwrap_err();
    assert_eq!(told(again), (Code::FailedPrecondition, "ORDER_REJECTION_EXISTS".into()));
    let mut stale = order("1", 1);
    stale.pages[0].sequence = Some(7);
    let stale = client.handle(stale).await.unwrap_err();
    let info = stale.get_details_error_info().unwrap();
    assert_eq!((stale.code(), info.reason.as_str()), (Code::Aborted, "SEQUENCE_CONFLICT"));
    assert_eq!((info.metadata["expected"].as_str(), info.metadata["actual"].as_str()), ("7", "1"));
    let mut nowhere = order("1", 1);
    nowhere.cover.as_mut().unwrap().domain = "orrders".into();
    assert_eq!(told(client.handle(nowhere).await.unwrap_err()), (Code::NotFound, "DOMAIN_UNKNOWN".into()));
    let empty = client.handle(proto::CommandBook::default()).await.unwrap_err();
    assert_eq!(told(empty), (Code::InvalidArgument, "COVER_MISSING".into()));
    let mut garbage = order("2", 1);
    garbage.pages[0].command.as_mut().unwrap().value = b"\xff\xff".to_vec();
    assert_eq!(told(client.handle(garbage).await.unwrap_err()), (Code::InvalidArgument, "PAYLOAD_MALFORMED".into()));
    let mut past = order("2", 1);
    past.deadline = Some(prost_types(1));
    assert_eq!(told(client.handle(past).await.unwrap_err()).0, Code::DeadlineExceeded);
}

fn prost_types(seconds: i64) -> angzarr_runtime::prost_types::Timestamp {
    angzarr_runtime::prost_types::Timestamp { seconds, nanos: 0 }
}

#[tokio::test]
async fn a_key_gets_the_same_answer_again() {
    let place = place().await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    let mut keyed = order("1", 1);
    keyed.idempotency_key = "web-1".into();
    let first = client.handle(keyed.clone()).await.unwrap().into_inner();
    let again = client.handle(keyed).await.unwrap().into_inner();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(again.events, first.events);
}

#[tokio::test]
async fn the_gateway_streams_what_follows() {
    let place = place().await;
    deliver(&place, 10).await;
    let mut client = CommandGatewayClient::new(place.channel.clone());
    let request = proto::ExecuteStreamCountRequest { command: Some(order("1", 2)), count: 3 };
    let mut stream = client.execute_stream_response_count(request).await.unwrap().into_inner();
    let mut names = Vec::new();
    while let Some(book) = stream.message().await.unwrap() {
        names.push(events(&book));
    }
    assert_eq!(names.len(), 3);
    assert_eq!(names[0], ["OrderPlacedV2"]);
    let refused = client.execute_stream(order("1", 2)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}
