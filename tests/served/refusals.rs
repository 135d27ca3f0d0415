//! What callers may get wrong: each of it has a status and a code, and changes nothing.

use angzarr_runtime::proto::{self, CommandBook};
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::command_gateway_client::CommandGatewayClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use angzarr_runtime::{Payload, prost::bytes::Buf, prost::bytes::BufMut};
use shop::payments::v1::PaymentReceived;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};

use crate::commands::order;
use crate::place::{Place, TOKEN, book, place, told};

/// Bytes, as they are.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(&*bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// A call with these bytes for a message.
pub(crate) async fn raw(place: &Place, rpc: PathAndQuery, bytes: Vec<u8>) -> Result<Vec<u8>, Status> {
    let mut grpc = tonic::client::Grpc::new(place.channel.clone());
    grpc.ready().await.unwrap();
    Ok(grpc.unary(Request::new(bytes), rpc, Raw).await?.into_inner())
}

/// Each rpc that takes something, with bytes that are nothing.
const RPCS: [&str; 7] = [
    "/angzarr.v1.BusinessCoordinator/Handle",
    "/angzarr.v1.BusinessCoordinator/HandleSync",
    "/angzarr.v1.CommandGateway/ExecuteStream",
    "/angzarr.v1.EventQuery/GetEventBook",
    "/angzarr.v1.EventQuery/Subscribe",
    "/angzarr.v1.Admin/ListParks",
    "/shop.orders.v1.app.Orders/Place",
];

