//! Deadlines of process managers, refusals of their commands, and their end.

use std::time::Duration;

use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::proto::{CommandsIssued, DeadlineSet};
use angzarr_runtime::store::{AsOf, Record, RecordKind};
use angzarr_runtime::{App, SyncMode};
use angzarr_tests::bank::v1::Deposit;
use angzarr_tests::placed;
use angzarr_tests::remind::v1::{Desk, Refused, Reminded};
use angzarr_tests::{Call, Fault, Faults, ReminderClerk, StoreFault, StoreFaults, register};
use tokio::time::{sleep, timeout};

use super::{decode, faulty, names, of, open, status};
use crate::backend::Backend;

pub(super) const DESK: &str = "remind.v1.app.ReminderDesk";

async fn start(backend: &impl Backend, faults: &Faults) -> App {
    start_with(backend, faults, Delivery::DEFAULT).await
}

async fn start_with(backend: &impl Backend, faults: &Faults, delivery: Delivery) -> App {
    let desk = ReminderClerk { faults: faults.clone() };
    register(App::builder(backend.storage()), faults)
        .register(placed(desk))
        .delivery(DESK, delivery)
        .start()
        .await
        .unwrap()
}

pub(super) async fn deposit(app: &App, account: &str, amount: u64) {
    app.send(Deposit { account: account.into(), amount }).await.unwrap();
}

async fn desk(app: &App, account: &str) -> Vec<Record> {
    let log = super::log(app).await;
    of(&log, "reminders", account).into_iter().cloned().collect()
}

async fn fired(app: &App, account: &str) -> Vec<String> {
    let records = desk(app, account).await;
    let reminded = records.iter().filter(|record| record.payload.type_name.ends_with("Reminded"));
    reminded.map(|record| decode::<Reminded>(record).name).collect()
}

