//! Orders are carried out once, in whichever process they are given, and whoever dies meanwhile.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angzarr_runtime::app::{Cleared, Consumer};
use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{NewBook, NewRecord, Order, OrderState, RecordKind, Trace};
use angzarr_runtime::{App, Error, Failure, Payload, SyncMode, Upcaster};
use angzarr_tests::bank::v1::app::{AccountHistory, Movement};
use angzarr_tests::bank::v1::{
    AccountOpened, AccountOpenedV2, BalanceRow, Deposit, Remarked, TransferReceived, Turnover, Withdraw,
};
use angzarr_tests::placed;
use angzarr_tests::{AccountRules, BalanceView, Call, Fault, Faults, OldAccounts, StoreFault, StoreFaults, register};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::lanes::transfer;
use super::redelivery::parked;
use super::{
    BALANCES, NOTICES, TRANSFERS, balance, code, decode, faulty, lease, open, start_beside, status, stopped, stream,
};
use crate::backend::Backend;

const SOON: Duration = Duration::from_secs(20);

fn consumer(app: &App, name: &str) -> Consumer {
    app.consumer(name).unwrap()
}

fn lane(account: &str) -> String {
    stream("accounts", account).root.to_string()
}

/// An application of all components over storage that goes wrong as `store` says.
async fn start_over(backend: &impl Backend, store: &StoreFaults, faults: &Faults) -> App {
    register(App::builder(faulty(backend, store).await), faults).start().await.unwrap()
}

async fn received(app: &App, account: &str) -> Vec<u64> {
    let events = app.events("accounts", account).await.unwrap();
    let received = events.iter().filter(|event| event.payload.type_name.ends_with("TransferReceived"));
    received.map(|event| decode::<TransferReceived>(event).amount).collect()
}

/// Parks so many transfers from "a" to "b", of 1, 2, 3 and so on.
async fn park(app: &App, faults: &Faults, transfers: u64) {
    open(app, "a", 100_000).await;
    open(app, "b", 0).await;
    app.drained().await.unwrap();
    faults.set_for("Transfers", "a", Fault::Fails);
    for amount in 1..=transfers {
        transfer(app, "a", "b", amount).await;
    }
    app.drained().await.unwrap();
    faults.mend("Transfers");
    assert_eq!(received(app, "b").await, [0; 0]);
}

fn spawn<T: Send + 'static>(order: impl Future<Output = Result<T, Error>> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(async move { timeout(SOON, order).await.unwrap().unwrap() })
}

fn replay(app: &App, lane: String) -> JoinHandle<Cleared> {
    let consumer = consumer(app, TRANSFERS);
    spawn(async move { consumer.replay(lane).await })
}

pub(super) async fn orders_are_carried_out_from_any_process(backend: impl Backend) {
    let (worked, stood_by) = (Faults::default(), Faults::default());
    let holder = start_beside(&backend, &worked).await;
    let other = start_beside(&backend, &stood_by).await;
    park(&holder, &worked, 3).await;
    let saga = consumer(&other, TRANSFERS);
    assert_eq!(saga.parks().await.unwrap()[0].events, 3);
    assert_eq!(saga.skip(lane("a")).await.unwrap().events, 1);
    assert_eq!(saga.replay(lane("a")).await.unwrap().events, 2);
    assert_eq!(received(&other, "b").await, [2, 3]);
    assert_eq!(code(saga.replay(lane("a")).await), "LANE_NOT_PARKED");
    assert_eq!((worked.calls("Transfers") > 0, stood_by.calls("Transfers")), (true, 0));

    saga.pause().await.unwrap();
    assert_eq!(code(saga.discard(lane("a")).await), "CONSUMER_PAUSED");
    saga.pause().await.unwrap();
    transfer(&other, "a", "b", 4).await;
    // Each process knows of the pause.
    for app in [&holder, &other] {
        assert_eq!(code(app.drained().await), "CONSUMER_PAUSED");
        assert!(status(app, TRANSFERS).paused.unwrap().contains("operator"));
    }
    saga.resume().await.unwrap();
    saga.resume().await.unwrap();
    holder.drained().await.unwrap();
    assert_eq!(received(&other, "b").await, [2, 3, 4]);

    worked.set_for("Transfers", "a", Fault::Fails);
    let failed = transfer(&other, "a", "b", 5).await;
    holder.drained().await.unwrap();
    let letter = saga.dead_letters(None, 9).await.unwrap().remove(0);
    assert_eq!(letter.event.position, failed);
    saga.remove_dead_letter(letter.event).await.unwrap();
    assert_eq!(saga.dead_letters(None, 9).await.unwrap(), []);
    assert_eq!(saga.replay(lane("a")).await.unwrap().failed.unwrap().1.code, "FAULT");
    worked.mend("Transfers");
    assert_eq!(saga.discard_and_compensate(lane("a")).await.unwrap().events, 1);
    other.shutdown().await.unwrap();
    holder.shutdown().await.unwrap();
}

