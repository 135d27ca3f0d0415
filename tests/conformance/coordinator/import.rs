//! History from elsewhere.

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::RecordKind;
use angzarr_tests::bank::v1::{AccountOpened, AccountOpenedV2, Deposited, Turnover, Withdraw};
use angzarr_tests::watch::v1::WithdrawalCounted;

use super::{code, decode, event_names, log, names, start_accounts};
use crate::backend::Backend;

fn deposited(amount: u64) -> Deposited {
    Deposited { account: "a".into(), amount, ..Deposited::default() }
}

pub(super) async fn imports_are_taken_as_they_are(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let long_ago = Timestamp { seconds: 86_400, nanos: 0 };
    let opened = AccountOpened { account: "a".into(), city: "Gent".into() };
    // No rule would have allowed the withdrawal that the turnover holds, nor a deposit before the account is open.
    let outcome = app
        .import("accounts", "a")
        .event(&deposited(1), Some(long_ago))
        .event(&opened, None)
        .event(&Turnover { account: "a".into(), deposited: 5, withdrawn: 4 }, None)
        .correlation_id("move")
        .await
        .unwrap();
    assert_eq!(names(&outcome.events), ["Deposited", "AccountOpenedV2", "Deposited", "Withdrawn"]);
    assert_eq!((outcome.duplicate, outcome.position), (false, 3));
    let events = app.events("accounts", "a").await.unwrap();
    assert_eq!(events, outcome.events);
    assert_eq!((events[0].occurred_at, events[1].occurred_at), (Some(long_ago), None));
    assert!(events.iter().all(|event| event.kind == RecordKind::Event && &*event.trace.correlation_id == "move"));
    assert!(events.iter().all(|event| &*event.key == "a" && event.trace.cause.is_none()));
    app.send(Withdraw { account: "a".into(), amount: 2 }).await.unwrap();
}

pub(super) async fn imports_are_stored_once(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let import = |amount| app.import("accounts", "a").event(&deposited(amount), None).idempotency_key("file:1");
    let first = import(1).await.unwrap();
    let again = import(2).await.unwrap();
    assert_eq!((first.duplicate, again.duplicate), (false, true));
    assert_eq!((again.events, again.position), (first.events, first.position));
    assert_eq!(log(&app).await.len(), 1);
}

pub(super) async fn imports_without_a_key_are_stored_each_time(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    for amount in [1, 2] {
        let import = app.import("accounts", "a").event(&deposited(amount), None);
        // An empty key is none.
        assert!(!import.idempotency_key("").await.unwrap().duplicate);
    }
    let amounts: Vec<_> = log(&app).await.iter().map(|record| decode::<Deposited>(record).amount).collect();
    assert_eq!(amounts, [1, 2]);
}

pub(super) async fn imports_check_the_sequence(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let import = |expected| app.import("accounts", "a").event(&deposited(1), None).expecting(expected);
    assert_eq!(code(import(1).await), "SEQUENCE_CONFLICT");
    import(0).await.unwrap();
    assert_eq!(code(import(0).await), "SEQUENCE_CONFLICT");
    import(1).await.unwrap();
    assert_eq!(event_names(&app, "a").await.len(), 2);
}

pub(super) async fn imports_refuse_strangers(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    let opened = AccountOpenedV2 { account: "a".into(), branch: None };
    let stranger = WithdrawalCounted { account: "a".into() };
    assert_eq!(code(app.import("accounts", "a").await), "BOOK_EMPTY");
    assert_eq!(code(app.import("accounts", "").event(&opened, None).await), "ROOT_EMPTY");
    assert_eq!(code(app.import("nowhere", "a").event(&opened, None).await), "DOMAIN_UNKNOWN");
    let mixed = app.import("accounts", "a").event(&opened, None).event(&stranger, None);
    assert_eq!(code(mixed.await), "EVENT_UNKNOWN");
    assert_eq!(log(&app).await, []);
}
