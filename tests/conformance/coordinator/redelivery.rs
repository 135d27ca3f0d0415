//! Laws 5 and 9: what lies behind the checkpoint comes again, and parks keep that apart from what waits in them.

use std::time::Duration;

use angzarr_runtime::app::{Cleared, Consumer};
use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::store::{Answer, Order, OrderState};
use angzarr_runtime::{App, Error};
use angzarr_tests::bank::v1::{FreezeAccount, TransferReceived, TransferReturned, Withdraw};
use angzarr_tests::{Call, Fault, Faults, StoreFaults, register};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::lanes::transfer;
use super::{TRANSFERS, WATCH, code, decode, faulty, open, start, start_beside, status, stream};
use crate::backend::Backend;

const SOON: Duration = Duration::from_secs(20);

fn consumer(app: &App, name: &str) -> Consumer {
    app.consumer(name).unwrap()
}

fn lane(account: &str) -> String {
    stream("accounts", account).root.to_string()
}

/// Amounts that came to an account, and those that came back to it.
async fn moved(app: &App, account: &str) -> (Vec<u64>, Vec<u64>) {
    let events = app.events("accounts", account).await.unwrap();
    let of = |name: &'static str| events.iter().filter(move |event| event.payload.type_name.ends_with(name));
    let received = of("TransferReceived").map(|event| decode::<TransferReceived>(event).amount).collect();
    (received, of("TransferReturned").map(|event| decode::<TransferReturned>(event).amount).collect())
}

