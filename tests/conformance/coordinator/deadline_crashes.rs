//! Law 5: deadlines whose holder dies, sleeps or loses its store while they fire.

use std::time::Duration;

use angzarr_runtime::App;
use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::Deadline;
use angzarr_tests::placed;
use angzarr_tests::{Call, Fault, Faults, ReminderClerk, StoreFault, StoreFaults, register};
use tokio::time::{sleep, timeout};

use super::deadlines::{DESK, deposit, fires};
use super::standing_by::steal;
use super::{WATCH, faulty, log, names, of, open, status, stopped};
use crate::backend::Backend;

const SKIP: Delivery = Delivery { attempts: 1, on_failure: OnFailure::Skip, ..Delivery::DEFAULT };

async fn start(backend: &impl Backend, store: &StoreFaults, faults: &Faults, delivery: Delivery) -> App {
    let desk = ReminderClerk { faults: faults.clone() };
    let app = register(App::builder(faulty(backend, store).await), faults).register(placed(desk));
    app.delivery(DESK, delivery).start().await.unwrap()
}

/// What is pending, whenever it is due.
async fn pending(backend: &impl Backend) -> Vec<Deadline> {
    let end = Timestamp { seconds: 1 << 40, nanos: 0 };
    backend.open().await.store.deadlines("reminders", end, 10).await.unwrap()
}

pub(super) async fn deadlines_that_are_skipped_leave_a_dead_letter_first(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let killed = start(&backend, &store, &faults, SKIP).await;
    store.hold(Call::SaveDeadLetter);
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    open(&killed, "a", 5).await;
    store.reached(Call::SaveDeadLetter).await;
    assert_eq!(pending(&backend).await.len(), 1, "it still is");
    store.kill().await;
    faults.mend("ReminderDesk");
    let app = start(&backend, &StoreFaults::default(), &faults, SKIP).await;
    assert_eq!(fires(&app, "a", 1).await, ["bell"]);
    app.shutdown().await.unwrap();
    drop(killed);
}

/// That is no deadline's fault.
pub(super) async fn deadlines_are_not_skipped_when_the_store_fails(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let app = start(&backend, &store, &faults, Delivery { attempts: 1_000, ..SKIP }).await;
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    open(&app, "a", 5).await;
    while faults.calls("ReminderDesk") < 2 {
        sleep(Duration::from_millis(5)).await;
    }
    // Nobody else loads anything any more.
    app.drained().await.unwrap();
    store.hold(Call::Load);
    store.pass(Call::Load, Some(StoreFault::IsDamaged)).await;
    store.open(Call::Load);
    assert!(stopped(&app, DESK).await.stopped.unwrap().contains("STORE_DAMAGED"));
    store.kill().await;
    faults.mend("ReminderDesk");
    let next = start(&backend, &StoreFaults::default(), &faults, SKIP).await;
    assert_eq!(fires(&next, "a", 1).await, ["bell"]);
    next.shutdown().await.unwrap();
    drop(app);
}

pub(super) async fn deadlines_that_were_set_anew_outlive_whoever_skips_the_old_one(backend: impl Backend) {
    let (store, faults) = (StoreFaults::default(), Faults::default());
    let sleeping = start(&backend, &store, &faults, SKIP).await;
    open(&sleeping, "a", 0).await;
    sleeping.drained().await.unwrap();
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    store.hold(Call::SaveDeadLetter);
    deposit(&sleeping, "a", 5).await;
    store.reached(Call::SaveDeadLetter).await;
    // Nobody else has anything to append.
    let head = log(&sleeping).await.last().unwrap().position;
    while status(&sleeping, WATCH).position < head {
        sleep(Duration::from_millis(5)).await;
    }
    // It is about to take the deadline away, and does not notice that it loses its lease.
    store.hold(Call::Renew);
    store.hold(Call::Append);
    store.open(Call::SaveDeadLetter);
    store.reached(Call::Append).await;
    faults.mend("ReminderDesk");
    let opened = backend.open().await;
    let lease = steal(&opened.store, DESK).await;
    opened.store.release(&lease).await.unwrap();
    let app = start(&backend, &StoreFaults::default(), &faults, SKIP).await;
    assert_eq!(fires(&app, "a", 1).await, ["bell"]);
    deposit(&app, "a", 900).await;
    let set_anew = async {
        while names(of(&log(&app).await, "reminders", "a")).iter().filter(|name| **name == "DeadlineSet").count() < 2 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), set_anew).await.unwrap();
    store.pass(Call::Append, None).await;
    store.open(Call::Append);
    assert_eq!(fires(&app, "a", 2).await, ["bell", "bell"]);
    app.shutdown().await.unwrap();
    drop(sleeping);
}
