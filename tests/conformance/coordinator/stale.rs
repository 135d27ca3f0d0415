//! Law 8.

use angzarr_runtime::Error;
use angzarr_runtime::store::StoreError;
use angzarr_tests::bank::v1::{Deposit, Deposited, Withdraw};
use futures_util::future::join_all;

use super::{decode, event_names, log, open, start_accounts};
use crate::backend::Backend;

pub(super) async fn stale_sequences_conflict(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    let deposit = |expected| app.send(Deposit { account: "a".into(), amount: 1 }).expecting(expected);
    for expected in [0, 1, 3] {
        match deposit(expected).await.unwrap_err() {
            Error::Store(error) => assert_eq!(error, StoreError::Conflict { expected, actual: 2 }),
            other => panic!("{other}"),
        }
    }
    assert_eq!(log(&app).await.len(), 2);
    let results = join_all((0..20).map(|_| deposit(2).into_future())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), "SEQUENCE_CONFLICT");
    }
    assert_eq!(log(&app).await.len(), 3);
}

pub(super) async fn stale_states_are_never_decided_on(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 0).await;
    let sends = (1..=20).map(|amount| app.send(Deposit { account: "a".into(), amount }).into_future());
    let mut outcomes: Vec<_> = join_all(sends).await.into_iter().map(Result::unwrap).collect();
    outcomes.sort_by_key(|outcome| outcome.position);
    let sequences: Vec<_> = outcomes.iter().map(|outcome| outcome.events[0].sequence).collect();
    assert_eq!(sequences, (2..22).collect::<Vec<_>>());
    let sum: u64 = outcomes.iter().map(|outcome| decode::<Deposited>(&outcome.events[0]).amount).sum();
    assert_eq!(sum, 210);
    app.send(Withdraw { account: "a".into(), amount: 210 }).await.unwrap();
}

pub(super) async fn stale_rejections_do_not_happen(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    let sends = (0..20).map(|_| app.send(Withdraw { account: "a".into(), amount: 10 }).into_future());
    let results = join_all(sends).await;
    let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (10, 10));
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), "ACCOUNT_REJECTION_INSUFFICIENT");
    }
    assert_eq!(event_names(&app, "a").await.len(), 12);
    // What was answered before a command is sent counts for it.
    for _ in 0..20 {
        app.send(Deposit { account: "a".into(), amount: 10 }).await.unwrap();
        app.send(Withdraw { account: "a".into(), amount: 10 }).await.unwrap();
        assert!(app.send(Withdraw { account: "a".into(), amount: 10 }).await.is_err());
    }
}
