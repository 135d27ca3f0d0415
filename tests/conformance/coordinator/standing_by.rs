//! Several applications on one log: each consumer runs in one of them, the others stand by.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use angzarr_runtime::store::{Acquired, Lease, Opened, Store};
use angzarr_runtime::view::{Key, NewRow, Owner, Row, Shape, Writer, json};
use angzarr_runtime::{App, Context, Failure, Projector, Storage, SyncMode};
use angzarr_tests::bank::v1::app::Notices;
use angzarr_tests::bank::v1::{BalanceRow, Deposit, Transfer, Withdraw, Withdrawn};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, Call, Faults, OldAccounts, StoreFault, StoreFaults, register};
use bytes::Bytes;
use tokio::time::timeout;

use super::{
    BALANCES, NOTICES, balance, code, event_names, faulty, log, open, start_accounts_over, start_beside, status,
};
use crate::backend::Backend;
use crate::view::change;

/// What the holder of a lease has to be silent for, and then some.
const LEASE: Duration = Duration::from_secs(6);

const HANDLERS: [&str; 4] = ["Transfers", "WithdrawalWatch", "Balances", "Notices"];

async fn transfer(app: &App, amount: u64) {
    let transfer = Transfer { account: "a".into(), to: "b".into(), amount };
    app.send(transfer).sync(SyncMode::Simple).await.unwrap();
}

/// Balances and how many events they were made of.
async fn rows(app: &App) -> Vec<(u64, u32)> {
    let rows = app.view::<BalanceRow>().unwrap().all().await.unwrap();
    rows.into_iter().map(|(_, row)| (row.balance, row.events)).collect()
}

pub(super) async fn applications_share_the_work_once(backend: impl Backend) {
    let (worked, stood_by) = (Faults::default(), Faults::default());
    let holder = start_beside(&backend, &worked).await;
    let other = start_beside(&backend, &stood_by).await;
    open(&holder, "a", 100).await;
    open(&other, "b", 0).await;
    for amount in 1..=5 {
        transfer(&other, amount).await;
        let sent: u64 = (1..=amount).sum();
        assert_eq!(balance(&other, "a").await, Some(100 - sent), "whoever waited sees the rows");
    }
    holder.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    other.drained().await.unwrap();
    let head = log(&other).await.last().unwrap().position;
    for consumer in other.consumers() {
        assert_eq!((consumer.position, consumer.stopped), (head, None), "{}", consumer.name);
    }
    assert_eq!(rows(&other).await, [(84, 8), (15, 7)]);
    assert_eq!(HANDLERS.map(|handler| stood_by.calls(handler)), [0; 4]);
    assert_eq!(worked.calls("Transfers"), 5);
    assert_eq!(worked.calls("Notices"), 1);
    other.shutdown().await.unwrap();
    holder.shutdown().await.unwrap();
}

pub(super) async fn an_application_that_stands_by_goes_on_at_once(backend: impl Backend) {
    let (worked, stood_by) = (Faults::default(), Faults::default());
    let holder = start_beside(&backend, &worked).await;
    let other = start_beside(&backend, &stood_by).await;
    open(&holder, "a", 100).await;
    open(&holder, "b", 0).await;
    transfer(&holder, 10).await;
    holder.shutdown().await.unwrap();

    // Nobody has to fall silent first: the leases were given back.
    timeout(LEASE / 2, transfer(&other, 20)).await.unwrap();
    other.drained().await.unwrap();
    assert_eq!(rows(&other).await, [(70, 4), (30, 4)]);
    assert_eq!(event_names(&other, "b").await[2..], ["TransferReceived", "TransferReceived"]);
    assert_eq!((worked.calls("Transfers"), stood_by.calls("Transfers")), (1, 1));
    other.shutdown().await.unwrap();
}

pub(super) async fn an_application_that_stands_by_lets_go(backend: impl Backend) {
    let start = async || {
        let opened = StoreFaults::default().wrap(backend.open().await);
        let store = Arc::downgrade(&opened.store);
        let app = register(App::builder(Storage::Opened(opened)), &Faults::default());
        (app.start().await.unwrap(), store)
    };
    let (holder, held) = start().await;
    let (other, stood_by) = start().await;
    open(&holder, "a", 1).await;
    for (app, store) in [(other, stood_by), (holder, held)] {
        drop(app);
        let gone = async {
            while store.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(5), gone).await.unwrap();
    }
}

/// Takes the lease from whoever holds it.
pub(super) async fn steal(store: &Arc<dyn Store>, consumer: &str) -> Lease {
    let mut silent = None;
    loop {
        match store.acquire(consumer, silent).await.unwrap() {
            Acquired::Taken(lease) => return lease,
            Acquired::Held(beat) => silent = Some(beat),
        }
    }
}

fn owner(opened: &Opened) -> Owner<'static> {
    static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<BalanceRow>);
    Owner { log: opened.store.log_id(), shape: &SHAPE }
}

