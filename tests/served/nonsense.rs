//! Services that answer what makes no sense: the caller is told so, and nothing is stored.

use std::time::{Duration, SystemTime};

use angzarr_runtime::Payload;
use angzarr_runtime::component::Delivery;
use angzarr_runtime::prost::Message;
use angzarr_runtime::prost_types::Any;
use angzarr_runtime::proto::handle_response::Outcome;
use angzarr_runtime::proto::projector_handle_response::Outcome as Row;
use angzarr_runtime::proto::{self, Emissions};
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use shop::orders::v1::{CancelOrder, OrderPlacedV2, OrderRow};
use shop::stock::v1::StockReceived;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::commands;
use crate::names::post;
use crate::place::{Place, told};
use crate::scripted::{BOARD, Does, Script, Service, decided, order, placed};

pub(crate) async fn place(script: Script) -> (Place, Service) {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), script);
    let remote = service.remote().await;
    (Place::before(remote, folder, |app| app).await, service)
}

/// What the caller of an order with this id is told.
async fn refused(place: &Place, id: &str) -> (Code, String) {
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    told(&client.handle(commands::order(id, 1)).await.unwrap_err())
}

fn events(message: Any) -> Option<Outcome> {
    Some(Outcome::Events(Emissions { messages: vec![message] }))
}

fn failure(code: &str) -> Option<Outcome> {
    Some(Outcome::Failure(proto::Failure { code: code.into(), message: "why".into() }))
}

/// What a service answers, and the code that it leads to.
fn answers() -> Vec<(&'static str, Option<Outcome>, &'static str)> {
    let named =
        |name: &str, value: &[u8]| Any { type_url: format!("type.googleapis.com/{name}"), value: value.to_vec() };
    let rejection = proto::Rejection { message: "no".into(), ..proto::Rejection::default() };
    let placed = Payload::event(&OrderPlacedV2::default()).to_any();
    vec![
        ("nothing", None, "SERVICE_ANSWER_INVALID"),
        // The rpc returns exactly one.
        ("no event", Some(Outcome::Events(Emissions::default())), "SERVICE_ANSWER_INVALID"),
        (
            "two events",
            Some(Outcome::Events(Emissions { messages: vec![placed.clone(), placed] })),
            "SERVICE_ANSWER_INVALID",
        ),
        ("an empty Any", events(Any::default()), "SERVICE_ANSWER_INVALID"),
        ("an Any without a type", events(named("", b"\x08\x01")), "SERVICE_ANSWER_INVALID"),
        (
            "another domain's event",
            events(Payload::event(&StockReceived::default()).to_any()),
            "SERVICE_ANSWER_INVALID",
        ),
        ("a type that nobody described", events(named("shop.orders.v1.Nonsense", b"")), "SERVICE_ANSWER_INVALID"),
        ("a command", events(Payload::command(&CancelOrder::default()).to_any()), "SERVICE_ANSWER_INVALID"),
        ("garbage", events(named("shop.orders.v1.OrderPlacedV2", b"\xff")), "PAYLOAD_MALFORMED"),
        (
            "a query's answer",
            Some(Outcome::Answer(Payload::event(&OrderPlacedV2::default()).to_any())),
            "SERVICE_ANSWER_INVALID",
        ),
        (
            "that it lacks history",
            Some(Outcome::NeedsHistory(proto::NeedsHistory { holds: 7 })),
            "SERVICE_ANSWER_INVALID",
        ),
        ("no without a code", Some(Outcome::Rejection(rejection)), "SERVICE_ANSWER_INVALID"),
        ("a failure", failure("BANK_IS_CLOSED"), "BANK_IS_CLOSED"),
        ("a failure without a code", failure(""), "HANDLER_FAILED"),
        ("that it is away", failure("SERVICE_UNAVAILABLE"), "HANDLER_FAILED"),
        ("that the store is away", failure("STORE_UNAVAILABLE"), "HANDLER_FAILED"),
    ]
}

#[tokio::test]
async fn answers_that_make_no_sense_change_nothing() {
    let script = Script::new().decide(|request| {
        let id = order(request).order_id;
        let found = answers().into_iter().find(|(what, ..)| *what == id);
        Does::Answers(match found {
            Some((_, outcome, _)) => proto::HandleResponse { outcome, ..proto::HandleResponse::default() },
            None => decided(placed(request)),
        })
    });
    let (place, _service) = place(script).await;
    for (what, _, code) in answers() {
        assert_eq!(refused(&place, what).await, (Code::Internal, code.into()), "{what}");
        assert_eq!(place.app.events("orders", what).await.unwrap(), [], "{what}");
    }
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    client.handle(commands::order("a", 1)).await.unwrap();
}

