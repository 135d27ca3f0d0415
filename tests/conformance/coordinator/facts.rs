//! Facts: recorded once under their external id, and never refused.

use angzarr_runtime::app::SyncMode;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{AsOf, Record, RecordKind};
use angzarr_runtime::{App, Error, Outcome};
use angzarr_tests::bank::v1::{
    Account, CloseAccount, Deposit, FreezeAccount, OwnerSeen, PaymentReceived, PaymentUnclaimed,
};
use angzarr_tests::placed;
use angzarr_tests::{Faults, LostAndFound, register};
use futures_util::future::join_all;

use super::{balance, code, decode, log, names, of, open, start, start_accounts};
use crate::backend::Backend;

fn payment(account: &str, reference: &str, amount: u64) -> PaymentReceived {
    PaymentReceived { account: account.into(), reference: reference.into(), amount }
}

async fn pay(app: &App, reference: &str, amount: u64) -> Result<Outcome, Error> {
    app.record(payment("a", reference, amount)).await
}

async fn account(app: &App) -> Account {
    app.state("accounts", "a", AsOf::Now).await.unwrap().unwrap()
}

fn kinds(records: &[Record]) -> Vec<RecordKind> {
    records.iter().map(|record| record.kind).collect()
}

pub(super) async fn facts_are_recorded_once_under_their_external_id(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    let happened = Timestamp { seconds: 1_000, nanos: 5_000 };
    let first = app.record(payment("a", "bank-1", 5)).occurred_at(happened).correlation_id("c").await.unwrap();
    assert!(!first.duplicate);
    let [fact] = first.events.as_slice() else { panic!("{first:?}") };
    assert_eq!((fact.kind, fact.occurred_at), (RecordKind::Fact, Some(happened)));
    assert_eq!(&*fact.trace.correlation_id, "c");

    // Told again at once by many, and with other words.
    let again = join_all((0..10).map(|amount| pay(&app, "bank-1", amount))).await;
    for outcome in again {
        let outcome = outcome.unwrap();
        assert!(outcome.duplicate);
        assert_eq!(outcome.events, first.events);
    }
    let (one, other) = tokio::join!(pay(&app, "bank-2", 1), pay(&app, "bank-2", 1));
    assert_eq!([one.unwrap().duplicate, other.unwrap().duplicate].iter().filter(|duplicate| **duplicate).count(), 1);
    // Ids count within one stream.
    assert!(!app.record(payment("b", "bank-1", 5)).await.unwrap().duplicate);
    assert_eq!(account(&app).await.balance, 16);
}

pub(super) async fn facts_stay_recorded_after_a_restart(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let first = pay(&app, "bank-1", 5).await.unwrap();
    app.shutdown().await.unwrap();
    let app = start_accounts(&backend).await;
    let again = pay(&app, "bank-1", 5).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.events, first.events);
    assert_eq!(account(&app).await, Account { balance: 5, events: 2, ..Account::default() });
}

pub(super) async fn facts_are_never_refused(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    // The account is not open yet: what the aggregate makes of that follows in the same book.
    let early = pay(&app, "bank-1", 5).await.unwrap().events;
    assert_eq!(names(&early), ["PaymentReceived", "PaymentUnclaimed"]);
    assert_eq!(kinds(&early), [RecordKind::Fact, RecordKind::Event]);
    assert_eq!((early[0].sequence, early[1].sequence), (0, 1));
    assert_eq!(early[1].position, early[0].position + 1);
    open(&app, "a", 10).await;
    app.send(FreezeAccount { account: "a".into() }).await.unwrap();
    assert_eq!(names(&pay(&app, "bank-2", 6).await.unwrap().events), ["PaymentReceived"]);
    app.send(CloseAccount { account: "a".into() }).await.unwrap_err();
    // Folds and later decisions have seen them.
    let seen = account(&app).await;
    assert_eq!((seen.balance, seen.events), (21, 6));
}

pub(super) async fn facts_reach_consumers(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 10).await;
    let outcome = app.record(payment("a", "bank-1", 5)).sync(SyncMode::Simple).await.unwrap();
    assert_eq!(outcome.waited_for.len(), 3);
    assert_eq!(balance(&app, "a").await, Some(15));
    app.shutdown().await.unwrap();
}

pub(super) async fn facts_of_sagas_are_the_same_whoever_tells_them(backend: impl Backend) {
    let faults = Faults::default();
    let app = register(App::builder(backend.storage()), &faults).register(placed(LostAndFound)).start().await.unwrap();
    open(&app, "lost", 0).await;
    app.record(payment("a", "bank-1", 5)).correlation_id("c").await.unwrap();
    app.drained().await.unwrap();
    let all = log(&app).await;
    let lost = of(&all, "accounts", "lost");
    assert_eq!(names(lost.iter().copied()), ["AccountOpenedV2", "Deposited", "PaymentReceived"]);
    let told = lost[2];
    assert_eq!((told.kind, &*told.trace.correlation_id), (RecordKind::Fact, "c"));
    let cause = told.trace.cause.as_ref().unwrap();
    assert_eq!((&*cause.component, cause.sequence), ("bank.v1.app.LostMoney", 1));
    assert!(app.record(payment("lost", "bank-1", 5)).await.unwrap().duplicate, "the saga told it");

    // And the other way round.
    app.record(payment("lost", "bank-2", 6)).await.unwrap();
    app.record(payment("a", "bank-2", 6)).await.unwrap();
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "lost").await, Some(11));
    app.shutdown().await.unwrap();
}

pub(super) async fn facts_decide_the_same_for_the_same_external_id(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    // Under a key that nobody has told yet, the id follows from the key alone.
    let told = pay(&app, "bank-1", 5).await.unwrap().events;
    let root = told[0].stream.root;
    let decision = uuid::Uuid::new_v5(&root, b"client/accounts/bank-1");
    let expected = uuid::Uuid::new_v5(&decision, b"id/0").to_string();
    assert_eq!(decode::<PaymentUnclaimed>(&told[1]).id, expected);
}

pub(super) async fn facts_do_not_vanish_behind_other_keys(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    app.send(Deposit { account: "a".into(), amount: 1 }).idempotency_key("k").await.unwrap();
    assert_eq!(code(pay(&app, "k", 5).await), "EXTERNAL_ID_TAKEN");
    // Nor behind those of other facts.
    app.record(OwnerSeen { account: "a".into(), visit: 7 }).await.unwrap();
    assert!(app.record(OwnerSeen { account: "a".into(), visit: 7 }).await.unwrap().duplicate);
    assert_eq!(code(pay(&app, "7", 5).await), "EXTERNAL_ID_TAKEN");
    assert_eq!(code(pay(&app, "", 5).await), "EXTERNAL_ID_EMPTY");
    assert_eq!(code(app.record(payment("", "x", 5)).await), "ROOT_EMPTY");
    assert_eq!(account(&app).await.balance, 11);
}
