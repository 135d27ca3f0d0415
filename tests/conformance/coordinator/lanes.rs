//! Law 9: lanes are independent, and each keeps its order.

use std::time::Duration;

use angzarr_runtime::App;
use angzarr_runtime::component::Delivery;
use angzarr_tests::bank::v1::{Deposit, Transfer};
use angzarr_tests::{Fault, Faults, register};
use tokio::time::{sleep, timeout};

use super::{BALANCES, TRANSFERS, balance, event_names, open, start, status};
use crate::backend::Backend;

/// Longer than anybody here waits.
const FOR_EVER: Fault = Fault::Takes(Duration::from_secs(600));

pub(super) async fn transfer(app: &App, from: &str, to: &str, amount: u64) -> u64 {
    app.send(Transfer { account: from.into(), to: to.into(), amount }).await.unwrap().position
}

/// Waits until a view shows it.
pub(super) async fn shows(app: &App, account: &str, expected: u64) {
    let shown = async {
        while balance(app, account).await != Some(expected) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), shown).await.unwrap_or_else(|_| panic!("{account} never shows {expected}"));
}

pub(super) async fn lanes_do_not_wait_for_a_hanging_one(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    for account in ["a", "b", "c"] {
        open(&app, account, 1_000).await;
    }
    app.drained().await.unwrap();
    faults.set_for("Transfers", "a", FOR_EVER);
    let hanging = transfer(&app, "a", "b", 1).await;
    for _ in 0..50 {
        transfer(&app, "a", "b", 1).await;
        transfer(&app, "c", "b", 1).await;
    }
    shows(&app, "b", 1_050).await;
    assert!(status(&app, TRANSFERS).position < hanging, "its checkpoint stays before what is not done");
    assert_eq!(status(&app, TRANSFERS).parks, 0);
}

pub(super) async fn lanes_keep_their_order(backend: impl Backend) {
    let faults = Faults::default();
    // Each handler gives way to the others, so that lanes really take turns.
    faults.set("Transfers", Fault::Takes(Duration::from_millis(1)));
    let app = start(&backend, &faults).await;
    let accounts = ["a", "b", "c", "d"];
    for account in accounts {
        open(&app, account, 10_000).await;
        open(&app, &format!("to {account}"), 0).await;
    }
    for amount in 1..=25 {
        for account in accounts {
            transfer(&app, account, &format!("to {account}"), amount).await;
        }
    }
    app.drained().await.unwrap();
    for account in accounts {
        let to = format!("to {account}");
        let events = app.events("accounts", &to).await.unwrap();
        let amounts: Vec<u64> = events[2..]
            .iter()
            .map(|event| super::decode::<angzarr_tests::bank::v1::TransferReceived>(event).amount)
            .collect();
        assert!(amounts.iter().copied().eq(1..=25), "{account}: {amounts:?}");
        assert_eq!(balance(&app, &to).await, Some(325));
    }
    assert_eq!(faults.calls("Transfers"), 100);
}

pub(super) async fn lanes_of_a_failing_handler_try_again_alone(backend: impl Backend) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    for account in ["a", "b", "c"] {
        open(&app, account, 100).await;
    }
    app.drained().await.unwrap();
    faults.set_for("Balances", "a", Fault::FailsTimes(3));
    let calls = faults.calls("Balances");
    for account in ["a", "b", "a", "c"] {
        app.send(Deposit { account: account.into(), amount: 1 }).await.unwrap();
    }
    app.drained().await.unwrap();
    assert_eq!(faults.calls("Balances"), calls + 4 + 3);
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(102), Some(101)));
    assert_eq!(app.consumer(BALANCES).unwrap().dead_letters(None, 1).await.unwrap(), []);
}

pub(super) async fn lanes_of_handlers_that_hang_are_parked(backend: impl Backend) {
    let faults = Faults::default();
    let delivery = Delivery { attempts: 2, timeout: Duration::from_millis(50), ..Delivery::DEFAULT };
    let app = register(App::builder(backend.storage()), &faults).delivery(TRANSFERS, delivery).start().await.unwrap();
    open(&app, "a", 100).await;
    open(&app, "b", 100).await;
    faults.set_for("Transfers", "a", FOR_EVER);
    let at = transfer(&app, "a", "b", 1).await;
    transfer(&app, "b", "a", 5).await;
    app.drained().await.unwrap();
    let letters = app.consumer(TRANSFERS).unwrap().dead_letters(None, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].event.position), (1, at));
    let codes: Vec<&str> = letters[0].attempts.iter().map(|attempt| attempt.code.as_str()).collect();
    assert_eq!(codes, ["HANDLER_TIMED_OUT", "HANDLER_TIMED_OUT"]);
    assert_eq!(event_names(&app, "a").await.last().unwrap(), "TransferReceived", "the other lane went on");
}