#[tokio::test]
async fn garbage_is_told_as_such() {
    let place = place().await;
    for rpc in RPCS {
        let garbage = raw(&place, PathAndQuery::from_static(rpc), b"\xff\xff".to_vec()).await.unwrap_err();
        assert_eq!(told(&garbage), (Code::InvalidArgument, "REQUEST_MALFORMED".into()), "{rpc}");
        let giant = raw(&place, PathAndQuery::from_static(rpc), vec![0; (4 << 20) + 1]).await.unwrap_err();
        assert_eq!(told(&giant), (Code::OutOfRange, "REQUEST_TOO_LARGE".into()), "{rpc}");
    }
    for rpc in ["/angzarr.v1.Admin/Nonsense", "/shop.orders.v1.app.Orders/Hold", "/nonsense.v1.Nothing/At"] {
        let unknown = raw(&place, PathAndQuery::from_static(rpc), Vec::new()).await.unwrap_err();
        assert_eq!(told(&unknown), (Code::Unimplemented, "RPC_UNKNOWN".into()), "{rpc}");
    }
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

fn covered(change: impl FnOnce(&mut proto::Cover)) -> CommandBook {
    let mut book = order("1", 1);
    change(book.cover.as_mut().unwrap());
    book
}

#[tokio::test]
async fn books_that_cannot_be_used_are_refused_everywhere() {
    let place = place().await;
    let root = |bytes: usize| Some(proto::Uuid { value: vec![1; bytes].into() });
    let first = order("1", 1);
    let mut twice = first.clone();
    twice.pages.push(proto::CommandPage { sequence: Some(1), ..first.pages[0].clone() });
    let table: [(&str, CommandBook, Code, &str); 14] = [
        ("no cover", CommandBook { cover: None, ..first.clone() }, Code::InvalidArgument, "COVER_MISSING"),
        ("no pages", CommandBook { pages: Vec::new(), ..first.clone() }, Code::InvalidArgument, "BOOK_EMPTY"),
        (
            "an empty page",
            CommandBook { pages: vec![Default::default()], ..first.clone() },
            Code::InvalidArgument,
            "COMMAND_MISSING",
        ),
        ("no domain", covered(|cover| cover.domain.clear()), Code::NotFound, "DOMAIN_UNKNOWN"),
        ("another domain", covered(|cover| cover.domain = "stock".into()), Code::InvalidArgument, "COMMAND_UNKNOWN"),
        ("no root", covered(|cover| cover.key.clear()), Code::InvalidArgument, "ROOT_EMPTY"),
        ("a short root", covered(|cover| cover.root = root(3)), Code::InvalidArgument, "ROOT_INVALID"),
        ("another root", covered(|cover| cover.root = root(16)), Code::InvalidArgument, "ROOT_MISMATCH"),
        ("another key", covered(|cover| cover.key = "2".into()), Code::InvalidArgument, "ROOT_MISMATCH"),
        (
            "another root without a key",
            covered(|cover| *cover = proto::Cover { root: root(16), key: String::new(), ..cover.clone() }),
            Code::InvalidArgument,
            "ROOT_MISMATCH",
        ),
        ("a long key", covered(|cover| cover.key = "1".repeat(1025)), Code::InvalidArgument, "FIELD_TOO_LONG"),
        (
            "a long idempotency key",
            CommandBook { idempotency_key: "1".repeat(1025), ..first.clone() },
            Code::InvalidArgument,
            "FIELD_TOO_LONG",
        ),
        ("a sequence behind the first page", twice, Code::InvalidArgument, "FIELD_RESERVED"),
        ("a tenant", covered(|cover| cover.tenant = "t".into()), Code::InvalidArgument, "FIELD_RESERVED"),
    ];
    let mut coordinator = BusinessCoordinatorClient::new(place.channel.clone());
    let mut gateway = CommandGatewayClient::new(place.channel.clone());
    for (what, book, code, reason) in table {
        let expected = (code, reason.to_owned());
        assert_eq!(told(&coordinator.handle(book.clone()).await.unwrap_err()), expected, "{what}");
        let waiting = proto::HandleSyncRequest { command: Some(book.clone()), sync_mode: 2, timeout: None };
        assert_eq!(told(&coordinator.handle_sync(waiting).await.unwrap_err()), expected, "{what}");
        assert_eq!(told(&gateway.execute_stream(book).await.unwrap_err()), expected, "{what}");
    }
    let never = proto::HandleSyncRequest {
        command: Some(first),
        sync_mode: 0,
        timeout: Some(angzarr_runtime::prost_types::Duration { seconds: -1, nanos: 0 }),
    };
    let never = coordinator.handle_sync(never).await.unwrap_err();
    assert_eq!(told(&never), (Code::InvalidArgument, "FIELD_INVALID".into()));
    let somehow = proto::HandleSyncRequest { command: Some(order("1", 1)), sync_mode: 9, timeout: None };
    let somehow = coordinator.handle_sync(somehow).await.unwrap_err();
    assert_eq!(told(&somehow), (Code::InvalidArgument, "FIELD_INVALID".into()));
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

#[tokio::test]
async fn facts_need_their_token_as_books_too() {
    let place = place().await;
    let fact = PaymentReceived { order_id: "1".into(), transfer: "bank-1".into(), cents: 1 };
    let mut facts = book("payments", "1", &shop::payments::v1::RequestPayment::default());
    facts.pages[0].command = Some(Payload::event(&fact).to_any());
    facts.idempotency_key = "bank-1".into();
    let mut coordinator = BusinessCoordinatorClient::new(place.channel.clone());
    let mut gateway = CommandGatewayClient::new(place.channel.clone());
    let expected = (Code::Unauthenticated, "FACT_TOKEN_MISSING".to_owned());
    assert_eq!(told(&coordinator.handle(facts.clone()).await.unwrap_err()), expected);
    assert_eq!(told(&gateway.execute_stream(facts.clone()).await.unwrap_err()), expected);
    let with = |token: &str| {
        let mut request = Request::new(facts.clone());
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    };
    assert_eq!(told(&coordinator.handle(with("nonsense")).await.unwrap_err()), expected);
    // Where callers have a token of their own, it comes beside that.
    let mut beside = with("what callers have");
    beside.metadata_mut().insert("angzarr-fact-token", "nonsense".parse().unwrap());
    assert_eq!(told(&coordinator.handle(beside).await.unwrap_err()), expected);
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
    let mut beside = with("what callers have");
    beside.metadata_mut().insert("angzarr-fact-token", TOKEN.parse().unwrap());
    assert!(coordinator.handle(beside).await.unwrap().into_inner().position > 0);
    assert!(coordinator.handle(with(TOKEN)).await.unwrap().into_inner().position > 0);

    // Under another key it would be recorded once more.
    for (change, code) in [("bank-2", "EXTERNAL_ID_MISMATCH"), ("", "EXTERNAL_ID_EMPTY")] {
        let mut again = with(TOKEN);
        again.get_mut().idempotency_key = change.into();
        let refused = coordinator.handle(again).await.unwrap_err();
        assert_eq!(told(&refused), (Code::InvalidArgument, code.to_owned()));
    }
}

#[tokio::test]
async fn queries_that_name_no_stream_are_refused() {
    let place = place().await;
    let root = |bytes: usize| Some(proto::Uuid { value: vec![1; bytes].into() });
    let table = [
        (None, "COVER_MISSING"),
        (covered(|cover| cover.key.clear()).cover, "ROOT_EMPTY"),
        (covered(|cover| cover.root = root(3)).cover, "ROOT_INVALID"),
        (covered(|cover| cover.root = root(16)).cover, "ROOT_MISMATCH"),
        (covered(|cover| cover.tenant = "t".into()).cover, "FIELD_RESERVED"),
    ];
    let mut client = EventQueryClient::new(place.channel.clone());
    for (cover, code) in table {
        let query = proto::StreamQuery { cover, ..proto::StreamQuery::default() };
        let expected = (Code::InvalidArgument, code.to_owned());
        assert_eq!(told(&client.get_event_book(query.clone()).await.unwrap_err()), expected);
        assert_eq!(told(&client.get_state(query).await.unwrap_err()), expected);
    }
    let nowhere = covered(|cover| cover.domain = "orrders".into()).cover;
    let nowhere = client.get_state(proto::StreamQuery { cover: nowhere, ..proto::StreamQuery::default() }).await;
    assert_eq!(told(&nowhere.unwrap_err()), (Code::NotFound, "DOMAIN_UNKNOWN".into()));
}