#[tokio::test]
async fn what_a_service_says_instead_of_an_answer_is_told() {
    let says = [
        (Code::Internal, Code::Internal, "SERVICE_FAILED"),
        (Code::Unknown, Code::Internal, "SERVICE_FAILED"),
        (Code::FailedPrecondition, Code::Internal, "SERVICE_FAILED"),
        (Code::ResourceExhausted, Code::Internal, "SERVICE_EXHAUSTED"),
        (Code::Unimplemented, Code::Internal, "SERVICE_ANSWER_INVALID"),
        (Code::Unavailable, Code::Unavailable, "SERVICE_UNAVAILABLE"),
        (Code::Cancelled, Code::Unavailable, "SERVICE_LOST"),
    ];
    let script = Script::new().decide(|request| {
        let code: i32 = order(request).order_id.parse().unwrap();
        Does::Says(Status::new(code.into(), "why"))
    });
    let (place, _service) = place(script).await;
    for (code, status, reason) in says {
        let id = i32::from(code).to_string();
        assert_eq!(refused(&place, &id).await, (status, reason.into()), "{code:?}");
    }
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

#[tokio::test]
async fn sequences_that_fit_nothing_are_not_believed() {
    let script = Script::new().decide(|request| {
        let next = request.history.as_ref().unwrap().next;
        // Never what it was sent.
        Does::Answers(proto::HandleResponse { holds: next + 7, ..decided(placed(request)) })
    });
    let (place, _service) = place(script).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    for sequence in 0..3 {
        let answer = client.handle(commands::order("a", 1)).await.unwrap().into_inner();
        assert_eq!(answer.events.unwrap().first_sequence, sequence);
    }
}

#[tokio::test]
async fn an_answer_of_any_size_is_refused_and_not_kept() {
    let script = Script::new().decide(|request| {
        let id = order(request).order_id;
        let large = OrderPlacedV2 { order_id: id, sku: "a".repeat(129 << 20), ..OrderPlacedV2::default() };
        let messages = vec![Payload::event(&large).to_any()];
        Does::Answers(decided(Outcome::Events(Emissions { messages })))
    });
    let (place, _service) = place(script).await;
    assert_eq!(refused(&place, "a").await, (Code::Internal, "SERVICE_ANSWER_INVALID".into()));
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up() {
    let (place, _service) = place(Script::new().decide(|_| Does::Hangs)).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    let mut hasty = commands::order("a", 1);
    hasty.deadline = Some((SystemTime::now() + Duration::from_millis(100)).into());
    let late = client.handle(hasty).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late}");
    assert_eq!(place.app.read_log(0, 10).await.unwrap().records, []);
}

#[tokio::test]
async fn a_refusal_brings_its_detail() {
    let detail = Payload::command(&CancelOrder { order_id: "1".into(), reason: "try that".into() }).to_any();
    let rejection = proto::Rejection {
        code: "ORDER_REJECTION_EXISTS".into(),
        message: "no".into(),
        metadata: [("left".to_owned(), "3".to_owned())].into(),
        detail: Some(detail.clone()),
    };
    let script = Script::new().decide(move |_| Does::Answers(decided(Outcome::Rejection(rejection.clone()))));
    let (place, _service) = place(script).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    let status = client.handle(commands::order("1", 1)).await.unwrap_err();
    assert_eq!(status.get_details_error_info().unwrap().metadata["left"], "3");
    let all = tonic_types::pb::Status::decode(status.details()).unwrap();
    assert_eq!(all.details[1], detail);

    let (status, answer) = post(&place, "/shop.orders.v1.app.Orders/Place", r#"{"orderId": "1"}"#, "").await;
    assert_eq!(status, 400);
    let expected =
        r#""detail":{"@type":"type.googleapis.com/shop.orders.v1.CancelOrder","orderId":"1","reason":"try that"}"#;
    assert!(answer.contains(expected), "{answer}");
}

/// What a projector answers, and the code that it leads to.
fn rows() -> Vec<(&'static str, Option<Row>, &'static str)> {
    let named =
        |name: &str, value: &[u8]| Any { type_url: format!("type.googleapis.com/{name}"), value: value.to_vec() };
    let failure = proto::Failure { code: "SERVICE_UNAVAILABLE".into(), message: "why".into() };
    vec![
        ("a failure of the runtime's", Some(Row::Failure(failure)), "HANDLER_FAILED"),
        ("an empty Any", Some(Row::Row(Any::default())), "SERVICE_ANSWER_INVALID"),
        ("another type", Some(Row::Row(named("shop.orders.v1.Order", b""))), "SERVICE_ANSWER_INVALID"),
        ("garbage", Some(Row::Row(named("shop.orders.v1.OrderRow", b"\xff"))), "PAYLOAD_MALFORMED"),
        ("nothing at all", None, "SERVICE_ANSWER_INVALID"),
    ]
}

#[tokio::test]
async fn rows_that_make_no_sense_are_parked() {
    let usual = Script::new();
    let project = usual.project.clone();
    let script = usual.project(move |placed| match rows().into_iter().find(|(what, ..)| *what == placed.order_id) {
        Some((_, outcome, _)) => Does::Answers(outcome),
        None => project(placed),
    });
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), script);
    let twice = Delivery { attempts: 2, ..Delivery::DEFAULT };
    let remote = service.remote().await;
    let place = Place::before(remote, folder, |app| app.delivery(BOARD, twice)).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    for id in rows().iter().map(|(what, ..)| *what).chain(["a"]) {
        client.handle(commands::order(id, 1)).await.unwrap();
    }
    place.app.drained().await.unwrap();
    let board = place.app.consumer(BOARD).unwrap();
    let letters = board.dead_letters(None, 10).await.unwrap();
    for (what, _, code) in rows() {
        let letter =
            letters.iter().find(|letter| letter.lane == what).unwrap_or_else(|| panic!("{what} is not parked"));
        assert_eq!(letter.attempts.iter().map(|attempt| &*attempt.code).collect::<Vec<_>>(), [code; 2], "{what}");
    }
    let shown = place.app.view::<OrderRow>().unwrap().all().await.unwrap();
    assert_eq!(shown.into_iter().map(|(_, row)| row.order_id).collect::<Vec<_>>(), ["a"]);

    // Parks are told in pages.
    let mut admin = AdminClient::new(place.channel.clone());
    let (mut told, mut after) = (Vec::new(), String::new());
    loop {
        let wanted = proto::ListParksRequest { consumer: BOARD.into(), after, limit: 2 };
        let page = admin.list_parks(wanted).await.unwrap().into_inner().parks;
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.lane.clone();
        told.extend(page.into_iter().map(|park| park.lane));
    }
    assert_eq!(told, rows().iter().map(|(what, ..)| *what).collect::<Vec<_>>());
}
