//! Queries: law 8 for those who only ask.

use angzarr_runtime::store::AsOf;
use angzarr_runtime::{App, Error, Query, prost};
use angzarr_tests::StoreFaults;
use angzarr_tests::bank::v1::{CloseAccount, Deposit, GetStatement, Statement, Withdraw};
use futures_util::future::join_all;

use super::{code, log, open, start_accounts, start_accounts_over};
use crate::backend::Backend;

async fn ask(app: &App, account: &str) -> Result<Statement, Error> {
    app.query(GetStatement { account: account.into() }).await
}

async fn deposit(app: &App, amount: u64) {
    app.send(Deposit { account: "a".into(), amount }).await.unwrap();
}

pub(super) async fn queries_see_what_was_acknowledged(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 0).await;
    for (balance, events) in (1..=10).zip(3..) {
        deposit(&app, 1).await;
        assert_eq!(ask(&app, "a").await.unwrap(), Statement { balance, events });
    }
    // In the middle of others, each sees at least its own deposit, and a state that there was.
    let callers = (0..20).map(|_| {
        let app = app.clone();
        tokio::spawn(async move {
            let before = ask(&app, "a").await.unwrap();
            deposit(&app, 1).await;
            let after = ask(&app, "a").await.unwrap();
            assert!(after.balance > before.balance);
            assert_eq!(u64::from(after.events), after.balance + 2);
        })
    });
    join_all(callers).await.into_iter().for_each(|done| done.unwrap());
    assert_eq!(ask(&app, "a").await.unwrap().balance, 30);
}

pub(super) async fn queries_see_what_others_wrote(backend: impl Backend) {
    let faults = StoreFaults::default();
    let (one, other) = (start_accounts_over(&backend, &faults).await, start_accounts_over(&backend, &faults).await);
    open(&one, "a", 0).await;
    for amount in 1..=5 {
        deposit(&one, 1).await;
        assert_eq!(ask(&other, "a").await.unwrap().balance, 2 * amount - 1);
        deposit(&other, 1).await;
        assert_eq!(ask(&one, "a").await.unwrap().balance, 2 * amount);
    }
    one.send(CloseAccount { account: "a".into() }).await.unwrap();
    assert_eq!(code(ask(&other, "a").await), "ACCOUNT_REJECTION_NOT_OPEN", "nobody is refused on an old state either");
}

/// A query that its aggregate does not know.
#[derive(Clone, PartialEq, prost::Message, Query)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[query(name = "bank.v1.GetWeather", domain = "accounts", root = account, answer = Statement)]
struct GetWeather {
    #[prost(string, tag = "1")]
    account: String,
}

/// One that nobody is there for.
#[derive(Clone, PartialEq, prost::Message, Query)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[query(name = "bank.v1.GetNothing", domain = "nowhere", root = account, answer = Statement)]
struct GetNothing {
    #[prost(string, tag = "1")]
    account: String,
}

pub(super) async fn queries_write_nothing(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    let before = log(&app).await;
    ask(&app, "a").await.unwrap();
    assert_eq!(code(ask(&app, "nobody").await), "ACCOUNT_REJECTION_NOT_OPEN");
    assert_eq!(code(ask(&app, "").await), "ROOT_EMPTY");
    assert_eq!(code(app.query(GetWeather { account: "a".into() }).await), "QUERY_UNKNOWN");
    assert_eq!(code(app.query(GetNothing { account: "a".into() }).await), "DOMAIN_UNKNOWN");
    assert_eq!(log(&app).await, before);
    // Whoever decides next does so on an undisturbed state.
    assert_eq!(code(app.send(Withdraw { account: "a".into(), amount: 11 }).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    app.send(Withdraw { account: "a".into(), amount: 10 }).expecting(2).await.unwrap();
    let kept = app.clone();
    app.shutdown().await.unwrap();
    assert_eq!(code(ask(&kept, "a").await), "SHUTTING_DOWN");
}

pub(super) async fn queries_as_of_then_see_what_was_then(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    for _ in 0..9 {
        deposit(&app, 1).await;
    }
    let then = |as_of| app.query(GetStatement { account: "a".into() }).as_of(as_of).into_future();
    for (sequence, balance) in [(0, 0), (1, 10), (5, 14), (10, 19), (u32::MAX, 19)] {
        assert_eq!(then(AsOf::Sequence(sequence)).await.unwrap().balance, balance);
    }
    let first = log(&app).await[0].created_at;
    let earlier = angzarr_runtime::prost_types::Timestamp { seconds: first.seconds - 1, ..first };
    assert_eq!(code(then(AsOf::Time(earlier)).await), "ACCOUNT_REJECTION_NOT_OPEN");
    assert_eq!(ask(&app, "a").await.unwrap().balance, 19);
}
