//! Handlers of aggregates that do I/O.

use std::future::IntoFuture;
use std::time::Duration;

use angzarr_runtime::App;
use angzarr_runtime::app::SendCommand;
use angzarr_tests::bank::v1::{AdjustBalance, Deposit, Withdraw};
use angzarr_tests::{Call, Fault, Faults, StoreFaults, register};

use super::pipelined::sent;
use super::{code, event_names, faulty, open, start, start_beside};
use crate::backend::Backend;

const HANDLER: &str = "Adjust";

fn adjust(app: &App, account: &str, balance: u64) -> SendCommand {
    app.send(AdjustBalance { account: account.into(), balance })
}

/// Waits until the handler was called this often.
async fn called(faults: &Faults, times: usize) {
    while faults.calls(HANDLER) < times {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub(super) async fn io_holds_up_one_root_only(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "slow", 1).await;
    open(&app, "quick", 1).await;
    faults.set_for(HANDLER, "slow", Fault::Waits);
    let slow = tokio::spawn(adjust(&app, "slow", 100).into_future());
    called(&faults, 1).await;
    // Behind it in turn: without the hundred this would be refused.
    let next = tokio::spawn(app.send(Withdraw { account: "slow".into(), amount: 100 }).into_future());
    adjust(&app, "quick", 5).await.unwrap();
    app.send(Withdraw { account: "quick".into(), amount: 5 }).await.unwrap();
    assert!(!slow.is_finished() && !next.is_finished());
    faults.mend(HANDLER);
    let sequences = [slow.await.unwrap().unwrap(), next.await.unwrap().unwrap()].map(|done| done.events[0].sequence);
    assert_eq!(sequences, [2, 3]);
}

pub(super) async fn io_holds_up_nobody_who_came_before(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    open(&app, "a", 100).await;
    faults.set_for(HANDLER, "a", Fault::Waits);
    // While a commit is under way, both gather for the next round.
    store.hold(Call::Append);
    let first = sent(app.send(Deposit { account: "a".into(), amount: 0 }));
    store.reached(Call::Append).await;
    let (before, slow) = (sent(app.send(Withdraw { account: "a".into(), amount: 1 })), sent(adjust(&app, "a", 5)));
    store.open(Call::Append);
    first.await.unwrap();
    assert_eq!(before.await.unwrap().events[0].sequence, 3);
    called(&faults, 1).await;
    faults.mend(HANDLER);
    assert_eq!(slow.await.unwrap().events[0].sequence, 4);
}

pub(super) async fn io_that_hangs_or_panics_changes_nothing(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    open(&app, "a", 1).await;
    faults.set_for(HANDLER, "a", Fault::Waits);
    assert_eq!(code(adjust(&app, "a", 100).timeout(Duration::from_millis(20)).await), "DEADLINE_EXCEEDED");
    faults.set_for(HANDLER, "a", Fault::Panics);
    assert_eq!(code(adjust(&app, "a", 100).await), "HANDLER_PANICKED");
    assert_eq!(code(app.speculate(AdjustBalance { account: "a".into(), balance: 7 }).await), "HANDLER_PANICKED");
    faults.mend(HANDLER);
    assert_eq!(code(app.send(Withdraw { account: "a".into(), amount: 2 }).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    adjust(&app, "a", 2).await.unwrap();
    app.send(Withdraw { account: "a".into(), amount: 2 }).await.unwrap();
    assert_eq!(event_names(&app, "a").await, ["AccountOpenedV2", "Deposited", "Deposited", "Withdrawn"]);
}

pub(super) async fn io_is_done_again_on_a_conflict(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_beside(&backend, &faults).await;
    let other = start_beside(&backend, &Faults::default()).await;
    open(&app, "a", 1).await;
    faults.set_for(HANDLER, "a", Fault::Waits);
    let adjusted = tokio::spawn(adjust(&app, "a", 100).into_future());
    called(&faults, 1).await;
    other.send(Deposit { account: "a".into(), amount: 40 }).await.unwrap();
    faults.mend(HANDLER);
    assert_eq!(adjusted.await.unwrap().unwrap().events[0].sequence, 3);
    assert_eq!(faults.calls(HANDLER), 2);
    // The second time it knew of the 40.
    assert_eq!(code(other.send(Withdraw { account: "a".into(), amount: 101 }).await), "ACCOUNT_REJECTION_INSUFFICIENT");
    other.send(Withdraw { account: "a".into(), amount: 100 }).await.unwrap();
}
