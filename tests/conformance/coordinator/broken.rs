//! Stored events that cannot be used: those who want them park them, and go on.

use std::sync::{Arc, Mutex};

use angzarr_runtime::component::Delivery;
use angzarr_runtime::{App, Context, Failure, Projector};
use angzarr_tests::bank::v1::{BranchRow, Deposit, Deposited, Withdraw, Withdrawn};
use angzarr_tests::{AccountRules, Faults, OldAccounts, StoreFaults};

use super::bad_books::smuggle;
use super::{BALANCES, BRANCHES, NOTICES, TRANSFERS, WATCH, balance, code, faulty, open, start, status, stream};
use crate::backend::Backend;

async fn branch(app: &App) -> u32 {
    let branches = app.view::<BranchRow>().unwrap();
    branches.get(["NL", "Delft"]).await.unwrap().map_or(0, |row| row.accounts)
}

/// Expects just these consumers to have parked what is at position 3, and all to have passed the end.
async fn parked_at_three(app: &App, consumers: &[&str]) {
    app.drained().await.unwrap();
    for name in [TRANSFERS, WATCH, BALANCES, BRANCHES, NOTICES] {
        let consumer = app.consumer(name).unwrap();
        let letters = consumer.dead_letters(None, 10).await.unwrap();
        let parks = consumer.parks().await.unwrap();
        let expected = usize::from(consumers.contains(&name));
        assert_eq!((letters.len(), parks.len(), status(app, name).parks), (expected, expected, expected), "{name}");
        for letter in letters {
            assert_eq!(letter.event.position, 3);
            assert!(letter.attempts.iter().all(|attempt| attempt.code == "PAYLOAD_MALFORMED"));
        }
    }
}

pub(super) async fn parks_take_old_events_that_cannot_be_upcast(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpened", b"\xff\xff").await;
    for (opened, account) in (2..).zip(["b", "c"]) {
        let app = start(&backend, &Faults::default()).await;
        open(&app, account, 5).await;
        parked_at_three(&app, &[BALANCES, BRANCHES]).await;
        assert_eq!((balance(&app, "a").await, balance(&app, account).await), (Some(1), Some(5)));
        assert_eq!(branch(&app).await, opened);
        let before = app.read_log(0, usize::MAX).await.unwrap();
        assert_eq!((before.records.len(), before.next), (2, Some(2)));
        assert_eq!(code(app.read_log(2, usize::MAX).await), "PAYLOAD_MALFORMED");
        let lane = stream("accounts", "a").root.to_string();
        let again = app.consumer(BALANCES).unwrap().replay(&lane).await.unwrap();
        assert_eq!((again.events, again.failed.unwrap().1.code), (0, "PAYLOAD_MALFORMED".to_owned()));
        app.consumer(BALANCES).unwrap().dead_letters(None, 10).await.unwrap();
        app.shutdown().await.unwrap();
    }
}

pub(super) async fn parks_take_events_whose_key_does_not_decode(backend: impl Backend) {
    smuggle(&backend, "bank.v1.AccountOpenedV2", b"\xff\xff").await;
    let app = start(&backend, &Faults::default()).await;
    open(&app, "b", 5).await;
    app.drained().await.unwrap();
    // One finds out when it asks for the key, the other one in its handler.
    for name in [BALANCES, BRANCHES] {
        let letters = app.consumer(name).unwrap().dead_letters(None, 10).await.unwrap();
        assert_eq!((letters.len(), letters[0].event.position), (1, 3), "{name}");
        assert_eq!(letters[0].attempts[0].code, "PAYLOAD_MALFORMED");
    }
    assert_eq!((branch(&app).await, balance(&app, "b").await), (2, Some(5)));
    app.shutdown().await.unwrap();
}

const TALLY: &str = "test.v1.app.Tally";

/// A release that cannot handle withdrawals.
#[derive(Projector)]
#[projector(define = OldTally, name = "test.v1.app.Tally", on(on_deposited: Deposited => ()), on(on_withdrawn: Withdrawn => ()))]
struct Before;

impl OldTally for Before {
    async fn on_deposited(&self, _: Deposited, _: &Context) -> Result<(), Failure> {
        Ok(())
    }

    async fn on_withdrawn(&self, _: Withdrawn, _: &Context) -> Result<(), Failure> {
        Err(Failure::new("NO_HAND", "withdrawals are not tallied"))
    }
}

/// The next one, which does not know them any more.
#[derive(Projector, Default)]
#[projector(define = Tally, name = "test.v1.app.Tally", on(on_deposited: Deposited => ()))]
struct After {
    seen: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Tally for After {
    async fn on_deposited(&self, event: Deposited, _: &Context) -> Result<(), Failure> {
        self.seen.lock().unwrap().push((event.account, event.amount));
        Ok(())
    }
}

pub(super) async fn replay_of_a_type_that_is_gone_is_told(backend: impl Backend) {
    let release = async || {
        let rules = AccountRules { faults: Faults::default() };
        let storage = faulty(&backend, &StoreFaults::default()).await;
        let app = App::builder(storage).register(rules).register(OldAccounts);
        app.delivery(TALLY, Delivery { attempts: 1, ..Delivery::DEFAULT })
    };
    let deposit = async |app: &App, account: &str, amount| {
        app.send(Deposit { account: account.into(), amount }).await.unwrap();
        app.drained().await.unwrap();
    };
    let app = release().await.register(Before).start().await.unwrap();
    open(&app, "a", 9).await;
    open(&app, "b", 9).await;
    app.send(Withdraw { account: "a".into(), amount: 1 }).await.unwrap();
    deposit(&app, "a", 5).await;
    app.shutdown().await.unwrap();

    let after = After::default();
    let seen = after.seen.clone();
    let app = release().await.register(after).start().await.unwrap();
    let tally = app.consumer(TALLY).unwrap();
    let letter = tally.dead_letters(None, 9).await.unwrap().remove(0);
    assert_eq!((&*letter.record.payload.type_name, &*letter.lane), ("bank.v1.Withdrawn", "a"), "it can be read");
    for replay in [tally.replay("a").await, tally.discard_and_compensate("a").await] {
        let replayed = replay.unwrap();
        assert_eq!((replayed.events, replayed.failed.unwrap().1.code), (0, "TYPE_UNKNOWN".to_owned()));
    }
    assert_eq!(status(&app, TALLY).failures.get("TYPE_UNKNOWN"), Some(&2));
    assert_eq!(tally.parks().await.unwrap()[0].events, 2, "nothing has left");
    deposit(&app, "b", 6).await;
    assert_eq!(*seen.lock().unwrap(), [("b".to_owned(), 6)], "others go on");
    assert_eq!(tally.skip("a").await.unwrap().events, 1);
    assert_eq!(tally.replay("a").await.unwrap().events, 1);
    assert_eq!(*seen.lock().unwrap(), [("b".to_owned(), 6), ("a".to_owned(), 5)]);
    app.shutdown().await.unwrap();
}
