//! Handlers that fail: nothing is skipped, others go on, and a consumer that is told to stop does.

use std::time::Duration;

use angzarr_runtime::{App, Error};
use angzarr_tests::bank::v1::{BranchRow, Transfer, Withdraw};
use angzarr_tests::{Fault, Faults};

use super::{
    BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, balance, code, event_names, log, open, start, start_accounts,
    start_stopping, status, stopped,
};
use crate::backend::Backend;

/// One attempt, and five more.
const ATTEMPTS: usize = 6;

async fn transfer(app: &App, amount: u64) -> u64 {
    app.send(Transfer { account: "a".into(), to: "b".into(), amount }).await.unwrap().position
}

/// Waits until `consumer` stops; every other one must reach `position`.
async fn stops_alone(app: &App, consumer: &str, at: u64, reason: &str) {
    match app.drained().await.unwrap_err() {
        Error::ConsumerStopped { consumer: stopped, position, reason: told } => {
            assert_eq!((stopped.as_str(), position), (consumer, at));
            assert!(told.contains(reason), "{told}");
        }
        other => panic!("{other}"),
    }
    let stopped = status(app, consumer);
    assert!(stopped.position < at, "its checkpoint stays before the event");
    assert!(stopped.stopped.unwrap().contains(reason));
    open(app, "later", 1).await;
    let head = log(app).await.last().unwrap().position;
    for other in [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES].into_iter().filter(|other| *other != consumer) {
        let passed = async {
            while status(app, other).position < head {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), passed).await.unwrap();
        assert_eq!(status(app, other).stopped, None);
    }
    assert!(status(app, consumer).position < at);
}

pub(super) async fn a_passing_failure_is_tried_again(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    let before = faults.calls("Balances");
    for component in ["Transfers", "Balances"] {
        faults.set(component, Fault::FailsTimes(2));
    }
    transfer(&app, 30).await;
    app.drained().await.unwrap();
    assert_eq!(faults.calls("Transfers"), 3);
    assert_eq!(faults.calls("Balances"), before + 2 + 2, "two events, two failures");
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(70), Some(30)));
}

pub(super) async fn a_failing_saga_stops_alone(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_stopping(&backend, &faults).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    faults.set("Transfers", Fault::Fails);
    let at = transfer(&app, 30).await;
    stops_alone(&app, TRANSFERS, at, "FAULT").await;
    assert_eq!(faults.calls("Transfers"), ATTEMPTS);
    // A technical failure compensates nothing.
    assert_eq!(event_names(&app, "a").await, ["AccountOpenedV2", "Deposited", "TransferSent"]);
    assert_eq!(balance(&app, "a").await, Some(70));
}

pub(super) async fn a_failing_projector_stops_alone(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_stopping(&backend, &faults).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    faults.set("Balances", Fault::Fails);
    let at = transfer(&app, 30).await;
    stops_alone(&app, BALANCES, at, "FAULT").await;
    assert_eq!(event_names(&app, "b").await.last().unwrap(), "TransferReceived");
    assert_eq!((balance(&app, "a").await, balance(&app, "later").await), (Some(100), None));
    let branches = app.view::<BranchRow>().unwrap();
    assert_eq!(branches.get(["NL", "Delft"]).await.unwrap().unwrap().accounts, 3);
}

pub(super) async fn a_panicking_consumer_stops_alone(backend: impl Backend) {
    for (component, consumer) in [("Transfers", TRANSFERS), ("Notices", NOTICES), ("WithdrawalWatch", WATCH)] {
        let faults = Faults::default();
        let app = start_stopping(&backend, &faults).await;
        // In a place that persists, the rounds share a log.
        let account = format!("account of {component}");
        open(&app, &account, 100).await;
        app.drained().await.unwrap();
        faults.set(component, Fault::Panics);
        let at = if component == "Transfers" {
            let transfer = Transfer { account, to: "b".into(), amount: 1 };
            app.send(transfer).await.unwrap().position
        } else {
            app.send(Withdraw { account, amount: 1 }).await.unwrap().position
        };
        match app.drained().await.unwrap_err() {
            Error::ConsumerStopped { consumer: stopped, position, reason } => {
                assert_eq!((stopped.as_str(), position), (consumer, at));
                assert!(reason.contains("HANDLER_PANICKED") && reason.contains("was told to panic"), "{reason}");
            }
            other => panic!("{other}"),
        }
        assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED", "it is told at the end, too");
        // The next round starts with everything passed.
        let app = start_stopping(&backend, &Faults::default()).await;
        app.drained().await.unwrap();
        app.shutdown().await.unwrap();
    }
}

pub(super) async fn a_failing_aggregate_stores_nothing(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 100).await;
    faults.set("Accounts", Fault::Panics);
    let withdraw = || app.send(Withdraw { account: "a".into(), amount: 1 }).idempotency_key("k");
    for _ in 0..3 {
        let error = withdraw().await.unwrap_err();
        assert_eq!(error.code(), "HANDLER_PANICKED");
        assert!(error.to_string().contains("bank.v1.app.Accounts"), "{error}");
    }
    assert_eq!(log(&app).await.len(), 2);
    open(&app, "b", 1).await;
    faults.mend("Accounts");
    let outcome = withdraw().await.unwrap();
    assert_eq!((outcome.duplicate, outcome.events[0].sequence), (false, 2));
    app.drained().await.unwrap();
}

pub(super) async fn a_failing_consumer_goes_on_after_mending(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    app.shutdown().await.unwrap();
    let faults = Faults::default();
    for component in ["Transfers", "Balances"] {
        faults.set(component, Fault::Fails);
    }
    let app = start_stopping(&backend, &faults).await;
    let first = transfer(&app, 30).await;
    transfer(&app, 20).await;
    assert_eq!(code(app.drained().await), "CONSUMER_STOPPED");
    assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED");

    // Still broken: it stops at the same event, not at a later one.
    let app = start_stopping(&backend, &faults).await;
    faults.mend("Balances");
    assert!(stopped(&app, TRANSFERS).await.position < first);
    assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED");

    faults.mend("Transfers");
    let app = start_stopping(&backend, &faults).await;
    app.drained().await.unwrap();
    assert_eq!(event_names(&app, "b").await[2..], ["TransferReceived", "TransferReceived"]);
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(50), Some(50)));
    app.shutdown().await.unwrap();
}
