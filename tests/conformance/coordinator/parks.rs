//! Law 9: what fails is parked in order, and comes back in order.

use std::time::Duration;

use angzarr_runtime::app::{Cleared, Consumer};
use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::proto;
use angzarr_runtime::store::RecordKind;
use angzarr_runtime::{App, Payload};
use angzarr_tests::bank::v1::{Deposit, Receive, Transfer, TransferReceived, Withdraw};
use angzarr_tests::{Fault, Faults, register};

use super::lanes::transfer;
use super::{
    BALANCES, NOTICES, TRANSFERS, WATCH, balance, beneath, code, decode, event_names, forget, log, open, start, status,
    stream,
};
use crate::backend::Backend;

fn consumer(app: &App, name: &str) -> Consumer {
    app.consumer(name).unwrap()
}

/// The lane of a saga's events.
fn lane(account: &str) -> String {
    stream("accounts", account).root.to_string()
}

async fn letters(app: &App, name: &str) -> Vec<(u64, usize)> {
    let letters = consumer(app, name).dead_letters(None, 1_000).await.unwrap();
    letters.into_iter().map(|letter| (letter.event.position, letter.attempts.len())).collect()
}

async fn received(app: &App, account: &str) -> Vec<u64> {
    let events = app.events("accounts", account).await.unwrap();
    let received = events.iter().filter(|event| event.payload.type_name.ends_with("TransferReceived"));
    received.map(|event| decode::<TransferReceived>(event).amount).collect()
}

/// Two accounts, and the transfers of one of them parked: of 1, 2 and 3.
async fn parked(app: &App, faults: &Faults) -> u64 {
    open(app, "a", 1_000).await;
    open(app, "b", 1_000).await;
    faults.set_for("Transfers", "a", Fault::Fails);
    let first = transfer(app, "a", "b", 1).await;
    transfer(app, "a", "b", 2).await;
    app.drained().await.unwrap();
    transfer(app, "a", "b", 3).await;
    transfer(app, "b", "a", 50).await;
    app.drained().await.unwrap();
    assert_eq!((received(app, "b").await, received(app, "a").await), (vec![], vec![50]));
    first
}

pub(super) async fn parks_are_kept_and_replayed_in_order(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    let first = parked(&app, &faults).await;
    assert_eq!(letters(&app, TRANSFERS).await, [(first, 6)]);
    assert_eq!(status(&app, TRANSFERS).failures, [("FAULT".to_owned(), 6)].into(), "each attempt is counted");
    let letter = consumer(&app, TRANSFERS).dead_letters(None, 1).await.unwrap().remove(0);
    assert!(letter.attempts.iter().all(|attempt| attempt.code == "FAULT" && attempt.reason.contains("told to fail")));
    assert_eq!((letter.lane, letter.record.position), (lane("a"), first), "its record has the trace");
    // Nothing compensates a technical failure.
    assert!(!event_names(&app, "a").await.contains(&"TransferReturned".to_owned()));
    app.shutdown().await.unwrap();

    faults.mend("Transfers");
    let app = start(&backend, &faults).await;
    transfer(&app, "a", "b", 4).await;
    app.drained().await.unwrap();
    assert_eq!(received(&app, "b").await, [0; 0], "a mended handler alone does not overtake the park");
    let parks = consumer(&app, TRANSFERS).parks().await.unwrap();
    assert_eq!((parks.len(), parks[0].events, parks[0].first.position), (1, 4, first));
    assert_eq!(consumer(&app, TRANSFERS).parked(&lane("a"), 10).await.unwrap().len(), 4);
    let cleared = consumer(&app, TRANSFERS).replay(lane("a")).await.unwrap();
    assert_eq!((cleared.events, cleared.failed), (4, None));
    transfer(&app, "a", "b", 5).await;
    app.drained().await.unwrap();
    assert_eq!(received(&app, "b").await, [1, 2, 3, 4, 5]);
    assert_eq!((letters(&app, TRANSFERS).await, status(&app, TRANSFERS).parks), (vec![], 0));
    assert_eq!(balance(&app, "b").await, Some(965));
    app.shutdown().await.unwrap();
}

pub(super) async fn parks_that_fail_again_stay(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    let first = parked(&app, &faults).await;
    let again = consumer(&app, TRANSFERS);
    let cleared = again.replay(lane("a")).await.unwrap();
    assert_eq!((cleared.events, cleared.failed.as_ref().unwrap().0.position), (0, first));
    assert_eq!(letters(&app, TRANSFERS).await, [(first, 12)], "every attempt is kept");
    assert_eq!(consumer(&app, TRANSFERS).parks().await.unwrap()[0].events, 3);
    faults.mend("Transfers");
    assert_eq!(again.replay(lane("a")).await.unwrap().events, 3);
    assert_eq!(received(&app, "b").await, [1, 2, 3]);
}

