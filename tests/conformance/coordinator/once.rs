//! Law 4.

use angzarr_runtime::id::{Purpose, Trigger, consumer_key, root_id};
use angzarr_runtime::prost::Message;
use angzarr_runtime::proto::Refusal;
use angzarr_runtime::store::RecordKind;
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{
    AdjustBalance, Deposit, Deposited, OpenAccount, Transfer, TransferReceived, TransferReturned, TransferSent,
    Withdraw,
};
use futures_util::future::join_all;
use uuid::Uuid;

use super::{
    NOTICES, TRANSFERS, WATCH, balance, beneath, code, decode, forget, log, names, of, open, start, start_accounts,
};
use crate::backend::Backend;

fn transfer(to: &str, amount: u64) -> Transfer {
    Transfer { account: "a".into(), to: to.into(), amount }
}

pub(super) async fn once_a_client_key_returns_the_first_events(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    let withdraw = || app.send(Withdraw { account: "a".into(), amount: 60 }).idempotency_key("k");
    let first = withdraw().await.unwrap();
    assert_eq!((first.duplicate, names(&first.events)), (false, vec!["Withdrawn"]));
    // By now the rules would refuse it.
    let again = withdraw().await.unwrap();
    assert!(again.duplicate);
    assert_eq!((again.events, again.position), (first.events.clone(), first.position));
    // The key comes before the sequence.
    let again = withdraw().expecting(0).await.unwrap();
    assert_eq!((again.duplicate, again.events), (true, first.events));
    assert_eq!(log(&app).await.len(), 3);
}

pub(super) async fn once_an_empty_result_stays_empty(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    let adjust = || app.send(AdjustBalance { account: "a".into(), balance: 100 }).idempotency_key("k");
    let first = adjust().await.unwrap();
    assert_eq!((first.events.len(), first.duplicate, first.position), (0, false, 0));
    app.send(Deposit { account: "a".into(), amount: 7 }).await.unwrap();
    let again = adjust().await.unwrap();
    assert_eq!((again.events.len(), again.duplicate), (0, true));
    assert_eq!(log(&app).await.len(), 3);
    // Under another key, it is decided.
    let other = app.send(AdjustBalance { account: "a".into(), balance: 100 }).idempotency_key("other").await.unwrap();
    assert_eq!(names(&other.events), ["Withdrawn"]);
}

pub(super) async fn once_client_refusals_are_not_recorded(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 10).await;
    let withdraw = || app.send(Withdraw { account: "a".into(), amount: 50 }).idempotency_key("k");
    assert_eq!(code(withdraw().await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(log(&app).await.len(), 2);
    app.send(Deposit { account: "a".into(), amount: 40 }).await.unwrap();
    assert!(!withdraw().await.unwrap().duplicate);
}

pub(super) async fn once_concurrent_duplicates_are_decided_once(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    let sends = (0..20).map(|_| app.send(Withdraw { account: "a".into(), amount: 60 }).idempotency_key("k"));
    let outcomes: Vec<_> = join_all(sends.map(IntoFuture::into_future)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.duplicate).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.events == outcomes[0].events));
    assert_eq!(log(&app).await.len(), 3);
}

pub(super) async fn once_ids_and_time_follow_from_a_client_key(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    open(&app, "a", 0).await;
    let keyed = app.send(Deposit { account: "a".into(), amount: 1 }).idempotency_key("k").await.unwrap();
    let deposited: Deposited = decode(&keyed.events[0]);
    let decision = Uuid::new_v5(&root_id("accounts", "a").unwrap(), b"client/accounts/k");
    let id = |n| Uuid::new_v5(&decision, format!("id/{n}").as_bytes()).to_string();
    assert_eq!(deposited.ids, [id(0), id(1)]);

    let mut free = Vec::new();
    for _ in 0..2 {
        let outcome = app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
        free.extend(decode::<Deposited>(&outcome.events[0]).ids);
    }
    free.sort_unstable();
    free.dedup();
    assert_eq!(free.len(), 4, "without a key, ids are random");
}