pub(super) async fn a_lost_lease_stops_its_holder(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_beside(&backend, &faults).await;
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    let opened = backend.open().await;
    let lease = steal(&opened.store, BALANCES).await;
    opened.views.take(BALANCES, owner(&opened), u64::MAX, lease.token).await.unwrap();

    let deposit = || app.send(Deposit { account: "a".into(), amount: 1 }).sync(SyncMode::Simple);
    assert_eq!(code(deposit().timeout(Duration::from_millis(500)).await), "NOT_PASSED");
    assert_eq!(balance(&app, "a").await, Some(100), "what it commits does not count");
    let calls = faults.calls("Balances");
    assert_eq!(code(deposit().timeout(Duration::from_millis(500)).await), "NOT_PASSED");
    assert_eq!(faults.calls("Balances"), calls, "it knows by now");
    assert_eq!(status(&app, BALANCES).stopped, None, "it stands by");
    opened.store.release(&lease).await.unwrap();
    deposit().await.unwrap();
    assert_eq!(rows(&app).await, [(103, 5)]);
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
}

/// Keeps its thread busy for each withdrawal.
#[derive(Projector, Debug)]
#[projector(Notices)]
struct BusyBoard;

impl Notices for BusyBoard {
    async fn on_withdrawn(&self, _: Withdrawn, _: &Context) -> Result<(), Failure> {
        std::thread::sleep(LEASE / 2);
        Ok(())
    }
}

pub(super) async fn a_handler_that_blocks_stops_no_sign_of_life(backend: impl Backend) {
    let store = StoreFaults::default();
    let rules = AccountRules { faults: Faults::default() };
    let app = App::builder(faulty(&backend, &store).await)
        .register(placed(rules))
        .register(placed(OldAccounts))
        .register(BusyBoard);
    let app = app.start().await.unwrap();
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    store.hold(Call::Renew);
    app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    store.reached(Call::Renew).await;
    assert!(status(&app, NOTICES).position < 3, "it is still at it");
    store.open(Call::Renew);
    app.shutdown().await.unwrap();
}

/// While one takes the view, whoever held the lease before appends an event, handles it, and commits.
pub(super) async fn a_view_that_was_moved_at_the_last_moment_is_kept(backend: impl Backend) {
    let opened = backend.open().await;
    let accounts = start_accounts_over(&backend, &StoreFaults::default()).await;
    let earlier = steal(&opened.store, BALANCES).await;
    let version = opened.views.take(BALANCES, owner(&opened), u64::MAX, earlier.token).await.unwrap().version;
    open(&accounts, "a", 100).await;
    opened.store.release(&earlier).await.unwrap();

    let store = StoreFaults::default();
    store.hold(Call::TakeView);
    let app = register(App::builder(faulty(&backend, &store).await), &Faults::default());
    let starting = tokio::spawn(app.start());
    store.reached(Call::TakeView).await;
    let last = accounts.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap().position;
    let row = BalanceRow::default();
    let row = NewRow { bytes: Bytes::new(), values: row.values(), rest: json::rest(&row) };
    let by = Writer { token: earlier.token, version };
    opened.views.commit(BALANCES, by, vec![change("mark", last, Some(row))], last).await.unwrap();
    store.open(Call::TakeView);
    let app = starting.await.unwrap().unwrap();
    app.drained().await.unwrap();
    assert!(opened.views.row(BALANCES, &Key::from("mark")).await.unwrap().is_some(), "it is not built anew");
    app.shutdown().await.unwrap();
}

pub(super) async fn an_application_that_is_overtaken_while_it_starts_stands_by(backend: impl Backend) {
    let opened = backend.open().await;
    let store = StoreFaults::default();
    store.hold(Call::TakeView);
    let app = register(App::builder(faulty(&backend, &store).await), &Faults::default());
    let starting = tokio::spawn(app.start());
    store.reached(Call::TakeView).await;
    let lease = steal(&opened.store, BALANCES).await;
    opened.views.take(BALANCES, owner(&opened), u64::MAX, lease.token).await.unwrap();
    store.open(Call::TakeView);

    let app = starting.await.unwrap().unwrap();
    open(&app, "a", 100).await;
    assert_eq!(balance(&app, "a").await, None, "somebody else has the lease");
    opened.store.release(&lease).await.unwrap();
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(100));
    app.shutdown().await.unwrap();
}

pub(super) async fn an_application_whose_store_fails_right_after_a_lease_was_taken_asks_again(backend: impl Backend) {
    let store = StoreFaults::default();
    store.next(Call::Parks, [StoreFault::FailsBefore; 3]);
    let app = register(App::builder(faulty(&backend, &store).await), &Faults::default()).start().await.unwrap();
    open(&app, "a", 100).await;
    timeout(LEASE * 5, app.drained()).await.unwrap().unwrap();
    assert_eq!(balance(&app, "a").await, Some(100));
    app.shutdown().await.unwrap();
}
