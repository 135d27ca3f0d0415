//! Law 11: waiting for all that follows.

use std::time::Duration;

use angzarr_runtime::store::RecordKind;
use angzarr_runtime::{
    App, Context, Error, Failure, Outcome, ProcessManager, Refused as RefusedCommand, Saga, SyncMode,
};
use angzarr_tests::bank::v1::{Deposit, Deposited, Transfer, Withdraw, Withdrawn};
use angzarr_tests::remind::v1::app::{ReminderDesk, ReminderStep};
use angzarr_tests::remind::v1::{Desk, Refused, Reminded, Reminder};
use angzarr_tests::{AccountRules, Fault, Faults, OldAccounts, placed, register};

use super::{BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, balance, names, open, start};
use crate::backend::Backend;

async fn cascade(app: &App, to: &str, amount: u64) -> Result<Outcome, Error> {
    let transfer = Transfer { account: "a".into(), to: to.into(), amount };
    app.send(transfer).sync(SyncMode::Cascade).timeout(Duration::from_secs(20)).await
}

fn caused(outcome: &Outcome) -> Vec<Vec<&str>> {
    outcome.caused.iter().map(|book| names(&book.records)).collect()
}

/// What is known where waiting ended early.
fn ended(result: Result<Outcome, Error>) -> (String, String, Outcome) {
    match result.unwrap_err() {
        Error::NotPassed { consumer, reason, outcome, .. } => (consumer, reason, *outcome),
        other => panic!("{other}"),
    }
}

pub(super) async fn cascade_waits_for_all_that_follows(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 1_000).await;
    open(&app, "b", 0).await;
    for n in 1..=10 {
        let outcome = cascade(&app, "b", 5).await.unwrap();
        assert_eq!(caused(&outcome), [["TransferReceived"]]);
        assert_eq!(outcome.caused[0].stream, super::stream("accounts", "b"));
        assert_eq!(outcome.waited_for, [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES]);
        assert_eq!((outcome.failures, outcome.awaited), (vec![], vec![]));
        assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(1_000 - n * 5), Some(n * 5)));
    }
    // Two withdrawals: the watch counts them, and freezes the account at the second.
    let withdraw = || app.send(Withdraw { account: "a".into(), amount: 1 }).sync(SyncMode::Cascade);
    assert_eq!(caused(&withdraw().await.unwrap()), [["WithdrawalCounted"]]);
    // The card of that name does not exist, and nobody compensates that.
    let (consumer, reason, frozen) = ended(withdraw().await);
    assert_eq!(consumer, WATCH);
    assert!(reason.contains("REJECTED_UNCOMPENSATED"), "{reason}");
    assert_eq!(caused(&frozen).concat(), ["WithdrawalCounted", "CommandsIssued", "Refusal", "AccountFrozen"]);
    let codes: Vec<_> = frozen.failures.iter().map(|failure| failure.code.as_str()).collect();
    assert_eq!(codes, ["REJECTED_UNCOMPENSATED", "ACCOUNT_REJECTION_NOT_OPEN"]);
}

pub(super) async fn cascade_tells_of_refusals_and_their_compensation(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 1_000).await;
    let outcome = cascade(&app, "nobody", 5).await.unwrap();
    assert_eq!(caused(&outcome), [["Refusal"], ["TransferReturned"]]);
    let refusal = &outcome.caused[0].records[0];
    assert_eq!(refusal.kind, RecordKind::Refusal);
    assert_eq!(outcome.failures.len(), 1);
    let failure = &outcome.failures[0];
    assert_eq!((failure.component.as_str(), failure.position), (TRANSFERS, refusal.position));
    assert_eq!(failure.code, "ACCOUNT_REJECTION_NOT_OPEN");
    assert_eq!(balance(&app, "a").await, Some(1_000));
}

pub(super) async fn cascade_ends_at_a_parked_lane(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1_000).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    faults.set_for("Balances", "b", Fault::Fails);
    let (consumer, reason, outcome) = ended(cascade(&app, "b", 5).await);
    assert_eq!(consumer, BALANCES);
    assert!(reason.contains("FAULT"), "{reason}");
    assert_eq!(caused(&outcome), [["TransferReceived"]], "it is stored all the same");
    let failure = &outcome.failures[0];
    assert_eq!((failure.component.as_str(), failure.code.as_str()), (BALANCES, "FAULT"));
    assert_eq!(failure.position, outcome.caused[0].records[0].position);
    // Behind it in the park.
    let (_, reason, outcome) = ended(cascade(&app, "b", 5).await);
    assert!(reason.contains("LANE_PARKED"), "{reason}");
    assert_eq!(outcome.failures[0].code, "LANE_PARKED");
}