pub(super) async fn once_ids_and_time_follow_from_the_cause(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    let sent = app.send(transfer("b", 30)).await.unwrap().events.remove(0);
    app.drained().await.unwrap();
    let received: TransferReceived = decode(app.events("accounts", "b").await.unwrap().last().unwrap());
    let trigger =
        Trigger { consumer: TRANSFERS, domain: "accounts", root: sent.stream.root, sequence: sent.sequence, part: 0 };
    let decision = consumer_key(Purpose::Command, trigger, 0);
    let id = |n| Uuid::new_v5(&decision, format!("id/{n}").as_bytes()).to_string();
    assert_eq!(received.ids, [id(0), id(1)]);
    assert_eq!(received.at, Some(sent.created_at));
    assert_eq!((received.sender.as_str(), received.amount), ("a", 30));
}

pub(super) async fn once_refusals_are_recorded_and_compensated(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 100).await;
    app.send(transfer("nobody", 30)).await.unwrap();
    app.drained().await.unwrap();
    let all = log(&app).await;
    let target = of(&all, "accounts", "nobody");
    assert_eq!(target.iter().map(|record| record.kind).collect::<Vec<_>>(), [RecordKind::Refusal]);
    let refusal = Refusal::decode(target[0].payload.value.clone()).unwrap();
    assert_eq!(refusal.rejection.unwrap().code, "ACCOUNT_REJECTION_NOT_OPEN");
    assert!(refusal.command.unwrap().type_url.ends_with("/bank.v1.Receive"));
    assert_eq!(app.events("accounts", "nobody").await.unwrap(), [], "bookkeeping is no event");

    let source = of(&all, "accounts", "a");
    let returned = source.last().unwrap();
    assert_eq!(returned.kind, RecordKind::Compensation);
    let event: TransferReturned = decode(returned);
    assert_eq!((event.amount, event.to.as_str(), event.reason.as_str()), (30, "nobody", "ACCOUNT_REJECTION_NOT_OPEN"));
    assert_eq!(balance(&app, "a").await, Some(100));
    // The refusal took a sequence, and changed no state: the account can be opened.
    let opened = app.send(OpenAccount { account: "nobody".into(), branch: None }).await.unwrap();
    assert_eq!(opened.events[0].sequence, 1);
}

pub(super) async fn once_redelivered_events_double_nothing(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    app.send(transfer("b", 30)).await.unwrap();
    app.send(transfer("nobody", 20)).await.unwrap();
    app.drained().await.unwrap();
    // By the time of the second delivery, the rules would take the money.
    open(&app, "nobody", 1).await;
    // The watch has ignored the deposits so far, for want of an instance; the withdrawals make one.
    for amount in [1, 2] {
        app.send(Withdraw { account: "b".into(), amount }).await.unwrap();
        app.drained().await.unwrap();
    }
    let before = log(&app).await;
    let calls = faults.calls("Transfers");
    let noticed = faults.calls("Notices");
    app.shutdown().await.unwrap();

    for consumers in [&[TRANSFERS][..], &[WATCH], &[TRANSFERS, WATCH, NOTICES]] {
        beneath(&backend, async |opened| {
            for consumer in consumers {
                forget(&opened.store, consumer).await;
            }
        })
        .await;
        let app = start(&backend, &faults).await;
        app.drained().await.unwrap();
        assert_eq!(log(&app).await, before);
        assert_eq!(balance(&app, "nobody").await, Some(1));
        app.shutdown().await.unwrap();
    }
    assert_eq!(calls, 2);
    assert_eq!(faults.calls("Transfers"), 6, "the saga was asked again");
    assert_eq!((noticed, faults.calls("Notices")), (2, 4));
    let sent = before.iter().filter(|record| decode_is::<TransferSent>(record, "TransferSent")).count();
    assert_eq!(sent, 2);
}

fn decode_is<M: Message + Default>(record: &angzarr_runtime::store::Record, name: &str) -> bool {
    names([record]) == [name] && M::decode(record.payload.value.clone()).is_ok()
}
