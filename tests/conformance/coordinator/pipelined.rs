//! Laws 4 and 8 while commits are under way, fail, or are not answered.

use std::future::IntoFuture;
use std::time::{Duration, Instant};

use angzarr_runtime::app::SendCommand;
use angzarr_runtime::{App, Error, Outcome};
use angzarr_tests::bank::v1::{AdjustBalance, CloseAccount, Deposit, Remarked, Withdraw};
use angzarr_tests::{Call, StoreFault, StoreFaults};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

use super::{code, event_names, log, names, open, start_accounts_over};
use crate::backend::Backend;

type Answer = BoxFuture<'static, Result<Outcome, Error>>;

fn deposit(app: &App, amount: u64) -> SendCommand {
    app.send(Deposit { account: "a".into(), amount })
}

fn withdraw(app: &App, amount: u64) -> SendCommand {
    app.send(Withdraw { account: "a".into(), amount })
}

fn adjust(app: &App, balance: u64) -> SendCommand {
    app.send(AdjustBalance { account: "a".into(), balance })
}

/// Sends it, so that it waits for its turn.
pub(super) fn sent(send: SendCommand) -> Answer {
    // A test that sends many would be told to let others run first.
    let mut answer = tokio::task::unconstrained(send.into_future()).boxed();
    assert!((&mut answer).now_or_never().is_none(), "it is answered after its turn");
    answer
}

/// An account with a balance of 100, and a commit that is under way: what is sent now is decided together.
async fn busy(backend: &impl Backend) -> (App, StoreFaults, Answer) {
    let store = StoreFaults::default();
    let app = start_accounts_over(backend, &store).await;
    open(&app, "a", 100).await;
    store.hold(Call::Append);
    let first = sent(deposit(&app, 0));
    store.reached(Call::Append).await;
    (app, store, first)
}

pub(super) async fn stale_answers_that_rest_on_what_was_not_stored_are_not_given(backend: impl Backend) {
    let (app, store, first) = busy(&backend).await;
    // On what the first of them leaves, the second conflicts, and the third is refused.
    let withdrawn = sent(withdraw(&app, 100));
    let conflicting = sent(deposit(&app, 2).expecting(3));
    let refused = sent(withdraw(&app, 60));
    let deposited = sent(deposit(&app, 1));
    store.pass(Call::Append, None).await;
    first.await.unwrap();
    store.pass(Call::Append, Some(StoreFault::FailsBefore)).await;
    assert_eq!(code(withdrawn.await), "STORE_UNAVAILABLE");
    store.open(Call::Append);
    // Decided anew, all of them are taken.
    let sequence = |outcome: Outcome| outcome.events[0].sequence;
    assert_eq!(sequence(conflicting.await.unwrap()), 3);
    assert_eq!(sequence(refused.await.unwrap()), 4);
    assert_eq!(sequence(deposited.await.unwrap()), 5);
    let expected = ["AccountOpenedV2", "Deposited", "Deposited", "Deposited", "Withdrawn", "Deposited"];
    assert_eq!(event_names(&app, "a").await, expected);
    withdraw(&app, 43).await.unwrap();
    assert_eq!(code(withdraw(&app, 1).await), "ACCOUNT_REJECTION_INSUFFICIENT");
}

pub(super) async fn stale_refusals_before_what_was_not_stored_are_not_given(backend: impl Backend) {
    let (app, store, first) = busy(&backend).await;
    let other = start_accounts_over(&backend, &StoreFaults::default()).await;
    let (withdrawn, deposited) = (sent(withdraw(&app, 110)), sent(deposit(&app, 1)));
    store.pass(Call::Append, None).await;
    first.await.unwrap();
    store.reached(Call::Append).await;
    // The stream gets as long as it would be with the second one, but by somebody else.
    deposit(&other, 50).await.unwrap();
    store.open(Call::Append);
    assert_eq!(withdrawn.await.unwrap().events[0].sequence, 4, "what it is refused on is not what there is");
    assert_eq!(deposited.await.unwrap().events[0].sequence, 5);
}