pub(super) async fn parks_are_skipped_and_discarded(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    parked(&app, &faults).await;
    let saga = consumer(&app, TRANSFERS);
    assert_eq!(saga.skip(lane("a")).await.unwrap().events, 1);
    assert_eq!((letters(&app, TRANSFERS).await, saga.parks().await.unwrap()[0].events), (vec![], 2));
    faults.mend("Transfers");
    assert_eq!(saga.replay(lane("a")).await.unwrap().events, 2);
    assert_eq!(received(&app, "b").await, [2, 3]);

    faults.set_for("Transfers", "a", Fault::Fails);
    for amount in [7, 8] {
        transfer(&app, "a", "b", amount).await;
    }
    app.drained().await.unwrap();
    assert_eq!(saga.discard(lane("a")).await.unwrap().events, 2);
    assert_eq!((letters(&app, TRANSFERS).await, saga.parks().await.unwrap()), (vec![], vec![]));
    faults.mend("Transfers");
    transfer(&app, "a", "b", 9).await;
    app.drained().await.unwrap();
    assert_eq!(received(&app, "b").await, [2, 3, 9]);
    assert!(!event_names(&app, "a").await.contains(&"TransferReturned".to_owned()));
}

pub(super) async fn parks_are_discarded_and_compensated(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    parked(&app, &faults).await;
    let saga = consumer(&app, TRANSFERS);
    // It has to say what it would have sent.
    let failed = saga.discard_and_compensate(lane("a")).await.unwrap();
    assert_eq!((failed.events, failed.failed.unwrap().1.code), (0, "FAULT".to_owned()));
    faults.mend("Transfers");
    assert_eq!(saga.discard_and_compensate(lane("a")).await.unwrap().events, 3);
    app.drained().await.unwrap();
    assert_eq!((received(&app, "b").await, balance(&app, "a").await), (vec![], Some(1_050)));
    let returned = app.events("accounts", "a").await.unwrap().pop().unwrap();
    let returned: angzarr_tests::bank::v1::TransferReturned = decode(&returned);
    assert_eq!((returned.amount, returned.reason.as_str()), (3, "DISCARDED"));

    faults.set_for("Balances", "a", Fault::Fails);
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    app.drained().await.unwrap();
    let none = consumer(&app, BALANCES).discard_and_compensate("a").await.unwrap();
    assert_eq!(none.failed.unwrap().1.code, "NOT_COMPENSABLE");
}

pub(super) async fn parks_keep_what_was_accepted_before_they_are_discarded(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1_000).await;
    open(&app, "b", 1_000).await;
    transfer(&app, "a", "b", 1).await;
    transfer(&app, "a", "nobody", 2).await;
    app.drained().await.unwrap();
    let before = log(&app).await;
    app.shutdown().await.unwrap();
    beneath(&backend, async |opened| forget(&opened.store, TRANSFERS).await).await;

    faults.set_for("Transfers", "a", Fault::Fails);
    let app = start(&backend, &faults).await;
    app.drained().await.unwrap();
    faults.mend("Transfers");
    assert_eq!(consumer(&app, TRANSFERS).discard_and_compensate(lane("a")).await.unwrap().events, 2);
    app.drained().await.unwrap();
    assert_eq!(log(&app).await, before);
    app.shutdown().await.unwrap();
}

pub(super) async fn parks_that_are_many_pause_the_consumer(backend: impl Backend) {
    let faults = Faults::default();
    let once = Delivery { attempts: 1, ..Delivery::DEFAULT };
    let app = register(App::builder(backend.storage()), &faults).delivery(NOTICES, once).start().await.unwrap();
    for account in 0..102 {
        open(&app, &account.to_string(), 10).await;
    }
    app.drained().await.unwrap();
    faults.set("Notices", Fault::Fails);
    for account in 0..102 {
        app.send(Withdraw { account: account.to_string(), amount: 1 }).await.unwrap();
    }
    assert_eq!(code(app.drained().await), "CONSUMER_PAUSED");
    let paused = status(&app, NOTICES);
    assert_eq!((paused.parks, paused.stopped), (100, None));
    assert!(paused.paused.unwrap().contains("FAULT"), "it says what the last failure was");
    let consumer = consumer(&app, NOTICES);
    assert_eq!(letters(&app, NOTICES).await.len(), 100);
    assert_eq!(code(consumer.replay("0").await), "CONSUMER_PAUSED");
    let deposit = Deposit { account: "0".into(), amount: 1 };
    app.send(deposit).sync(angzarr_runtime::SyncMode::Simple).await.unwrap();

    faults.mend("Notices");
    consumer.resume().await.unwrap();
    app.drained().await.unwrap();
    assert_eq!((status(&app, NOTICES).paused, status(&app, NOTICES).parks), (None, 100));
    for park in consumer.parks().await.unwrap() {
        assert_eq!(consumer.replay(park.lane).await.unwrap().events, 1);
    }
    assert_eq!((consumer.parks().await.unwrap(), letters(&app, NOTICES).await), (vec![], vec![]));

    consumer.pause().await.unwrap();
    assert_eq!(
        code(
            app.drained()
                .await
                .and(app.send(Withdraw { account: "0".into(), amount: 1 }).await.map(drop))
                .and(app.drained().await)
        ),
        "CONSUMER_PAUSED"
    );
    consumer.resume().await.unwrap();
    app.drained().await.unwrap();
}