pub(super) async fn orders_that_nobody_takes_up_are_taken_back(backend: impl Backend) {
    let opened = backend.open().await;
    let held = lease(&opened.store, NOTICES).await;
    let faults = Faults::default();
    let stop = Delivery { attempts: 1, on_failure: OnFailure::Stop, ..Delivery::DEFAULT };
    let app = register(App::builder(faulty(&backend, &StoreFaults::default()).await), &faults);
    let app = app.delivery(BALANCES, stop).start().await.unwrap();
    let notices = consumer(&app, NOTICES).timeout(Duration::from_millis(300));
    assert_eq!(code(notices.pause().await), "CONSUMER_NOT_RUNNING");
    opened.store.release(&held).await.unwrap();
    open(&app, "a", 10).await;
    app.send(Withdraw { account: "a".into(), amount: 1 }).sync(SyncMode::Simple).await.unwrap();
    assert_eq!(status(&app, NOTICES).paused, None, "nobody pauses it later on");

    faults.set("Balances", Fault::Fails);
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    stopped(&app, BALANCES).await;
    assert_eq!(code(consumer(&app, BALANCES).replay("a").await), "CONSUMER_STOPPED");
}

pub(super) async fn orders_that_take_long_go_on_without_their_caller(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = start_over(&backend, &store, &faults).await;
    park(&app, &faults, 2).await;
    let saga = consumer(&app, TRANSFERS);
    store.hold(Call::Append);
    let impatient = saga.clone().timeout(Duration::from_millis(100));
    let replayed = tokio::spawn(async move { impatient.replay(lane("a")).await });
    store.reached(Call::Append).await;
    assert_eq!(code(replayed.await.unwrap()), "ORDER_UNDER_WAY");
    // One order at a time works at a park.
    for again in [saga.replay(lane("a")).await, saga.skip(lane("a")).await, saga.discard(lane("a")).await] {
        assert_eq!(code(again), "LANE_BUSY");
    }
    store.open(Call::Append);
    let rejoined = async {
        while !saga.parks().await.unwrap().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, rejoined).await.unwrap();
    assert_eq!(received(&app, "b").await, [1, 2]);
    app.shutdown().await.unwrap();
}

pub(super) async fn orders_outlive_a_holder_that_dies_before_it_answers(backend: impl Backend) {
    let (first, faults) = (StoreFaults::default(), Faults::default());
    let holder = start_over(&backend, &first, &faults).await;
    let other = start_beside(&backend, &faults).await;
    // More than are replayed at a time.
    park(&holder, &faults, 70).await;
    let before = faults.calls("Transfers");

    // The first one is skipped, and nobody comes to say so.
    first.hold(Call::CarryOut);
    let saga = consumer(&other, TRANSFERS);
    let skipped = spawn(async move { saga.skip(lane("a")).await });
    first.pass(Call::CarryOut, Some(StoreFault::LosesAnswer)).await;
    assert_eq!(skipped.await.unwrap().events, 1, "it is in the store");
    first.open(Call::CarryOut);
    assert_eq!(consumer(&other, TRANSFERS).parks().await.unwrap()[0].events, 69, "it is not skipped again");

    // One page is replayed, the second one is not.
    first.hold(Call::CarryOut);
    let replayed = replay(&other, lane("a"));
    first.pass(Call::CarryOut, None).await;
    first.reached(Call::CarryOut).await;
    first.kill().await;
    assert_eq!(replayed.await.unwrap().events, 69, "the next holder finishes it");
    assert!(received(&other, "b").await.into_iter().eq(2..=70), "each once, in order");
    assert!(faults.calls("Transfers") - before >= 69 + 5, "what was not known to be done was done again");
    assert_eq!(consumer(&other, TRANSFERS).dead_letters(None, 9).await.unwrap(), []);
    other.shutdown().await.unwrap();
    drop(holder);
}

