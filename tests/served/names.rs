//! Aggregates under their own names.

use std::io::{Read, Write};
use std::net::TcpStream;

use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::Any;
use angzarr_runtime::proto::SubscribeRequest;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use shop::orders::v1::{OrderPlacedV2, PlaceOrder};
use shop::payments::v1::{PaymentCaptured, PaymentReceived};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};

use crate::commands::{deliver, order};
use crate::place::{Place, TOKEN, events, place};

/// Calls an rpc as a generated client would.
async fn call<Q, A>(place: &Place, path: &'static str, request: Request<Q>) -> Result<tonic::Response<A>, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut grpc = tonic::client::Grpc::new(place.channel.clone());
    grpc.ready().await.unwrap();
    grpc.unary(request, PathAndQuery::from_static(path), tonic_prost::ProstCodec::default()).await
}

#[tokio::test]
async fn a_call_goes_on_in_its_trace() {
    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let place = place().await;
    deliver(&place, 9).await;
    let traced = |order_id: &str, traceparent: &str| {
        let mut request = Request::new(PlaceOrder { order_id: order_id.into(), sku: "kettle".into(), quantity: 2 });
        request.metadata_mut().insert("angzarr-correlation-id", order_id.parse().unwrap());
        request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
        request
    };
    let path = "/shop.orders.v1.app.Orders/Place";
    call::<_, OrderPlacedV2>(&place, path, traced("1", GIVEN)).await.unwrap();
    call::<_, OrderPlacedV2>(&place, path, traced("2", "00-no-trace-01")).await.unwrap();
    let mut book = order("3", 2);
    book.cover.as_mut().unwrap().correlation_id = "3".into();
    let mut request = Request::new(book);
    request.metadata_mut().insert("traceparent", GIVEN.parse().unwrap());
    BusinessCoordinatorClient::new(place.channel.clone()).handle(request).await.unwrap();
    place.app.drained().await.unwrap();

    for (conversation, expected) in [("1", GIVEN), ("2", ""), ("3", GIVEN)] {
        let wanted = SubscribeRequest { correlation_id: conversation.into(), ..SubscribeRequest::default() };
        let mut stream = EventQueryClient::new(place.channel.clone()).subscribe(wanted).await.unwrap().into_inner();
        // The order, and the stock that the saga reserves for it.
        for _ in 0..2 {
            let book = stream.message().await.unwrap().unwrap();
            let traceparents: Vec<_> = book.pages.iter().map(|page| &*page.traceparent).collect();
            assert_eq!(traceparents, [expected], "{:?}", events(&book));
        }
    }
}

