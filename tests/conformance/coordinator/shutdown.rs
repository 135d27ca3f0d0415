//! How an application ends although somebody is slow, stopped, or never comes back.

use std::time::{Duration, Instant};

use angzarr_runtime::{App, Context, Failure, Projector};
use angzarr_tests::bank::v1::app::{Balances, Notices};
use angzarr_tests::bank::v1::{
    AccountClosed, AccountOpenedV2, BalanceRow, Deposit, Deposited, PaymentReceived, TransferReceived,
    TransferReturned, TransferSent, Withdraw, Withdrawn,
};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, BalanceView, Fault, Faults, OldAccounts};

use super::{BALANCES, NOTICES, STOP, code, event_names, open, start, start_accounts, status, stopped};
use crate::backend::Backend;

/// What consumers get here to reach the end.
const DRAIN: Duration = Duration::from_millis(200);

/// Takes its time for each withdrawal.
#[derive(Projector, Debug)]
#[projector(Notices)]
struct SlowBoard {
    pause: Duration,
}

impl Notices for SlowBoard {
    async fn on_withdrawn(&self, _: Withdrawn, _: &Context) -> Result<(), Failure> {
        tokio::time::sleep(self.pause).await;
        Ok(())
    }
}

/// Never comes back from a withdrawal.
#[derive(Projector, Debug)]
#[projector(Notices)]
struct LostBoard;

impl Notices for LostBoard {
    async fn on_withdrawn(&self, _: Withdrawn, _: &Context) -> Result<(), Failure> {
        std::future::pending().await
    }
}

/// The balances of accounts that are only opened and paid into, a third of a second for each deposit.
#[derive(Projector, Debug)]
#[projector(Balances)]
struct SlowBalances;

type Row = Result<Option<BalanceRow>, Failure>;

impl Balances for SlowBalances {
    async fn on_opened(&self, row: Option<BalanceRow>, event: AccountOpenedV2, _: &Context) -> Row {
        let row = row.unwrap_or_default();
        Ok(Some(BalanceRow { account: event.account, events: row.events + 1, ..row }))
    }

    async fn on_deposited(&self, row: Option<BalanceRow>, event: Deposited, _: &Context) -> Row {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let row = row.unwrap_or_default();
        Ok(Some(BalanceRow { balance: row.balance + event.amount, events: row.events + 1, ..row }))
    }

    async fn on_withdrawn(&self, row: Option<BalanceRow>, _: Withdrawn, _: &Context) -> Row {
        Ok(row)
    }

    async fn on_sent(&self, row: Option<BalanceRow>, _: TransferSent, _: &Context) -> Row {
        Ok(row)
    }

    async fn on_received(&self, row: Option<BalanceRow>, _: TransferReceived, _: &Context) -> Row {
        Ok(row)
    }

    async fn on_returned(&self, row: Option<BalanceRow>, _: TransferReturned, _: &Context) -> Row {
        Ok(row)
    }

    async fn on_payment(&self, row: Option<BalanceRow>, _: PaymentReceived, _: &Context) -> Row {
        Ok(row)
    }

    async fn on_closed(&self, row: Option<BalanceRow>, _: AccountClosed, _: &Context) -> Row {
        Ok(row)
    }
}

async fn withdraw(app: &App) -> u64 {
    app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap().position
}

pub(super) async fn a_stopped_consumer_lets_the_others_finish(backend: impl Backend) {
    let faults = Faults::default();
    faults.set("Balances", Fault::Fails);
    let app = App::builder(backend.storage())
        .register(placed(AccountRules { faults: faults.clone() }))
        .register(placed(OldAccounts))
        .register(placed(BalanceView { faults }))
        .register(placed(SlowBoard { pause: Duration::from_millis(50) }));
    let app = app.delivery(BALANCES, STOP).start().await.unwrap();
    open(&app, "a", 100).await;
    stopped(&app, BALANCES).await;
    for _ in 0..4 {
        withdraw(&app).await;
    }
    assert_eq!(code(app.drained().await), "CONSUMER_STOPPED");
    assert_eq!(status(&app, NOTICES).position, 6, "it is told after the others have passed the end");
    for _ in 0..4 {
        withdraw(&app).await;
    }
    let seen = app.clone();
    assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED");
    assert_eq!(status(&seen, NOTICES).position, 10);
    assert_eq!(status(&seen, BALANCES).position, 0);
}

pub(super) async fn a_handler_that_never_returns_does_not_hold_up_the_end(backend: impl Backend) {
    let rules = AccountRules { faults: Faults::default() };
    let app = App::builder(backend.storage()).register(placed(rules)).register(placed(OldAccounts)).register(LostBoard);
    let app = app.drain_within(DRAIN).start().await.unwrap();
    open(&app, "a", 100).await;
    withdraw(&app).await;
    let (seen, begun) = (app.clone(), Instant::now());
    assert_eq!(code(app.shutdown().await), "NOT_DRAINED");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert!(status(&seen, NOTICES).position < 3, "its checkpoint stays before the event");
    assert_eq!(code(seen.read_log(0, 1).await), "STORE_CLOSED");
    if persists(&backend) {
        // The file was let go of, and somebody else handles the event.
        let app = start(&backend, &Faults::default()).await;
        assert_eq!(event_names(&app, "a").await.len(), 3);
        app.drained().await.unwrap();
        app.shutdown().await.unwrap();
    }
}

pub(super) async fn a_slow_handler_ends_after_its_event(backend: impl Backend) {
    let app = start_accounts(&backend).await;
    fill(&app).await;
    let slow = || {
        let rules = AccountRules { faults: Faults::default() };
        App::builder(backend.storage())
            .register(placed(rules))
            .register(placed(OldAccounts))
            .register(placed(SlowBalances))
            .drain_within(DRAIN)
            .start()
    };
    let app = if persists(&backend) {
        app.shutdown().await.unwrap();
        slow().await.unwrap()
    } else {
        let app = slow().await.unwrap();
        fill(&app).await;
        app
    };
    let begun = Instant::now();
    assert_eq!(code(app.shutdown().await), "NOT_DRAINED");
    // The event that it was at is waited for, not the half a minute that its batch would take.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    if persists(&backend) {
        let app = start(&backend, &Faults::default()).await;
        app.drained().await.unwrap();
        let row = app.view::<BalanceRow>().unwrap().get("a").await.unwrap().unwrap();
        assert_eq!((row.balance, row.events), (100, 101), "nothing is lost, nothing is there twice");
        app.shutdown().await.unwrap();
    }
}

/// An account with a hundred deposits.
async fn fill(app: &App) {
    open(app, "a", 1).await;
    for _ in 1..100 {
        app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    }
}

/// Whether an application started anew finds what the last one left.
fn persists<B: Backend>(_: &B) -> bool {
    B::PERSISTENT
}
