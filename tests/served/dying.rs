//! Services that end because of what they are given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use angzarr_runtime::App;
use angzarr_runtime::component::Delivery;
use shop::orders::v1::{OrderRow, PlaceOrder};

use crate::scripted::{BOARD, Does, Script, Service};

fn order(id: &str) -> PlaceOrder {
    PlaceOrder { order_id: id.into(), sku: "kettle".into(), quantity: 1 }
}

/// As often as it takes: the service may be about to start, or to end what it had accepted before.
async fn placed(app: &App, id: &str) {
    while let Err(error) = app.send(order(id)).await {
        assert!(error.retryable() || error.code() == "SERVICE_LOST", "{error}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_command_that_kills_the_service_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Script::new();
    let (decide, decided) = (usual.decide.clone(), usual.decided.clone());
    let script = usual.decide(move |request| match &*crate::scripted::order(request).order_id {
        "deadly" => Does::Dies,
        _ => decide(request),
    });
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app).await;
    let lost = app.send(order("deadly")).await.unwrap_err();
    assert_eq!(lost.code(), "SERVICE_LOST", "{lost}");
    assert_eq!(decided.load(Ordering::SeqCst), 1, "nobody asks again what has killed");
    placed(&app, "harmless").await;
    assert_eq!(app.events("orders", "deadly").await.unwrap(), []);
    app.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_event_that_kills_the_service_is_parked() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Script::new();
    let project = usual.project.clone();
    let script = usual.project(move |placed| match &*placed.order_id {
        "deadly" => Does::Dies,
        _ => project(placed),
    });
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app.delivery(BOARD, Delivery { attempts: 3, ..Delivery::DEFAULT })).await;
    let board = app.consumer(BOARD).unwrap();
    for id in ["one", "deadly"] {
        app.send(order(id)).await.unwrap();
        app.drained().await.unwrap();
    }
    let parks = board.parks().await.unwrap();
    assert_eq!(parks.iter().map(|park| &*park.lane).collect::<Vec<_>>(), ["deadly"]);
    let letters = board.dead_letters(None, 10).await.unwrap();
    let codes: Vec<_> = letters[0].attempts.iter().map(|attempt| &*attempt.code).collect();
    assert_eq!(codes, ["SERVICE_LOST"; 3]);
    assert_eq!(board.status().failures["SERVICE_LOST"], 3);

    placed(&app, "two").await;
    app.drained().await.unwrap();
    let rows = app.view::<OrderRow>().unwrap();
    for id in ["one", "two"] {
        assert!(rows.get(id).await.unwrap().is_some(), "{id}");
    }
    app.shutdown().await.unwrap();
}

/// What was at work beside it is tried again by itself, so that nothing but what kills is parked.
#[tokio::test]
async fn nothing_else_is_parked_with_what_kills() {
    const ORDERS: [&str; 4] = ["one", "deadly", "two", "three"];
    let folder = tempfile::tempdir().unwrap();
    let usual = Script::new();
    let project = usual.project.clone();
    let (asked, inside, overlapped) =
        (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let overlaps = overlapped.clone();
    let script = usual.project(move |placed| {
        match asked.fetch_add(1, Ordering::SeqCst) + 1 {
            // All of them are at work when the service ends for the first time.
            first if first < ORDERS.len() => return Does::Hangs,
            first if first == ORDERS.len() => return Does::Dies,
            _ => {}
        }
        if inside.fetch_add(1, Ordering::SeqCst) > 0 {
            overlaps.fetch_add(1, Ordering::SeqCst);
        }
        if placed.order_id == "deadly" {
            inside.fetch_sub(1, Ordering::SeqCst);
            return Does::Dies;
        }
        let inside = inside.clone();
        let left = async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
        };
        match project(placed) {
            Does::Answers(answer) => Does::AnswersAfter(answer, Box::pin(left)),
            other => other,
        }
    });
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app.delivery(BOARD, Delivery { attempts: 2, ..Delivery::DEFAULT })).await;
    for id in ORDERS {
        app.send(order(id)).await.unwrap();
    }
    app.drained().await.unwrap();
    let parks = app.consumer(BOARD).unwrap().parks().await.unwrap();
    assert_eq!(parks.iter().map(|park| &*park.lane).collect::<Vec<_>>(), ["deadly"]);
    assert_eq!(overlapped.load(Ordering::SeqCst), 0);
    app.shutdown().await.unwrap();
}
