//! Laws 4 and 8 with several applications on one log.

use angzarr_runtime::{App, Error, Outcome};
use angzarr_tests::bank::v1::{AdjustBalance, Deposit, Deposited, OpenAccount, Transfer, TransferReturned, Withdraw};
use angzarr_tests::{Call, Faults, StoreFaults, register};
use futures_util::future::join_all;

use super::{balance, code, decode, event_names, faulty, log, names, of, open, start_accounts_over, start_beside};
use crate::backend::Backend;

/// Two applications without consumers on one log.
async fn two(backend: &impl Backend) -> [App; 2] {
    let faults = StoreFaults::default();
    [start_accounts_over(backend, &faults).await, start_accounts_over(backend, &faults).await]
}

async fn deposit(app: &App, amount: u64) -> Result<Outcome, Error> {
    app.send(Deposit { account: "a".into(), amount }).await
}

async fn withdraw(app: &App, amount: u64) -> Result<Outcome, Error> {
    app.send(Withdraw { account: "a".into(), amount }).await
}

pub(super) async fn stale_foreign_writes_are_noticed(backend: impl Backend) {
    let [one, other] = two(&backend).await;
    open(&one, "a", 100).await;
    let adjust = |app: &App, balance| app.send(AdjustBalance { account: "a".into(), balance }).into_future();
    for round in 0..5 {
        let sequence = 2 + 6 * round;
        // Each of them has another balance in memory than there is.
        withdraw(&other, 100).await.unwrap();
        assert_eq!(code(withdraw(&one, 50).await), "ACCOUNT_REJECTION_INSUFFICIENT");
        deposit(&other, 60).await.unwrap();
        assert_eq!(withdraw(&one, 60).await.unwrap().events[0].sequence, sequence + 2);
        assert_eq!(code(withdraw(&other, 1).await), "ACCOUNT_REJECTION_INSUFFICIENT");
        deposit(&one, 7).await.unwrap();
        assert_eq!(adjust(&other, 0).await.unwrap().events.len(), 1, "there is something to do");
        assert_eq!(adjust(&one, 0).await.unwrap().events, [], "there is nothing to do");
        let at = |expected| one.send(Deposit { account: "a".into(), amount: 100 }).expecting(expected);
        assert_eq!(code(at(sequence + 4).await), "SEQUENCE_CONFLICT");
        at(sequence + 5).await.unwrap();
    }
}

pub(super) async fn stale_callers_of_two_applications_lose_nothing(backend: impl Backend) {
    let apps = two(&backend).await;
    open(&apps[0], "a", 0).await;
    let callers = (0..20).map(|caller| {
        let app = apps[caller % 2].clone();
        tokio::spawn(async move {
            for n in 0..5_u64 {
                deposit(&app, 1 << n).await.unwrap();
            }
        })
    });
    join_all(callers).await.into_iter().for_each(|done| done.unwrap());
    let events = apps[1].events("accounts", "a").await.unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), (0..102).collect::<Vec<_>>());
    let sum: u64 = events[2..].iter().map(|event| decode::<Deposited>(event).amount).sum();
    assert_eq!(sum, 20 * 31);
    for app in &apps {
        withdraw(app, 310).await.unwrap();
    }
}

pub(super) async fn stale_refusals_of_two_applications_are_right(backend: impl Backend) {
    let apps = two(&backend).await;
    open(&apps[0], "a", 100).await;
    let callers = (0..40).map(|caller| {
        let app = apps[caller % 2].clone();
        tokio::spawn(async move { withdraw(&app, 10).await })
    });
    let answers = join_all(callers).await.into_iter().map(Result::unwrap);
    let (done, refused): (Vec<_>, Vec<_>) = answers.partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (10, 30), "neither too much nor too little was taken");
    for answer in refused {
        assert_eq!(code(answer), "ACCOUNT_REJECTION_INSUFFICIENT");
    }
}

pub(super) async fn once_keys_hold_in_all_applications(backend: impl Backend) {
    let apps = two(&backend).await;
    open(&apps[0], "a", 100).await;
    withdraw(&apps[1], 0).await.unwrap();
    let callers = (0..20).map(|caller| {
        let app = apps[caller % 2].clone();
        tokio::spawn(app.send(Withdraw { account: "a".into(), amount: 60 }).idempotency_key("k").into_future())
    });
    let outcomes: Vec<_> = join_all(callers).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.duplicate).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.events == outcomes[0].events));
    assert_eq!(log(&apps[0]).await.len(), 4);
}

/// The saga's command is refused, and the saga is killed before it can say that it is done.
pub(super) async fn once_a_refusal_stays_after_a_crash(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    store.hold(Call::SaveCheckpoint);
    app.send(Transfer { account: "a".into(), to: "b".into(), amount: 30 }).await.unwrap();
    let expected = ["AccountOpenedV2", "Deposited", "TransferSent", "TransferReturned"];
    while event_names(&app, "a").await != expected {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    store.reached(Call::SaveCheckpoint).await;
    store.kill().await;
    drop(app);
    assert_eq!(faults.calls("Transfers"), 1);

    // By now the money would be taken.
    let accounts = start_accounts_over(&backend, &StoreFaults::default()).await;
    accounts.send(OpenAccount { account: "b".into(), branch: None }).await.unwrap();
    let app = start_beside(&backend, &faults).await;
    app.drained().await.unwrap();
    assert_eq!(faults.calls("Transfers"), 2, "the saga was asked again");
    let all = log(&app).await;
    assert_eq!(names(of(&all, "accounts", "b")), ["Refusal", "AccountOpenedV2"]);
    let source = of(&all, "accounts", "a");
    assert_eq!(names(source.iter().copied()), expected);
    assert_eq!(decode::<TransferReturned>(source[3]).reason, "ACCOUNT_REJECTION_NOT_OPEN");
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(100), Some(0)));
    app.shutdown().await.unwrap();
}