pub(super) async fn parks_under_other_policies(backend: impl Backend) {
    let faults = Faults::default();
    let skip = Delivery { attempts: 2, on_failure: OnFailure::Skip, ..Delivery::DEFAULT };
    let app = register(App::builder(backend.storage()), &faults).delivery(TRANSFERS, skip).start().await.unwrap();
    open(&app, "a", 100).await;
    open(&app, "b", 100).await;
    faults.set_for("Transfers", "a", Fault::FailsTimes(2));
    let skipped = transfer(&app, "a", "b", 1).await;
    transfer(&app, "a", "b", 2).await;
    app.drained().await.unwrap();
    assert_eq!((received(&app, "b").await, letters(&app, TRANSFERS).await), (vec![2], vec![(skipped, 2)]));
    assert_eq!(status(&app, TRANSFERS).parks, 0);
}

pub(super) async fn parks_without_a_lane_and_strangers_are_told(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    assert_eq!(code(app.consumer("bank.v1.app.Nobody")), "CONSUMER_UNKNOWN");
    let saga = consumer(&app, TRANSFERS);
    for result in [saga.replay("x").await, saga.skip("x").await, saga.discard("x").await] {
        assert_eq!(code::<Cleared>(result), "LANE_NOT_PARKED");
    }
    saga.resume().await.unwrap();
    let elsewhere = super::start_beside(&backend, &Faults::default()).await;
    // Two applications in memory share nothing.
    if app.log_id() == elsewhere.log_id() {
        assert_eq!(code(consumer(&elsewhere, WATCH).replay("x").await), "LANE_NOT_PARKED");
    }
}

pub(super) async fn refusals_without_compensation_become_dead_letters(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    open(&app, "a/card", 0).await;
    // The watch freezes the account and its card at the second withdrawal; both are frozen by then.
    for account in ["a", "a/card"] {
        let freeze = angzarr_tests::bank::v1::FreezeAccount { account: account.into() };
        if account == "a/card" {
            app.send(freeze).await.unwrap();
        }
    }
    for _ in 0..2 {
        app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    }
    app.drained().await.unwrap();
    assert!(log(&app).await.iter().any(|record| record.kind == RecordKind::Refusal), "it was refused");
    assert_eq!(status(&app, WATCH).parks, 0, "a refusal holds nothing up");
}

/// A book as a consumer far down a chain would send it.
fn deep(depth: u32) -> proto::CommandBook {
    let receive = Receive { account: "b".into(), sender: "a".into(), amount: 1 };
    proto::CommandBook {
        cover: Some(proto::Cover { domain: "accounts".into(), key: "b".into(), ..Default::default() }),
        pages: vec![proto::CommandPage { command: Some(Payload::command(&receive).to_any()), ..Default::default() }],
        depth,
        ..Default::default()
    }
}

pub(super) async fn chains_that_never_end_end_in_a_park(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    open(&app, "b", 100).await;
    app.execute(deep(0)).await.unwrap();
    app.drained().await.unwrap();
    // An event at the end of a long chain, as it would be stored.
    let record = log(&app).await.into_iter().next_back().unwrap();
    let cause = angzarr_runtime::store::Cause {
        domain: "accounts".into(),
        root: record.stream.root,
        sequence: 0,
        part: 0,
        component: TRANSFERS.into(),
        depth: 100,
    };
    let sent = angzarr_tests::bank::v1::TransferSent { account: "a".into(), to: "b".into(), amount: 1 };
    let opened = backend.open().await;
    let book = angzarr_runtime::store::NewBook {
        stream: stream("accounts", "a"),
        key: "a".into(),
        expected: None,
        idempotency_key: None,
        records: vec![angzarr_runtime::store::NewRecord {
            kind: RecordKind::Event,
            payload: Payload::event(&sent),
            occurred_at: None,
            due: None,
        }],
        cleared: Vec::new(),
        created_at: record.created_at,
        trace: angzarr_runtime::store::Trace {
            correlation_id: "talk".into(),
            cause: Some(std::sync::Arc::new(cause)),
            traceparent: None,
        },
    };
    let appended = opened.store.append(book).await.unwrap();
    let position = appended.records[0].position;
    let found = async {
        while letters(&app, TRANSFERS).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // What is in memory cannot be reached beside the application.
    if opened.store.log_id() == app.log_id() {
        tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
        let letter = consumer(&app, TRANSFERS).dead_letters(None, 1).await.unwrap().remove(0);
        assert_eq!((letter.event.position, letter.attempts[0].code.as_str()), (position, "CHAIN_TOO_LONG"));
    }
    let _ = app.send(Transfer { account: "b".into(), to: "a".into(), amount: 1 }).await.unwrap();
}
