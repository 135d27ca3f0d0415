//! Many decisions by one call: what goes by it, what does not, and what becomes of it when it ends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use angzarr_runtime::proto;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use shop::orders::v1::PlaceOrder;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::{Code, Request};

use crate::commands::order;
use crate::nonsense::place;
use crate::place::{Place, book, told};
use crate::scripted::{Does, Many, Script, order as ordered};

const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, reached: impl Fn() -> bool) {
    let began = Instant::now();
    while !reached() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn send(place: &Place, book: impl tonic::IntoRequest<proto::CommandBook>) -> Result<(), tonic::Status> {
    BusinessCoordinatorClient::new(place.channel.clone()).handle(book).await.map(drop)
}

/// Places orders until one was asked for by the call that stays open.
async fn open(place: &Place, script: &Script) {
    let began = Instant::now();
    while script.asked.lock().unwrap().is_empty() {
        assert!(began.elapsed() < PATIENCE, "no such call is open");
        send(place, order("before", 1)).await.unwrap();
    }
}

/// How many were asked for by that call, and how many by calls of their own.
fn asked(script: &Script) -> (usize, usize) {
    (script.asked.lock().unwrap().len(), script.decided.load(Ordering::SeqCst))
}

#[tokio::test]
async fn small_decisions_share_a_call_and_others_do_not() {
    let script = Script::new().many(Many::Answers);
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let (shared, alone) = asked(&script);
    for id in 0..10 {
        send(&place, order(&id.to_string(), 1)).await.unwrap();
    }
    assert_eq!(asked(&script), (shared + 10, alone));
    let large = PlaceOrder { order_id: "large".into(), sku: "a".repeat(64 << 10), quantity: 1 };
    send(&place, book("orders", "large", &large)).await.unwrap();
    assert_eq!(asked(&script), (shared + 10, alone + 1), "it would hold up the others");
    let mut traced = Request::new(order("traced", 1));
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    traced.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    send(&place, traced).await.unwrap();
    assert_eq!(asked(&script), (shared + 10, alone + 2), "a call of its own is seen in its trace");
}

#[tokio::test]
async fn one_that_takes_its_time_holds_up_nobody() {
    let usual = Script::new().many(Many::Answers);
    let (decide, (over, is_over)) = (usual.decide.clone(), watch::channel(false));
    let script = usual.decide(move |request| match (&*ordered(request).order_id, decide(request)) {
        ("slow", Does::Answers(answer)) => {
            let mut is_over = is_over.clone();
            Does::AnswersAfter(answer, Box::pin(async move { drop(is_over.wait_for(|over| *over).await) }))
        }
        (_, other) => other,
    });
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let (mut client, (shared, _)) = (BusinessCoordinatorClient::new(place.channel.clone()), asked(&script));
    let slow = tokio::spawn(async move { client.handle(order("slow", 1)).await });
    until("it is asked for", || asked(&script).0 > shared).await;
    let (shared, alone) = asked(&script);
    send(&place, order("quick", 1)).await.unwrap();
    over.send(true).unwrap();
    slow.await.unwrap().unwrap();
    assert_eq!(asked(&script), (shared + 1, alone));
}

#[tokio::test]
async fn a_service_is_told_when_nobody_waits_any_more() {
    let usual = Script::new().many(Many::Answers);
    let decide = usual.decide.clone();
    let script = usual.decide(move |request| match &*ordered(request).order_id {
        "slow" => Does::Hangs,
        _ => decide(request),
    });
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let (shared, began) = (asked(&script).0, Instant::now());
    let is_given_up = || {
        let asked = script.asked.lock().unwrap();
        asked[shared..].iter().any(|given_up| given_up.request.is_none() && given_up.call == asked[shared].call)
    };
    while !is_given_up() {
        assert!(began.elapsed() < PATIENCE, "it is not told");
        let mut slow = order("slow", 1);
        slow.deadline = Some((SystemTime::now() + Duration::from_millis(100)).into());
        assert_eq!(send(&place, slow).await.unwrap_err().code(), Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn what_has_not_begun_is_asked_for_again() {
    let script = Script::new().many(Many::Ends);
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let placed = place.app.events("orders", "before").await.unwrap().len();
    assert_eq!(asked(&script), (1, placed), "each of them was decided on once");
    // Such a call is opened again after a while.
    let began = Instant::now();
    while asked(&script).0 < 2 {
        assert!(began.elapsed() < PATIENCE, "it is not opened again");
        send(&place, order("after", 1)).await.unwrap();
    }
    let all = place.app.read_log(0, usize::MAX).await.unwrap().records.len();
    assert_eq!(asked(&script), (2, all));
}

#[tokio::test]
async fn what_has_no_answer_there_is_told_why_by_itself() {
    let usual = Script::new().many(Many::Answers);
    let decide = usual.decide.clone();
    let script = usual.decide(move |request| match &*ordered(request).order_id {
        "wrong" => Does::Says(tonic::Status::resource_exhausted("why")),
        _ => decide(request),
    });
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let (shared, alone) = asked(&script);
    let refused = send(&place, order("wrong", 1)).await.unwrap_err();
    assert_eq!(told(&refused).1, "SERVICE_EXHAUSTED");
    assert_eq!(asked(&script), (shared + 1, alone + 1));
}

#[tokio::test]
async fn what_ends_the_service_is_not_asked_for_again() {
    let usual = Script::new().many(Many::Answers);
    let decide = usual.decide.clone();
    let script = usual.decide(move |request| match &*ordered(request).order_id {
        "deadly" => Does::Dies,
        _ => decide(request),
    });
    let (place, _service) = place(script.clone()).await;
    open(&place, &script).await;
    let (shared, alone) = asked(&script);
    let lost = send(&place, order("deadly", 1)).await.unwrap_err();
    assert_eq!(told(&lost).1, "SERVICE_LOST");
    assert_eq!(asked(&script), (shared + 1, alone));
    // The next start is asked in the same way.
    let began = Instant::now();
    while asked(&script).0 == shared + 1 {
        assert!(began.elapsed() < PATIENCE, "nobody asks the next start");
        let _ = send(&place, order("next", 1)).await;
    }
    assert_eq!(place.app.events("orders", "deadly").await.unwrap(), []);
}

/// As a library does that cuts off what its server is at.
#[tokio::test]
async fn what_is_cut_off_is_lost_whatever_the_service_says_of_it() {
    let script = Script::new().many(Many::Fails);
    let (place, _service) = place(script.clone()).await;
    let (began, mut placed) = (Instant::now(), 0);
    let lost = loop {
        assert!(began.elapsed() < PATIENCE, "no such call is open");
        match send(&place, order("a", 1)).await {
            Ok(()) => placed += 1,
            Err(lost) => break lost,
        }
    };
    assert_eq!(told(&lost).1, "SERVICE_LOST");
    assert_eq!(asked(&script), (1, placed), "nobody asks again");
    assert_eq!(place.app.events("orders", "a").await.unwrap().len(), placed);
}