/// Waits until so many events are in the parks of a consumer.
pub(super) async fn parked(app: &App, name: &str, events: u64) {
    let consumer = consumer(app, name);
    let parked = async {
        while consumer.parks().await.unwrap().iter().map(|park| park.events).sum::<u64>() != events {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, parked).await.unwrap_or_else(|_| panic!("{name} never has {events} events in its parks"));
}

/// Accounts "a", "b" and "c" with 100 each, over storage that goes wrong as `store` says.
async fn started(backend: &impl Backend, store: &StoreFaults, faults: &Faults) -> App {
    let app = register(App::builder(faulty(backend, store).await), faults).start().await.unwrap();
    for account in ["a", "b", "c"] {
        open(&app, account, 100).await;
    }
    app.drained().await.unwrap();
    app
}

/// An order that is not carried out before its caller goes away.
async fn under_way(order: impl Future<Output = Result<Cleared, Error>>) {
    assert_eq!(code(order.await), "ORDER_UNDER_WAY");
}

pub(super) async fn redelivery_adds_nothing_before_the_first_event_of_a_park(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let killed = started(&backend, &store, &faults).await;
    store.hold(Call::SaveCheckpoint);
    transfer(&killed, "b", "c", 1).await;
    while moved(&killed, "c").await.0.is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    faults.set_for("Transfers", "b", Fault::Fails);
    let failed = transfer(&killed, "b", "c", 2).await;
    parked(&killed, TRANSFERS, 1).await;
    store.kill().await;
    faults.mend("Transfers");

    let app = start_beside(&backend, &faults).await;
    app.drained().await.unwrap();
    let saga = consumer(&app, TRANSFERS);
    let parks = saga.parks().await.unwrap();
    assert_eq!((parks.len(), parks[0].events, parks[0].first.position), (1, 1, failed));
    // Of what was accepted nothing is reported as refused.
    assert_eq!(saga.discard_and_compensate(lane("b")).await.unwrap().events, 1);
    app.drained().await.unwrap();
    assert_eq!((moved(&app, "c").await.0, moved(&app, "b").await.1), (vec![1], vec![2]));
    app.shutdown().await.unwrap();
    drop(killed);
}

/// What comes again may fail while a replay waits for it, and then comes first.
pub(super) async fn replay_takes_what_joined_the_park_while_it_waited(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let killed = started(&backend, &store, &faults).await;
    store.hold(Call::SaveCheckpoint);
    let first = transfer(&killed, "b", "c", 1).await;
    while moved(&killed, "c").await.0.is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    faults.set_for("Transfers", "b", Fault::Fails);
    transfer(&killed, "b", "c", 2).await;
    parked(&killed, TRANSFERS, 1).await;
    store.kill().await;
    // The first one fails this time, though not at once.
    let (beside, id) = (backend.open().await.store, Uuid::new_v4());
    beside.give_order(TRANSFERS, id, Order::Replay { lane: lane("b") }).await.unwrap();

    let app = start_beside(&backend, &faults).await;
    let answered = async {
        loop {
            if let Some(OrderState::Answered { events, answer }) = beside.order(id).await.unwrap() {
                return (events, answer);
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    match timeout(SOON, answered).await.unwrap() {
        (0, Answer::Done { failed: Some((event, _)) }) => assert_eq!(event.position, first, "in the order of the log"),
        other => panic!("{other:?}"),
    }
    faults.mend("Transfers");
    assert_eq!(consumer(&app, TRANSFERS).replay(lane("b")).await.unwrap().events, 2);
    assert_eq!(moved(&app, "c").await.0, [1, 2]);
    app.shutdown().await.unwrap();
    drop(killed);
}

pub(super) async fn redelivery_brings_nothing_back_that_left_a_park(backend: impl Backend) {
    for compensated in [false, true] {
        let (store, faults) = (StoreFaults::default(), Faults::default());
        let killed = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
        let [slow, failing, to] = ["slow", "failing", "to"].map(|name| format!("{name} {compensated}"));
        for account in [&slow, &failing, &to] {
            open(&killed, account, 100).await;
        }
        killed.drained().await.unwrap();
        faults.set_for("Transfers", &slow, Fault::Takes(Duration::from_secs(600)));
        transfer(&killed, &slow, &to, 1).await;
        faults.set_for("Transfers", &failing, Fault::Fails);
        transfer(&killed, &failing, &to, 2).await;
        parked(&killed, TRANSFERS, 1).await;
        faults.mend("Transfers");
        // The checkpoint is before all of it.
        let saga = consumer(&killed, TRANSFERS).timeout(Duration::from_millis(300));
        if compensated {
            under_way(saga.discard_and_compensate(lane(&failing))).await;
        } else {
            under_way(saga.discard(lane(&failing))).await;
        }
        store.kill().await;

        let app = start_beside(&backend, &faults).await;
        parked(&app, TRANSFERS, 0).await;
        app.drained().await.unwrap();
        let returned = if compensated { vec![2] } else { vec![] };
        assert_eq!((moved(&app, &to).await.0, moved(&app, &failing).await.1), (vec![1], returned));
        assert_eq!(consumer(&app, TRANSFERS).dead_letters(None, 9).await.unwrap(), []);
        app.shutdown().await.unwrap();
        drop(killed);
    }
}

/// What an earlier holder gave up, and died before it was known to be done.
pub(super) async fn redelivery_leaves_no_dead_letter_of_what_is_handled_then(backend: impl Backend) {
    for (held, on_failure) in [(Call::Park, OnFailure::Park), (Call::SaveCheckpoint, OnFailure::Skip)] {
        let (store, faults) = (StoreFaults::default(), Faults::default());
        let killed = register(App::builder(faulty(&backend, &store).await), &faults);
        let once = Delivery { attempts: 1, on_failure, ..Delivery::DEFAULT };
        let killed = killed.delivery(TRANSFERS, once).start().await.unwrap();
        let [from, to] = ["from", "to"].map(|name| format!("{name} {on_failure:?}"));
        for account in [&from, &to] {
            open(&killed, account, 100).await;
        }
        killed.drained().await.unwrap();
        store.hold(held);
        faults.set_for("Transfers", &from, Fault::Fails);
        transfer(&killed, &from, &to, 1).await;
        let letters = async |app: &App| consumer(app, TRANSFERS).dead_letters(None, 9).await.unwrap().len();
        while letters(&killed).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        store.reached(held).await;
        store.kill().await;
        faults.mend("Transfers");

        let app = start_beside(&backend, &faults).await;
        app.drained().await.unwrap();
        assert_eq!((moved(&app, &to).await.0, letters(&app).await), (vec![1], 0), "{on_failure:?}");
        app.shutdown().await.unwrap();
        drop(killed);
    }
}

pub(super) async fn replay_waits_for_the_checkpoint(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = started(&backend, &store, &faults).await;
    store.hold(Call::SaveCheckpoint);
    faults.set_for("Transfers", "b", Fault::Fails);
    transfer(&app, "b", "c", 2).await;
    parked(&app, TRANSFERS, 1).await;
    faults.mend("Transfers");
    let calls = faults.calls("Transfers");
    under_way(consumer(&app, TRANSFERS).timeout(Duration::from_millis(300)).replay(lane("b"))).await;
    assert_eq!(faults.calls("Transfers"), calls);
    store.open(Call::SaveCheckpoint);
    parked(&app, TRANSFERS, 0).await;
    assert_eq!(moved(&app, "c").await.0, [2]);
    app.shutdown().await.unwrap();
}

/// As it is live: nothing more can be done about it.
pub(super) async fn replay_of_what_nobody_compensates_leaves_a_dead_letter(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    for account in ["a", "a/card"] {
        open(&app, account, 100).await;
    }
    app.send(FreezeAccount { account: "a/card".into() }).await.unwrap();
    app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    app.drained().await.unwrap();
    faults.set("WithdrawalWatch", Fault::Fails);
    for amount in [2, 3] {
        app.send(Withdraw { account: "a".into(), amount }).await.unwrap();
        app.drained().await.unwrap();
    }
    faults.mend("WithdrawalWatch");
    let watch = consumer(&app, WATCH);
    let park = watch.parks().await.unwrap().remove(0);
    let cleared = watch.replay(park.lane).await.unwrap();
    assert_eq!((cleared.events, cleared.failed, status(&app, WATCH).parks), (park.events, None, 0));
    let letter = watch.dead_letters(None, 9).await.unwrap().remove(0);
    let last = letter.attempts.last().unwrap().code.as_str();
    assert_eq!((letter.event, letter.attempts.len(), last), (park.first, 7, "REJECTED_UNCOMPENSATED"));
    app.shutdown().await.unwrap();
}
