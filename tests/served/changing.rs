//! Services that are started again: as they were, or as another version.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use angzarr_runtime::proto;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;

use crate::commands::order;
use crate::place::{Place, told};
use crate::scripted::{Does, Script, Service};

/// How often something is asked that is to become true: more often than it takes to start a service.
const PATIENCE: u32 = 4_000;

#[tokio::test]
async fn a_service_that_comes_back_as_it_was_is_asked_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let described = script.described.clone();
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app).await;
    assert_eq!(described.load(Ordering::SeqCst), 1);
    app.execute(order("0", 1)).await.unwrap();
    service.restart();
    let mut asked = 0;
    while described.load(Ordering::SeqCst) == 1 {
        asked += 1;
        assert!(asked < PATIENCE, "nobody asks what has been started");
        if let Err(error) = app.execute(order(&format!("a{asked}"), 1)).await {
            assert!(error.retryable() || error.code() == "SERVICE_LOST", "{error}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in 1..=10 {
        app.execute(order(&id.to_string(), 1)).await.unwrap();
    }
    app.drained().await.unwrap();
    assert_eq!(described.load(Ordering::SeqCst), 2);
    app.shutdown().await.unwrap();
}

#[tokio::test]
async fn another_version_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let (description, decided) = (script.description.clone(), script.decided.clone());
    let service = Service::start(folder.path(), script);
    let remote = service.remote().await;
    let place = Place::before(remote, folder, |app| app).await;
    let mut client = BusinessCoordinatorClient::new(place.channel.clone());
    client.handle(order("1", 1)).await.unwrap();
    assert_eq!(serving(&place).await, SERVING);

    let before = description.lock().unwrap().clone();
    description.lock().unwrap().components[0].handlers.pop();
    service.restart();
    let mut asked = 0;
    let changed = loop {
        asked += 1;
        assert!(asked < PATIENCE, "nobody notices another version");
        // One that answered as it was restarted was the old one.
        if let Err(status) = client.handle(order("2", 1)).await {
            let (code, reason) = told(&status);
            assert_eq!(code, Code::Unavailable, "{status}");
            if reason == "SERVICE_CHANGED" {
                break status;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(changed.message().contains("another version"), "{changed}");
    let stored = place.app.read_log(0, 100).await.unwrap().records.len();
    let asked = decided.load(Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(told(&client.handle(order("3", 1)).await.unwrap_err()).1, "SERVICE_CHANGED");
    }
    assert_eq!(decided.load(Ordering::SeqCst), asked, "it is not even asked");
    assert_eq!(place.app.read_log(0, 100).await.unwrap().records.len(), stored);
    assert_eq!(serving(&place).await, NOT_SERVING);

    *description.lock().unwrap() = before;
    service.restart();
    while let Err(status) = client.handle(order("4", 1)).await {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(serving(&place).await, SERVING);
}

const SERVING: &[u8] = &[8, 1];
const NOT_SERVING: &[u8] = &[8, 2];

/// What the health says of services: the bytes of its answer.
async fn serving(place: &Place) -> Vec<u8> {
    // Field 1: the name of the part.
    let asked = [&[10, 7], &b"service"[..]].concat();
    crate::refusals::raw(place, PathAndQuery::from_static("/grpc.health.v1.Health/Check"), asked).await.unwrap()
}

#[tokio::test]
async fn a_start_that_nobody_knows_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let usual = Script::new();
    let (decide, answers) = (usual.decide.clone(), AtomicU8::new(100));
    let script = usual.decide(move |request| match decide(request) {
        Does::Answers(answer) => {
            let start = answers.fetch_add(1, Ordering::SeqCst);
            Does::Answers(proto::HandleResponse { service_epoch: vec![start; 16].into(), ..answer })
        }
        other => other,
    });
    let service = Service::start(folder.path(), script);
    let app = service.app(|app| app).await;
    let unknown = app.execute(order("1", 1)).await.unwrap_err();
    assert_eq!(unknown.code(), "SERVICE_LOST", "{unknown}");
    assert_eq!(app.events("orders", "1").await.unwrap(), []);
    app.shutdown().await.unwrap();
}