pub(super) async fn orders_that_were_carried_out_are_not_carried_out_again(backend: impl Backend) {
    let (first, faults) = (StoreFaults::default(), Faults::default());
    let holder = start_over(&backend, &first, &faults).await;
    park(&holder, &faults, 3).await;
    // Whoever gave it is gone, too.
    first.hold(Call::CarryOut);
    let saga = consumer(&holder, TRANSFERS);
    let skipped = tokio::spawn(async move { saga.skip(lane("a")).await });
    first.reached(Call::CarryOut).await;
    skipped.abort();
    first.pass(Call::CarryOut, Some(StoreFault::LosesAnswer)).await;
    let store = backend.open().await.store;
    while store.parks(TRANSFERS).await.unwrap()[0].events == 3 {
        sleep(Duration::from_millis(1)).await;
    }
    first.kill().await;
    let other = start_beside(&backend, &faults).await;
    assert_eq!(consumer(&other, TRANSFERS).replay(lane("a")).await.unwrap().events, 2);
    assert_eq!(received(&other, "b").await, [2, 3]);
    other.shutdown().await.unwrap();
    drop(holder);
}

pub(super) async fn pauses_outlive_their_holder(backend: impl Backend) {
    let (first, faults) = (StoreFaults::default(), Faults::default());
    let holder = start_over(&backend, &first, &faults).await;
    let other = start_beside(&backend, &faults).await;
    open(&holder, "a", 10).await;
    open(&holder, "b", 10).await;
    holder.drained().await.unwrap();
    consumer(&other, TRANSFERS).pause().await.unwrap();
    first.kill().await;
    transfer(&other, "a", "b", 1).await;
    assert_eq!(code(other.drained().await), "CONSUMER_PAUSED");
    // It has the lease by then, as it answers.
    consumer(&other, TRANSFERS).pause().await.unwrap();
    let last = start_beside(&backend, &faults).await;
    assert_eq!(code(other.shutdown().await), "CONSUMER_PAUSED");
    consumer(&last, TRANSFERS).pause().await.unwrap();
    assert_eq!((received(&last, "b").await, faults.calls("Transfers")), (vec![], 0));
    consumer(&last, TRANSFERS).resume().await.unwrap();
    last.drained().await.unwrap();
    assert_eq!(received(&last, "b").await, [1]);
    last.shutdown().await.unwrap();
    drop(holder);
}

pub(super) async fn resuming_waits_for_a_store_that_fails(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = start_over(&backend, &store, &faults).await;
    open(&app, "a", 10).await;
    app.drained().await.unwrap();
    consumer(&app, BALANCES).pause().await.unwrap();
    app.send(Deposit { account: "a".into(), amount: 1 }).await.unwrap();
    store.next(Call::TakeView, [StoreFault::FailsBefore]);
    store.next(Call::CarryOut, [StoreFault::FailsBefore]);
    consumer(&app, BALANCES).resume().await.unwrap();
    app.drained().await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(11));
    app.shutdown().await.unwrap();
}

pub(super) async fn a_store_that_fails_while_lanes_are_parked_loses_nothing(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = start_over(&backend, &store, &faults).await;
    store.next(Call::Park, [StoreFault::FailsBefore, StoreFault::LosesAnswer, StoreFault::FailsBefore]);
    park(&app, &faults, 3).await;
    let saga = consumer(&app, TRANSFERS);
    assert_eq!((saga.parks().await.unwrap()[0].events, saga.dead_letters(None, 9).await.unwrap().len()), (3, 1));
    store.next(Call::CarryOut, [StoreFault::FailsBefore, StoreFault::LosesAnswer]);
    assert_eq!(saga.replay(lane("a")).await.unwrap().events, 3);
    assert_eq!((received(&app, "b").await, status(&app, TRANSFERS).parks), (vec![1, 2, 3], 0));
    app.shutdown().await.unwrap();
}

/// A lane whose event was given up half-way looks free.
pub(super) async fn nothing_is_begun_once_a_consumer_halts(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let patient = Delivery { attempts: 1_000, ..Delivery::DEFAULT };
    let app = register(App::builder(faulty(&backend, &store).await), &faults).delivery(TRANSFERS, patient);
    let app = app.start().await.unwrap();
    open(&app, "a", 100).await;
    open(&app, "b", 0).await;
    app.drained().await.unwrap();
    let (saga, beside) = (consumer(&app, TRANSFERS), backend.open().await.store);
    for round in 0..2 {
        let calls = faults.calls("Transfers");
        faults.set_for("Transfers", "a", Fault::Fails);
        transfer(&app, "a", "b", 10 * round + 1).await;
        if round == 0 {
            // It waits in the lane, ...
            transfer(&app, "a", "b", 10 * round + 2).await;
        }
        // Until it is tried once a second.
        while faults.calls("Transfers") < calls + 7 {
            sleep(Duration::from_millis(5)).await;
        }
        if round == 1 {
            // ... or it is read when the consumer halts already.
            store.hold(Call::Read);
            transfer(&app, "a", "b", 10 * round + 2).await;
            store.reached(Call::Read).await;
        }
        faults.mend("Transfers");
        let id = Uuid::new_v4();
        beside.give_order(TRANSFERS, id, Order::Pause).await.unwrap();
        while beside.order(id).await.unwrap() == Some(OrderState::Given) {
            sleep(Duration::from_millis(1)).await;
        }
        store.open(Call::Read);
        while !matches!(beside.order(id).await.unwrap(), Some(OrderState::Answered { .. })) {
            sleep(Duration::from_millis(1)).await;
        }
        saga.resume().await.unwrap();
        app.drained().await.unwrap();
    }
    assert_eq!(received(&app, "b").await, [1, 2, 11, 12]);
    app.shutdown().await.unwrap();
}

