//! How callers wait, go away, and how an application ends.

use std::time::Duration;

use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::{App, Error, SyncMode};
use angzarr_tests::bank::v1::{Deposit, OpenAccount, Transfer, Withdraw};
use angzarr_tests::{Fault, Faults, StoreFaults, register};
use futures_util::future::join_all;

use super::{
    BALANCES, BRANCHES, NOTICES, balance, code, event_names, faulty, log, open, start, start_accounts, start_stopping,
};
use crate::backend::Backend;

pub(super) async fn waiting_for_projectors_shows_their_rows(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 0).await;
    for n in 1..=20 {
        let deposit = app.send(Deposit { account: "a".into(), amount: 1 });
        let outcome = deposit.sync(SyncMode::Simple).await.unwrap();
        assert_eq!(balance(&app, "a").await, Some(n));
        assert_eq!(outcome.waited_for, [BALANCES, BRANCHES, NOTICES]);
    }
}

pub(super) async fn waiting_does_not_depend_on_other_lanes(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 0).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    faults.set_for("Balances", "a", Fault::Takes(Duration::from_secs(600)));
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    for n in 1..=20 {
        let deposit = app.send(Deposit { account: "b".into(), amount: 1 });
        deposit.sync(SyncMode::Simple).timeout(Duration::from_secs(20)).await.unwrap();
        assert_eq!(balance(&app, "b").await, Some(n));
    }
}

pub(super) async fn waiting_ends_at_a_parked_lane(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 0).await;
    app.drained().await.unwrap();
    faults.set_for("Balances", "a", Fault::Fails);
    for code in ["FAULT", "LANE_PARKED"] {
        let deposit = app.send(Deposit { account: "a".into(), amount: 1 }).sync(SyncMode::Simple);
        match deposit.await.unwrap_err() {
            Error::NotPassed { consumer, outcome, .. } => {
                assert_eq!((consumer.as_str(), outcome.events.len()), (BALANCES, 1));
                assert_eq!(outcome.failures[0].code, code);
            }
            other => panic!("{other}"),
        }
    }
}

/// Also when a command is sent again that was stored before this process ran the consumers.
pub(super) async fn waiting_tells_what_failed_in_an_earlier_process(backend: impl Backend) {
    let (faults, deposit) = (Faults::default(), Deposit { account: "a".into(), amount: 1 });
    let skip = Delivery { attempts: 1, on_failure: OnFailure::Skip, ..Delivery::DEFAULT };
    for process in 0..2 {
        let app = register(App::builder(faulty(&backend, &StoreFaults::default()).await), &faults);
        let app = app.delivery(BALANCES, skip).start().await.unwrap();
        if process == 0 {
            open(&app, "a", 0).await;
            app.drained().await.unwrap();
            faults.set_for("Balances", "a", Fault::Fails);
        }
        app.drained().await.unwrap();
        match app.send(deposit.clone()).idempotency_key("k").sync(SyncMode::Simple).await.unwrap_err() {
            Error::NotPassed { outcome, .. } => {
                assert_eq!((outcome.duplicate, &*outcome.failures[0].code), (process == 1, "FAULT"));
            }
            other => panic!("{other}"),
        }
        app.shutdown().await.unwrap();
    }
}

pub(super) async fn waiting_for_a_stopped_projector_ends(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_stopping(&backend, &faults).await;
    open(&app, "a", 0).await;
    app.drained().await.unwrap();
    faults.set("Balances", Fault::Fails);
    let deposit = || app.send(Deposit { account: "a".into(), amount: 1 }).sync(SyncMode::Simple);
    // Before it gives up, the deadline comes; afterwards, nobody waits for it.
    for (timeout, position) in [(Duration::from_millis(50), 3), (Duration::from_secs(20), 4)] {
        match deposit().timeout(timeout).await.unwrap_err() {
            Error::NotPassed { consumer, position: told, .. } => {
                assert_eq!((consumer.as_str(), told), (BALANCES, position));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(event_names(&app, "a").await.len(), 4, "the events are stored");
}

pub(super) async fn deadlines_are_kept(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 0).await;
    let deposit = |timeout| app.send(Deposit { account: "a".into(), amount: 1 }).timeout(timeout);
    assert_eq!(code(deposit(Duration::ZERO).await), "DEADLINE_EXCEEDED");
    assert_eq!(log(&app).await.len(), 2);
    deposit(Duration::from_secs(60)).await.unwrap();
}

pub(super) async fn deadlines_beyond_the_end_of_time_are_none(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 0).await;
    for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2), Duration::from_secs(1 << 50)] {
        for sync in [SyncMode::None, SyncMode::Simple] {
            let deposit = app.send(Deposit { account: "a".into(), amount: 1 });
            deposit.sync(sync).timeout(timeout).await.unwrap();
        }
    }
    assert_eq!(balance(&app, "a").await, Some(6));
}

pub(super) async fn shutting_down_drains(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1000).await;
    open(&app, "b", 0).await;
    let sends = (0..20).map(|_| app.send(Transfer { account: "a".into(), to: "b".into(), amount: 1 }).into_future());
    join_all(sends).await.into_iter().for_each(|sent| drop(sent.unwrap()));
    app.clone().shutdown().await.unwrap();
    assert_eq!(faults.calls("Transfers"), 20, "the consumers reached the end of the log");
    let late = app.send(OpenAccount { account: "c".into(), branch: None });
    assert_eq!(code(late.await), "SHUTTING_DOWN");
    let import = app.import("accounts", "a").event(&angzarr_tests::bank::v1::Deposited::default(), None);
    assert_eq!(code(import.await), "SHUTTING_DOWN");
    assert_eq!(code(app.read_log(0, 1).await), "STORE_CLOSED");
}

pub(super) async fn shutting_down_leaves_nothing_to_do(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1000).await;
    open(&app, "b", 0).await;
    for amount in 1..=10 {
        app.send(Transfer { account: "a".into(), to: "b".into(), amount }).await.unwrap();
    }
    app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    app.shutdown().await.unwrap();
    let calls = ["Transfers", "Balances", "Notices", "WithdrawalWatch"].map(|name| faults.calls(name));

    let app = start(&backend, &faults).await;
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(944), Some(55)));
    assert_eq!(event_names(&app, "b").await.len(), 12);
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    assert_eq!(["Transfers", "Balances", "Notices", "WithdrawalWatch"].map(|name| faults.calls(name)), calls);
}

pub(super) async fn a_dropped_send_is_whole(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 0).await;
    for n in 0..10 {
        let send = app.send(Deposit { account: "a".into(), amount: 1 }).idempotency_key(format!("k{n}"));
        let _ = tokio::time::timeout(Duration::from_micros(n * 20), send.into_future()).await;
    }
    // Whoever went away can still ask what came of it.
    for n in 0..10 {
        let send = app.send(Deposit { account: "a".into(), amount: 1 }).idempotency_key(format!("k{n}"));
        assert_eq!(send.await.unwrap().events.len(), 1);
    }
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(10));
    assert_eq!(log(&app).await.len(), 12);
}