#[tokio::test]
async fn an_aggregate_is_called_like_any_service() {
    let place = place().await;
    let command = PlaceOrder { order_id: "1".into(), sku: "kettle".into(), quantity: 2 };
    let path = "/shop.orders.v1.app.Orders/Place";
    let mut request = Request::new(command.clone());
    request.metadata_mut().insert("angzarr-idempotency-key", "web-1".parse().unwrap());
    request.metadata_mut().insert("angzarr-correlation-id", "talk".parse().unwrap());
    let answer = call::<_, OrderPlacedV2>(&place, path, request).await.unwrap();
    assert_eq!(answer.metadata().get("angzarr-correlation-id").unwrap(), "talk");
    assert_eq!(answer.metadata().get("angzarr-sequence").unwrap(), "1");
    assert_eq!(answer.into_inner().total_cents, 9_000);

    let refused = call::<_, OrderPlacedV2>(&place, path, Request::new(command.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let mut request = Request::new(command);
    request.metadata_mut().insert("angzarr-sync-mode", "sometimes".parse().unwrap());
    let bad = call::<_, OrderPlacedV2>(&place, path, request).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    // Compensations are nobody's to call.
    let hidden = "/shop.orders.v1.app.Orders/Hold";
    let nowhere = call::<_, Any>(&place, hidden, Request::new(Any::default())).await.unwrap_err();
    assert_eq!(nowhere.code(), Code::Unimplemented);
}

#[tokio::test]
async fn an_aggregate_is_called_with_json() {
    let place = place().await;
    deliver(&place, 5).await;
    let body = r#"{"orderId": "1", "sku": "kettle", "quantity": 3}"#;
    let (status, answer) = post(&place, "/shop.orders.v1.app.Orders/Place", body, "").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer, r#"{"currency":"USD","orderId":"1","quantity":3,"sku":"kettle","totalCents":"13500"}"#);
    let (status, answer) = post(&place, "/shop.orders.v1.app.Orders/Place", body, "").await;
    assert_eq!(status, 400);
    assert!(answer.contains(r#""code":"ORDER_REJECTION_EXISTS""#), "{answer}");
    let (status, answer) = post(&place, "/shop.orders.v1.app.Orders/Place", r#"{"ordrId": 1}"#, "").await;
    assert_eq!(status, 400);
    assert!(answer.contains("ordrId"), "{answer}");
    let (status, _) = post(&place, "/shop.orders.v1.app.Orders/Plaice", body, "").await;
    assert_eq!(status, 404);
    // What was placed under a key is not cancelled under it, nor said to be.
    let (order, key) = (body.replace('1', "2"), "angzarr-idempotency-key: web-2\r\n");
    assert_eq!(post(&place, "/shop.orders.v1.app.Orders/Place", &order, key).await.0, 200);
    let cancelled = r#"{"orderId": "2", "reason": "mine"}"#;
    let (status, answer) = post(&place, "/shop.orders.v1.app.Orders/Cancel", cancelled, key).await;
    assert_eq!(status, 409);
    assert!(answer.contains("IDEMPOTENCY_KEY_TAKEN"), "{answer}");
    let (status, answer) = send(&place, "GET", "/shop.orders.v1.app.Orders/Place", "", "").await;
    assert_eq!(status, 405);
    assert!(answer.contains("METHOD_INVALID"), "{answer}");
    let (status, answer) = post(&place, "/angzarr.v1.EventQuery/ListRoots", r#"{"domain": "orders"}"#, "").await;
    assert_eq!(status, 415);
    assert!(answer.contains("CONTENT_TYPE_UNKNOWN"), "{answer}");
}

/// As a page of somebody else's could have a browser do it, without being asked whether it may.
#[tokio::test]
async fn no_command_gets_in_as_plain_text() {
    let place = place().await;
    let book = order("1", 1).encode_to_vec();
    let frame = [&[0, 0, 0, 0, u8::try_from(book.len()).unwrap()], &*book].concat();
    let frame = String::from_utf8(frame).unwrap();
    for (path, content_type) in [
        ("/angzarr.v1.BusinessCoordinator/Handle", "content-type: text/plain\r\n"),
        ("/angzarr.v1.BusinessCoordinator/Handle", ""),
        ("/shop.orders.v1.app.Orders/Place", "content-type: text/plain\r\n"),
    ] {
        let (status, answer) = send(&place, "POST", path, &frame, content_type).await;
        assert_eq!(status, 415, "{path} {content_type}");
        assert!(answer.contains("CONTENT_TYPE_UNKNOWN"), "{answer}");
    }
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

/// One kettle was ordered, and is to be paid for.
async fn place_with_order() -> Place {
    let place = place().await;
    deliver(&place, 5).await;
    let body = r#"{"orderId": "1", "sku": "kettle", "quantity": 1}"#;
    let headers = "angzarr-sync-mode: cascade\r\n";
    assert_eq!(post(&place, "/shop.orders.v1.app.Orders/Place", body, headers).await.0, 200);
    place
}

#[tokio::test]
async fn facts_are_taken_with_the_token_only() {
    let place = place_with_order().await;
    let path = "/shop.payments.v1.app.Payments/RecordTransfer";
    let fact = r#"{"orderId": "1", "transfer": "bank-1", "cents": "4500"}"#;
    assert_eq!(post(&place, path, fact, "").await.0, 401);
    assert_eq!(post(&place, path, fact, "authorization: Bearer something else\r\n").await.0, 401);
    let (status, answer) = post(&place, path, fact, &format!("authorization: Bearer {TOKEN}\r\n")).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("orderId"), "{answer}");
}

#[tokio::test]
async fn a_fact_told_again_is_recorded_once_whatever_its_rpc_returns() {
    let place = place_with_order().await;
    // Too little to capture anything, and that is all that the rpc returns.
    let fact = PaymentReceived { order_id: "1".into(), transfer: "bank-1".into(), cents: 1 };
    for duplicate in ["false", "true"] {
        let mut request = Request::new(fact.clone());
        request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        let mut grpc = tonic::client::Grpc::new(place.channel.clone());
        grpc.ready().await.unwrap();
        let path = PathAndQuery::from_static("/shop.payments.v1.app.Payments/RecordTransfer");
        let codec = tonic_prost::ProstCodec::<PaymentReceived, PaymentCaptured>::default();
        let answer = grpc.server_streaming(request, path, codec).await.unwrap();
        assert_eq!(answer.metadata().get("angzarr-duplicate").unwrap(), duplicate);
        assert_eq!(answer.into_inner().message().await.unwrap(), None);
    }
    let recorded = place.app.events("payments", "1").await.unwrap();
    let transfers = recorded.iter().filter(|record| record.payload.type_name.ends_with("PaymentReceived"));
    assert_eq!(transfers.count(), 1);
}

/// Status and body.
pub(crate) async fn post(place: &Place, path: &str, body: &str, headers: &str) -> (u16, String) {
    send(place, "POST", path, body, &format!("content-type: application/json\r\n{headers}")).await
}

async fn send(place: &Place, method: &str, path: &str, body: &str, headers: &str) -> (u16, String) {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = place.address.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