/// Cannot read turnovers while it is told so.
#[derive(Upcaster, Debug)]
#[upcaster(AccountHistory)]
struct Wavering {
    broken: Arc<AtomicBool>,
}

impl AccountHistory for Wavering {
    fn opened_to_v2(&self, old: AccountOpened) -> Result<AccountOpenedV2, Failure> {
        OldAccounts.opened_to_v2(old)
    }

    fn split_turnover(&self, old: Turnover) -> Result<Vec<Movement>, Failure> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Failure::new("BROKEN", "told to fail"));
        }
        OldAccounts.split_turnover(old)
    }

    fn drop_remark(&self, old: Remarked) -> Result<Vec<Movement>, Failure> {
        OldAccounts.drop_remark(old)
    }
}

/// Balances over events of before: account "a" has 100, and two turnovers of 10 − 1 are parked in the lane of its stream.
struct Turnovers {
    broken: Arc<AtomicBool>,
    faults: Faults,
}

impl Turnovers {
    fn new() -> Self {
        Self { broken: Arc::default(), faults: Faults::default() }
    }

    async fn start(&self, backend: &impl Backend, store: &StoreFaults) -> App {
        let (faults, broken) = (self.faults.clone(), self.broken.clone());
        App::builder(faulty(backend, store).await)
            .register(placed(AccountRules { faults: Faults::default() }))
            .register(placed(Wavering { broken }))
            .register(placed(BalanceView { faults }))
            .start()
            .await
            .unwrap()
    }

    async fn park(&self, backend: &impl Backend, app: &App) {
        open(app, "a", 100).await;
        app.drained().await.unwrap();
        self.append(backend).await;
        parked(app, BALANCES, 2).await;
        self.broken.store(false, Ordering::SeqCst);
    }

    /// Appends the turnovers; from here on they cannot be read.
    async fn append(&self, backend: &impl Backend) {
        self.broken.store(true, Ordering::SeqCst);
        let turnover = Turnover { account: "a".into(), deposited: 10, withdrawn: 1 };
        let payload = Payload { type_name: "bank.v1.Turnover".into(), value: turnover.encode_to_vec().into() };
        let record = NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None };
        let book = NewBook {
            stream: stream("accounts", "a"),
            key: "a".into(),
            expected: None,
            idempotency_key: None,
            records: vec![record.clone(), record],
            cleared: Vec::new(),
            created_at: angzarr_runtime::prost_types::Timestamp::default(),
            trace: Trace { correlation_id: "talk".into(), cause: None, traceparent: None },
        };
        backend.open().await.store.append(book).await.unwrap();
    }
}

async fn row(app: &App) -> (u64, u32) {
    let row = app.view::<BalanceRow>().unwrap().get("a").await.unwrap().unwrap();
    (row.balance, row.events)
}

async fn deposit(app: &App, amount: u64) {
    app.send(Deposit { account: "a".into(), amount }).await.unwrap();
}

pub(super) async fn replay_keeps_live_events_of_its_rows_waiting(backend: impl Backend) {
    let turnovers = Turnovers::new();
    let app = turnovers.start(&backend, &StoreFaults::default()).await;
    turnovers.park(&backend, &app).await;
    turnovers.faults.set_for("Balances", "a", Fault::Takes(Duration::from_millis(60)));
    let calls = turnovers.faults.calls("Balances");
    // The row is not at rest when the replay begins, nor while it is under way.
    let replayed = {
        let balances = consumer(&app, BALANCES);
        spawn(async move { balances.replay(lane("a")).await })
    };
    while turnovers.faults.calls("Balances") == calls {
        sleep(Duration::from_millis(1)).await;
    }
    for amount in [1_000, 2_000] {
        deposit(&app, amount).await;
    }
    assert_eq!(replayed.await.map(|cleared| (cleared.events, cleared.failed)).unwrap(), (2, None));
    app.drained().await.unwrap();
    assert_eq!(row(&app).await, (3_118, 8));
    app.shutdown().await.unwrap();
}