/// Waits until so many have fired.
pub(super) async fn fires(app: &App, account: &str, count: usize) -> Vec<String> {
    let all = async {
        loop {
            let fired = fired(app, account).await;
            if fired.len() >= count {
                return fired;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap_or_else(|_| panic!("{count} of {account} never fired"))
}

pub(super) async fn deadlines_fire_once(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 20).await;
    assert_eq!(fires(&app, "a", 1).await, ["bell"]);
    let records = desk(&app, "a").await;
    assert_eq!(names(&records), ["DeadlineSet", "Reminded"]);
    assert_eq!((records[0].kind, records[1].kind), (RecordKind::Deadline, RecordKind::Event));
    let cause = records[1].trace.cause.as_ref().unwrap();
    assert_eq!((&*cause.domain, cause.root, cause.sequence), ("reminders", records[0].stream.root, 0));
    assert_eq!(records[1].trace.correlation_id, records[0].trace.correlation_id);

    deposit(&app, "a", ReminderClerk::MANY + 100).await;
    let mut all = fires(&app, "a", 101).await.split_off(1);
    all.sort_by_key(|name| name.parse::<u32>().unwrap());
    assert!(all.iter().map(|name| name.parse::<u32>().unwrap()).eq(0..100));
    app.drained().await.unwrap();
    assert_eq!(fired(&app, "a").await.len(), 101, "each once");
    let state: Desk = app.state("reminders", "a", AsOf::Now).await.unwrap().unwrap();
    assert_eq!(state.fired.len(), 101);
}

pub(super) async fn deadlines_are_due_when_their_commands_are_decided(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", ReminderClerk::CHARGE).await;
    let issued = async {
        loop {
            let records = desk(&app, "a").await;
            if let [set, issued] = &records[..] {
                return (decode::<DeadlineSet>(set), decode::<CommandsIssued>(issued));
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let (set, issued) = timeout(Duration::from_secs(20), issued).await.unwrap();
    let now = issued.books[0].origin.as_ref().unwrap().recorded_at;
    assert_eq!((now, now.is_some()), (set.at, true), "and not when the deadline was set");
}

pub(super) async fn deadlines_are_moved_and_cancelled(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    for account in ["moved", "cancelled"] {
        open(&app, account, 900).await;
    }
    deposit(&app, "moved", 30).await;
    deposit(&app, "cancelled", ReminderClerk::CANCEL).await;
    app.drained().await.unwrap();
    assert_eq!(fires(&app, "moved", 1).await, ["bell"]);
    sleep(Duration::from_millis(1_200)).await;
    assert_eq!((fired(&app, "moved").await.len(), fired(&app, "cancelled").await.len()), (1, 0));
    assert_eq!(names(&desk(&app, "moved").await), ["DeadlineSet", "DeadlineSet", "Reminded"]);
    assert_eq!(names(&desk(&app, "cancelled").await), ["DeadlineSet", "DeadlineSet"], "that it was cancelled is told");
}

pub(super) async fn deadlines_fire_after_a_restart(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "past", 20).await;
    open(&app, "future", 600).await;
    app.drained().await.unwrap();
    app.shutdown().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    let app = start(&backend, &Faults::default()).await;
    assert_eq!(
        (fires(&app, "past", 1).await, fires(&app, "future", 1).await),
        (vec!["bell".into()], vec!["bell".into()])
    );
    app.shutdown().await.unwrap();
    let app = start(&backend, &Faults::default()).await;
    sleep(Duration::from_millis(100)).await;
    app.drained().await.unwrap();
    assert_eq!((fired(&app, "past").await.len(), fired(&app, "future").await.len()), (1, 1));
    app.shutdown().await.unwrap();
}

/// The program dies when the step of a deadline was about to be stored, or just has been.
pub(super) async fn deadlines_fire_once_across_a_kill(backend: impl Backend) {
    for fault in [StoreFault::FailsBefore, StoreFault::LosesAnswer] {
        let (store, account) = (StoreFaults::default(), format!("{fault:?}"));
        let desk_of = |storage| {
            let faults = Faults::default();
            register(App::builder(storage), &faults).register(ReminderClerk { faults }).start()
        };
        let killed = desk_of(faulty(&backend, &store).await).await.unwrap();
        store.hold(Call::Append);
        let (opened, ()) = tokio::join!(timeout(Duration::from_secs(20), open(&killed, &account, 1)), async {
            for _ in ["OpenAccount", "Deposit"] {
                store.pass(Call::Append, None).await;
            }
        });
        opened.unwrap();
        // The deadline is set; then it fires.
        store.pass(Call::Append, None).await;
        store.pass(Call::Append, Some(fault)).await;
        store.kill().await;

        let app = desk_of(faulty(&backend, &StoreFaults::default()).await).await.unwrap();
        assert_eq!(fires(&app, &account, 1).await, ["bell"]);
        sleep(Duration::from_millis(50)).await;
        app.drained().await.unwrap();
        assert_eq!(names(&desk(&app, &account).await), ["DeadlineSet", "Reminded"], "{fault:?}");
        app.shutdown().await.unwrap();
        drop(killed);
    }
}

/// What is due in a parked lane stays due, and may be more than is looked at at a time.
pub(super) async fn deadlines_of_parked_lanes_hide_no_others(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_with(&backend, &faults, Delivery { attempts: 1, ..Delivery::DEFAULT }).await;
    open(&app, "b", 0).await;
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    open(&app, "a", ReminderClerk::MANY + 1_100).await;
    parked(&app).await;
    deposit(&app, "b", 5).await;
    assert_eq!(fires(&app, "b", 1).await, ["bell"]);
    assert_eq!((fired(&app, "a").await.len(), status(&app, DESK).parks), (0, 1));
}

/// Waits until a lane is parked.
async fn parked(app: &App) {
    let parked = async {
        while status(app, DESK).parks == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), parked).await.unwrap();
}

pub(super) async fn deadlines_that_fail_park_their_lane(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_with(&backend, &faults, Delivery { attempts: 2, ..Delivery::DEFAULT }).await;
    open(&app, "b", 0).await;
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    open(&app, "a", 5).await;
    parked(&app).await;
    deposit(&app, "b", 5).await;
    deposit(&app, "a", 7).await;
    fires(&app, "b", 1).await;
    app.drained().await.unwrap();
    let consumer = app.consumer(DESK).unwrap();
    let letter = consumer.dead_letters(None, 10).await.unwrap().remove(0);
    assert_eq!((letter.record.kind, letter.attempts.len()), (RecordKind::Deadline, 2));
    assert_eq!(names(&desk(&app, "a").await), ["DeadlineSet"], "what comes later waits");
    faults.mend("ReminderDesk");
    assert_eq!(consumer.replay(letter.lane).await.unwrap().events, 2);
    assert_eq!(fires(&app, "a", 2).await, ["bell", "bell"]);
    assert_eq!(consumer.dead_letters(None, 10).await.unwrap(), []);
}

pub(super) async fn deadlines_that_fail_are_skipped(backend: impl Backend) {
    let faults = Faults::default();
    let skip = Delivery { attempts: 1, on_failure: OnFailure::Skip, ..Delivery::DEFAULT };
    let app = start_with(&backend, &faults, skip).await;
    faults.set_for("ReminderDesk", "a", Fault::FailsTimes(1));
    open(&app, "a", 5).await;
    let consumer = app.consumer(DESK).unwrap();
    let skipped = async {
        while consumer.dead_letters(None, 10).await.unwrap().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), skipped).await.unwrap();
    deposit(&app, "a", 5).await;
    fires(&app, "a", 1).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!((fired(&app, "a").await.len(), consumer.dead_letters(None, 10).await.unwrap().len()), (1, 1));
}

pub(super) async fn compensation_reaches_process_managers(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 0).await;
    let overdraw = Deposit { account: "a".into(), amount: ReminderClerk::OVERDRAW };
    let outcome = app.send(overdraw).sync(SyncMode::Cascade).await.unwrap();
    let caused: Vec<_> = outcome.caused.iter().map(|book| names(&book.records)).collect();
    assert!(caused.contains(&vec!["CommandsIssued"]) && caused.contains(&vec!["Refusal"]), "{caused:?}");
    assert!(caused.contains(&vec!["Refused"]), "{caused:?}");
    let refused: Refused = decode(&desk(&app, "a").await[1]);
    assert_eq!(refused.code, "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(app.consumer(DESK).unwrap().dead_letters(None, 10).await.unwrap(), []);
    app.drained().await.unwrap();
    assert_eq!(names(&desk(&app, "a").await), ["CommandsIssued", "Refused"], "once");
}

pub(super) async fn completed_processes_ignore_what_comes_later(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 300).await;
    deposit(&app, "a", ReminderClerk::COMPLETE).await;
    for amount in [1, ReminderClerk::OVERDRAW] {
        deposit(&app, "a", amount).await;
    }
    app.drained().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!(names(&desk(&app, "a").await), ["DeadlineSet", "CommandsIssued"], "not even the deadline fires");
    open(&app, "b", 1).await;
    fires(&app, "b", 1).await;
}

pub(super) async fn completed_processes_hear_of_refusals(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    open(&app, "a", 300).await;
    deposit(&app, "a", ReminderClerk::LAST).await;
    app.drained().await.unwrap();
    deposit(&app, "a", 1).await;
    app.drained().await.unwrap();
    sleep(Duration::from_millis(500)).await;
    let records = desk(&app, "a").await;
    assert_eq!(names(&records), ["DeadlineSet", "CommandsIssued", "Refused"], "and of nothing else");
    assert!(decode::<CommandsIssued>(&records[1]).completed);
    assert_eq!(decode::<Refused>(&records[2]).code, "ACCOUNT_REJECTION_INSUFFICIENT");
    assert_eq!(app.consumer(DESK).unwrap().dead_letters(None, 10).await.unwrap(), []);
    let desk: Desk = app.state("reminders", "a", AsOf::Now).await.unwrap().unwrap();
    assert_eq!((desk.refused, desk.fired.len()), (1, 0));
}

pub(super) async fn compensation_that_never_ends_ends_in_a_park(backend: impl Backend) {
    let app = start_with(&backend, &Faults::default(), Delivery { attempts: 2, ..Delivery::DEFAULT }).await;
    open(&app, "a", 0).await;
    deposit(&app, "a", ReminderClerk::INSIST).await;
    open(&app, "b", 1).await;
    app.drained().await.unwrap();
    let letter = app.consumer(DESK).unwrap().dead_letters(None, 10).await.unwrap().remove(0);
    assert!(letter.attempts.iter().all(|attempt| attempt.code == "CHAIN_TOO_LONG"), "{:?}", letter.attempts);
    let sent = desk(&app, "a").await.len();
    assert!(sent > 90 && sent < 110, "{sent} steps, each once");
    assert_eq!(fires(&app, "b", 1).await, ["bell"], "others go on");
}

pub(super) async fn compensation_of_what_is_discarded_reaches_process_managers(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_with(&backend, &faults, Delivery { attempts: 1, ..Delivery::DEFAULT }).await;
    open(&app, "a", 0).await;
    deposit(&app, "a", 900).await;
    // There is an instance now; it is not to do anything by itself.
    deposit(&app, "a", ReminderClerk::CANCEL).await;
    app.drained().await.unwrap();
    faults.set_for("Desk", "a", Fault::Fails);
    deposit(&app, "a", ReminderClerk::OVERDRAW).await;
    app.drained().await.unwrap();
    let consumer = app.consumer(DESK).unwrap();
    let lane = consumer.parks().await.unwrap().remove(0).lane;
    faults.mend("Desk");
    assert_eq!(consumer.discard_and_compensate(lane).await.unwrap().events, 1);
    let refused: Refused = decode(desk(&app, "a").await.last().unwrap());
    assert_eq!(refused.code, "DISCARDED");
    assert!(!super::log(&app).await.iter().any(|record| record.kind == RecordKind::Refusal), "nothing was sent");

    // What is recorded was decided, and may have been accepted.
    faults.set_for("ReminderDesk", "a", Fault::Fails);
    deposit(&app, "a", ReminderClerk::OVERDRAW).await;
    app.drained().await.unwrap();
    let lane = consumer.parks().await.unwrap().remove(0).lane;
    let refused = consumer.discard_and_compensate(&*lane).await.unwrap();
    assert_eq!(refused.failed.unwrap().1.code, "NOT_COMPENSABLE");
    faults.mend("ReminderDesk");
    assert_eq!(consumer.replay(lane).await.unwrap().events, 1);
}