pub(super) async fn stale_empty_results_rest_on_what_was_stored(backend: impl Backend) {
    let (app, store, first) = busy(&backend).await;
    let adjusted = sent(adjust(&app, 7));
    // Nothing to do, on what was decided before; with a key, that is recorded.
    let (unkeyed, keyed) = (sent(adjust(&app, 7)), sent(adjust(&app, 7).idempotency_key("k")));
    store.pass(Call::Append, None).await;
    first.await.unwrap();
    store.pass(Call::Append, Some(StoreFault::FailsBefore)).await;
    assert_eq!(code(adjusted.await), "STORE_UNAVAILABLE");
    store.open(Call::Append);
    assert_eq!(names(&unkeyed.await.unwrap().events), ["Withdrawn"]);
    assert_eq!(keyed.await.unwrap().events, []);
    assert_eq!(log(&app).await.len(), 4);
}

pub(super) async fn once_a_lost_answer_is_found_under_its_key(backend: impl Backend) {
    let store = StoreFaults::default();
    let app = start_accounts_over(&backend, &store).await;
    open(&app, "a", 100).await;
    store.next(Call::Append, [StoreFault::LosesAnswer]);
    let send = || withdraw(&app, 100).idempotency_key("k");
    let error = send().await.unwrap_err();
    assert!(error.retryable());
    assert_eq!(error.code(), "STORE_OUTCOME_UNKNOWN");
    let again = send().await.unwrap();
    assert_eq!((again.duplicate, names(&again.events)), (true, vec!["Withdrawn"]));
    assert_eq!(code(withdraw(&app, 1).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(log(&app).await.len(), 3);
}

pub(super) async fn once_a_lost_answer_is_told_to_all_it_concerns(backend: impl Backend) {
    let (app, store, first) = busy(&backend).await;
    let deposits = || [deposit(&app, 1).idempotency_key("k"), deposit(&app, 2), deposit(&app, 4).idempotency_key("l")];
    let together = deposits().map(sent);
    let refused = sent(withdraw(&app, 108));
    store.pass(Call::Append, None).await;
    first.await.unwrap();
    store.pass(Call::Append, Some(StoreFault::LosesAnswer)).await;
    for answer in join_all(together).await {
        assert_eq!(code(answer), "STORE_OUTCOME_UNKNOWN", "they were on their way together");
    }
    store.open(Call::Append);
    assert_eq!(code(refused.await), "ACCOUNT_REJECTION_INSUFFICIENT", "that was not on its way");
    let [first, _, last] = deposits();
    for (again, sequence) in [(first, 3), (last, 5)] {
        let again = again.await.unwrap();
        assert_eq!((again.duplicate, again.events[0].sequence), (true, sequence), "its key tells");
    }
    assert_eq!(log(&app).await.len(), 6);
    withdraw(&app, 107).await.unwrap();
}

pub(super) async fn once_duplicates_in_flight_survive_a_lost_answer(backend: impl Backend) {
    for fault in [StoreFault::LosesAnswer, StoreFault::FailsBefore] {
        let (app, store, first) = busy(&backend).await;
        let key = format!("{fault:?}");
        let before = log(&app).await.len();
        let duplicates: Vec<_> = (0..20).map(|_| sent(withdraw(&app, 100).idempotency_key(&*key))).collect();
        store.pass(Call::Append, None).await;
        first.await.unwrap();
        store.pass(Call::Append, Some(fault)).await;
        store.open(Call::Append);
        let (told, lost): (Vec<_>, Vec<_>) = join_all(duplicates).await.into_iter().partition(Result::is_ok);
        assert_eq!(lost.len(), 1, "only one of them was on its way: {lost:?}");
        let mut told = told.into_iter().map(Result::unwrap);
        let events = told.next().unwrap().events;
        assert!(told.all(|outcome| outcome.duplicate && outcome.events == events));
        assert_eq!(log(&app).await.len(), before + 2, "the deposit that they waited for, and one withdrawal");
        // The next round opens it again.
        app.send(CloseAccount { account: "a".into() }).await.unwrap();
    }
}

/// Each attempt may take as long as a connection does to give up, so a few of them are enough for all who wait.
pub(super) async fn a_store_that_is_away_tells_everybody_soon(backend: impl Backend) {
    let (app, store, first) = busy(&backend).await;
    away(&app, &store, first, Call::Append, 2).await;
    // Nothing is warm by now.
    store.hold(Call::Load);
    let first = sent(withdraw(&app, 1));
    away(&app, &store, first, Call::Load, 1).await;
    assert_eq!(log(&app).await.len(), 2, "nothing was stored");
}

/// Lets the call of the first one fail, and so many more for a hundred others. Another one would be held.
async fn away(app: &App, store: &StoreFaults, first: Answer, call: Call, attempts: usize) {
    store.reached(call).await;
    let waiting = (0..100).map(|_| sent(withdraw(app, 1)));
    let answers = join_all(std::iter::once(first).chain(waiting));
    for _ in 0..=attempts {
        store.pass(call, Some(StoreFault::FailsBefore)).await;
    }
    for answer in timeout(Duration::from_secs(10), answers).await.unwrap() {
        assert_eq!(code(answer), "STORE_UNAVAILABLE");
    }
    store.open(call);
}

pub(super) async fn a_slow_store_refuses_nobody(backend: impl Backend) {
    let store = StoreFaults::default();
    let app = start_accounts_over(&backend, &store).await;
    let accounts: Vec<_> = (0..200).map(|account| format!("account {account}")).collect();
    for account in &accounts {
        open(&app, account, 0).await;
    }
    // Nothing is written until everybody waits.
    store.hold(Call::Append);
    let send = |account: &String| app.send(Deposit { account: account.clone(), amount: 1 });
    let callers: Vec<_> =
        accounts.iter().flat_map(|account| [account; 20]).map(|account| sent(send(account))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    store.open(Call::Append);
    for answer in join_all(callers).await {
        answer.unwrap();
    }
    for account in &accounts {
        let withdraw = |amount| app.send(Withdraw { account: account.clone(), amount });
        withdraw(20).await.unwrap();
        assert_eq!(code(withdraw(1).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    }
}

pub(super) async fn a_caller_may_go_away_at_any_time(backend: impl Backend) {
    let store = StoreFaults::default();
    let app = start_accounts_over(&backend, &store).await;
    open(&app, "a", 0).await;
    let begun = Instant::now();
    let (calls, faults) =
        ([Call::Load, Call::Append], [None, Some(StoreFault::FailsBefore), Some(StoreFault::LosesAnswer)]);
    for (call, fault) in calls.into_iter().flat_map(|call| faults.map(|fault| (call, fault))) {
        let key = format!("{call:?} {fault:?}");
        let send = || deposit(&app, 1).idempotency_key(&*key);
        if call == Call::Load {
            // What is not warm is loaded.
            forget_warm(&app).await;
        }
        store.hold(call);
        let gone = sent(send());
        store.reached(call).await;
        drop(gone);
        let next = sent(deposit(&app, 0));
        store.pass(call, fault).await;
        store.open(call);
        next.await.unwrap();
        assert_eq!(send().await.unwrap().events.len(), 1, "{key}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20));
    withdraw(&app, 6).await.unwrap();
    assert_eq!(code(withdraw(&app, 1).await), "ACCOUNT_REJECTION_INSUFFICIENT");
}

/// Makes the application drop the account's state: imports are not folded.
async fn forget_warm(app: &App) {
    app.import("accounts", "a").event(&Remarked::default(), None).await.unwrap();
}