/// Answers a deposit of 7 with withdrawals from "b" and from "a".
#[derive(ProcessManager, Debug)]
#[process_manager(ReminderDesk)]
struct Spreading;

impl ReminderDesk for Spreading {
    async fn on_deposited(&self, _: &Desk, event: Deposited, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        let withdraw = |account: &str| Withdraw { account: account.into(), amount: 1 }.into();
        Ok(if event.amount == 7 { ["b", "a"].map(withdraw).into() } else { Vec::new() })
    }

    async fn on_reminder(&self, _: &Desk, _: Reminder, _: &Context) -> Result<Vec<ReminderStep>, Failure> {
        Ok(Vec::new())
    }

    async fn on_withdraw_refused(
        &self,
        _: &Desk,
        _: RefusedCommand<Withdraw>,
        _: &Context,
    ) -> Result<Vec<ReminderStep>, Failure> {
        Ok(Vec::new())
    }

    fn apply_reminded(_: &mut Desk, _: Reminded) {}

    fn apply_refused(_: &mut Desk, _: Refused) {}
}

pub(super) async fn cascade_ends_at_a_parked_lane_while_others_take_their_time(backend: impl Backend) {
    let faults = Faults::default();
    let app = register(App::builder(backend.storage()), &faults).register(Spreading).start().await.unwrap();
    for account in ["a", "b", "c"] {
        open(&app, account, 100).await;
    }
    app.drained().await.unwrap();
    faults.set_for("Balances", "a", Fault::Fails);
    faults.set_for("Balances", "b", Fault::Takes(Duration::from_secs(600)));
    let deposit = app.send(Deposit { account: "c".into(), amount: 7 }).sync(SyncMode::Cascade);
    let (consumer, reason, outcome) = ended(deposit.timeout(Duration::from_secs(20)).await);
    assert_eq!(consumer, BALANCES);
    assert!(reason.contains("FAULT"), "{reason}");
    assert_eq!(outcome.awaited, [BALANCES], "it still is at the other one");
    faults.mend("Balances");
}

pub(super) async fn cascade_ends_at_the_deadline(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1_000).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    faults.set("Transfers", Fault::Takes(Duration::from_secs(60)));
    let transfer = Transfer { account: "a".into(), to: "b".into(), amount: 5 };
    let sent = app.send(transfer).sync(SyncMode::Cascade).timeout(Duration::from_millis(500));
    let (consumer, reason, outcome) = ended(sent.await);
    assert_eq!((consumer.as_str(), reason.as_str()), (TRANSFERS, "the deadline passed"));
    assert_eq!(outcome.awaited, [TRANSFERS]);
    assert_eq!(outcome.waited_for, [WATCH, BALANCES, BRANCHES, NOTICES]);
    assert_eq!((names(&outcome.events), outcome.caused), (vec!["TransferSent"], vec![]));
    faults.mend("Transfers");
}

/// Follows each withdrawal with another one: from the account of the next number, or the same one where it has none.
#[derive(Saga)]
#[saga(define = Repeating, name = "test.v1.app.Repeating", on(on_withdrawn: Withdrawn => Withdraw))]
struct Repeater;

impl Repeating for Repeater {
    async fn on_withdrawn(&self, event: Withdrawn, _: &Context) -> Result<Withdraw, Failure> {
        let account = event.account.parse().map_or(event.account, |number: u32| (number + 1).to_string());
        Ok(Withdraw { account, amount: 0 })
    }
}

async fn repeated(app: &App, account: &str) -> (String, String, Outcome) {
    let withdraw = Withdraw { account: account.into(), amount: 0 };
    ended(app.send(withdraw).sync(SyncMode::Cascade).timeout(Duration::from_secs(60)).await)
}

pub(super) async fn cascade_ends_where_it_never_would(backend: impl Backend) {
    let rules = AccountRules { faults: Faults::default() };
    let app = App::builder(backend.storage()).register(placed(rules)).register(placed(OldAccounts)).register(Repeater);
    let app = app.start().await.unwrap();
    open(&app, "a", 0).await;
    let (consumer, reason, outcome) = repeated(&app, "a").await;
    assert_eq!(consumer, "test.v1.app.Repeating");
    assert!(reason.starts_with("CASCADE_CYCLE: it handles an event of the same stream and type again"), "{reason}");
    assert_eq!(names(&outcome.events), ["Withdrawn"]);
    for number in 0..40 {
        open(&app, &number.to_string(), 0).await;
    }
    let (consumer, reason, _) = repeated(&app, "0").await;
    assert_eq!(consumer, "test.v1.app.Repeating");
    assert!(reason.starts_with("CASCADE_TOO_DEEP: "), "{reason}");
    app.shutdown().await.unwrap();
}