pub(super) async fn replay_finishes_what_a_dead_holder_had_put_into_rows(backend: impl Backend) {
    let turnovers = Turnovers::new();
    let first = StoreFaults::default();
    let holder = turnovers.start(&backend, &first).await;
    let other = turnovers.start(&backend, &StoreFaults::default()).await;
    turnovers.park(&backend, &holder).await;
    first.hold(Call::CarryOut);
    let replayed = {
        let balances = consumer(&other, BALANCES);
        spawn(async move { balances.replay(lane("a")).await })
    };
    first.reached(Call::CarryOut).await;
    first.kill().await;
    assert_eq!(replayed.await.map(|cleared| (cleared.events, cleared.failed)).unwrap(), (2, None));
    assert_eq!(row(&other).await, (118, 6));
    deposit(&other, 1).await;
    other.drained().await.unwrap();
    assert_eq!(row(&other).await, (119, 7));
    other.shutdown().await.unwrap();
    drop(holder);
}

pub(super) async fn replay_behind_later_events_of_its_row_is_refused(backend: impl Backend) {
    let turnovers = Turnovers::new();
    let app = turnovers.start(&backend, &StoreFaults::default()).await;
    turnovers.park(&backend, &app).await;
    deposit(&app, 1).await;
    app.drained().await.unwrap();
    let balances = consumer(&app, BALANCES);
    let cleared = balances.replay(lane("a")).await.unwrap();
    assert_eq!((cleared.events, cleared.failed.unwrap().1.code), (0, "ROW_AHEAD".to_owned()));
    assert_eq!((row(&app).await, balances.parks().await.unwrap()[0].events), ((101, 3), 2));
    // The row goes on, and so does what is ordered.
    deposit(&app, 1).await;
    assert_eq!(balances.discard(lane("a")).await.unwrap().events, 2);
    app.drained().await.unwrap();
    assert_eq!(row(&app).await, (102, 4));
    app.shutdown().await.unwrap();
}

/// A lane cannot take later events while earlier ones wait in its park.
pub(super) async fn replay_takes_lanes_that_are_parked_in_their_order(backend: impl Backend) {
    let turnovers = Turnovers::new();
    let app = turnovers.start(&backend, &StoreFaults::default()).await;
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    turnovers.faults.set_for("Balances", "a", Fault::Fails);
    deposit(&app, 1_000).await;
    parked(&app, BALANCES, 1).await;
    turnovers.append(&backend).await;
    parked(&app, BALANCES, 3).await;
    turnovers.faults.mend("Balances");
    turnovers.broken.store(false, Ordering::SeqCst);
    let balances = consumer(&app, BALANCES);
    let cleared = balances.replay(lane("a")).await.unwrap();
    let (_, last) = cleared.failed.unwrap();
    assert_eq!((cleared.events, last.code.as_str()), (0, "LANE_PARKED"));
    assert!(last.reason.contains("\"a\""), "it says which one: {}", last.reason);
    assert_eq!(row(&app).await, (100, 2));
    assert_eq!(balances.replay("a").await.map(|cleared| (cleared.events, cleared.failed)).unwrap(), (1, None));
    assert_eq!(balances.replay(lane("a")).await.map(|cleared| (cleared.events, cleared.failed)).unwrap(), (2, None));
    assert_eq!(row(&app).await, (1_118, 7));
    app.shutdown().await.unwrap();
}

pub(super) async fn redelivery_leaves_events_in_their_parks_that_can_be_read_now(backend: impl Backend) {
    let (turnovers, store) = (Turnovers::new(), StoreFaults::default());
    let killed = turnovers.start(&backend, &store).await;
    open(&killed, "a", 100).await;
    killed.drained().await.unwrap();
    store.hold(Call::CommitView);
    turnovers.append(&backend).await;
    parked(&killed, BALANCES, 2).await;
    store.kill().await;
    turnovers.broken.store(false, Ordering::SeqCst);

    let app = turnovers.start(&backend, &StoreFaults::default()).await;
    app.drained().await.unwrap();
    assert_eq!(row(&app).await, (100, 2));
    // Nothing follows that would move the checkpoint.
    let replayed = consumer(&app, BALANCES).replay(lane("a")).await.unwrap();
    assert_eq!((replayed.events, replayed.failed, row(&app).await), (2, None, (118, 6)));
    app.shutdown().await.unwrap();
    drop(killed);
}
