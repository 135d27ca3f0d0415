//! Law 5: what a projector writes into tables of its own is committed once, with the mark that its event is handled.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::component::Delivery;
use angzarr_runtime::store::{EventRef, Lease, Storage};
use angzarr_runtime::view::ViewStore;
use angzarr_runtime::{App, Error};
use angzarr_tests::bank::v1::{Deposit, Withdraw};
use angzarr_tests::placed;
use angzarr_tests::{
    AccountRules, Call, Fault, Faults, LEDGER_TABLES, LedgerBook, OldAccounts, StoreFault, StoreFaults, query_tables,
};

use super::redelivery::parked;
use super::{code, open, status};
use crate::backend::Backend;

const LEDGER: &str = "bank.v1.app.Ledger";

/// An application of accounts and their ledger, as in a process of its own, and where its tables lie.
struct Started {
    app: App,
    views: Arc<dyn ViewStore>,
}

impl Started {
    async fn over(backend: &impl Backend, faults: &Faults, store: &StoreFaults) -> Self {
        Self::with(backend, faults, store, Delivery::DEFAULT).await
    }

    async fn with(backend: &impl Backend, faults: &Faults, store: &StoreFaults, delivery: Delivery) -> Self {
        Self::try_with(backend, faults, store, delivery).await.unwrap()
    }

    async fn try_with(
        backend: &impl Backend,
        faults: &Faults,
        store: &StoreFaults,
        delivery: Delivery,
    ) -> Result<Self, Error> {
        let opened = backend.open().await;
        let views = opened.views.clone();
        let app = App::builder(Storage::Opened(store.wrap(opened)))
            .register(placed(AccountRules { faults: Faults::default() }))
            .register(placed(OldAccounts))
            .register(placed(LedgerBook { faults: faults.clone() }))
            .delivery(LEDGER, delivery)
            .tables(LEDGER_TABLES);
        Ok(Self { app: app.start().await?, views })
    }

    async fn deposit(&self, account: &str, amount: u64) {
        self.app.send(Deposit { account: account.into(), amount }).await.unwrap();
    }

    async fn rows(&self, sql: &str) -> String {
        query_tables(&self.views, sql).await.unwrap()
    }

    /// Account, sum and number of movements, once all is done.
    async fn sums(&self) -> String {
        self.app.drained().await.unwrap();
        self.rows("SELECT account, sum, movements FROM sums ORDER BY account").await
    }

    /// How many events left the park, and the code of the one that failed.
    async fn replay(&self, account: &str) -> (u64, Option<String>) {
        let cleared = self.app.consumer(LEDGER).unwrap().replay(account).await.unwrap();
        (cleared.events, cleared.failed.map(|(_, attempt)| attempt.code))
    }
}

pub(super) async fn tables_are_committed_with_their_marks(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    for account in ["a", "b"] {
        open(&started.app, account, 100).await;
        started.deposit(account, 5).await;
        started.app.send(Withdraw { account: account.into(), amount: 20 }).await.unwrap();
    }
    assert_eq!(started.sums().await, "a|85|3\nb|85|3", "a transaction sees what it wrote, and what was there");
    assert_eq!(faults.calls("Ledger"), 6);
    started.app.shutdown().await.unwrap();
    let started = Started::over(&backend, &faults, &StoreFaults::default()).await;
    started.deposit("a", 1).await;
    assert_eq!(started.sums().await, "a|86|4\nb|85|3");
    assert_eq!(faults.calls("Ledger"), 7, "what the checkpoint has passed is not handled again");
}

/// A program is killed when it has committed an event and cannot say so any more, here or there.
pub(super) async fn tables_are_not_written_twice_after_a_kill(backend: impl Backend) {
    let faults = Faults::default();
    for (amount, call) in [(1, Call::SaveTables), (2, Call::SaveCheckpoint)] {
        let store = StoreFaults::default();
        let started = Started::over(&backend, &faults, &store).await;
        if amount == 1 {
            open(&started.app, "a", 100).await;
            started.app.drained().await.unwrap();
        }
        store.hold(call);
        started.deposit("a", amount).await;
        store.reached(call).await;
        store.kill().await;
        let again = Started::over(&backend, &faults, &StoreFaults::default()).await;
        let (sum, movements) = (100 + amount * (amount + 1) / 2, 1 + amount);
        assert_eq!(again.sums().await, format!("a|{sum}|{movements}"), "{call:?}");
        again.app.shutdown().await.unwrap();
    }
}

pub(super) async fn tables_show_nothing_of_what_failed(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    faults.set_for("Ledger", "fails", Fault::FailsTimes(1));
    faults.set_for("Ledger", "panics", Fault::Panics);
    for account in ["fails", "panics"] {
        open(&started.app, account, 10).await;
    }
    assert_eq!(started.sums().await, "fails|10|1", "the second attempt began anew");
    let failures = status(&started.app, LEDGER).failures;
    assert_eq!(failures, [("FAULT".to_owned(), 1), ("HANDLER_PANICKED".to_owned(), 6)].into());
    // What the database refuses is refused with its words, and all else of that event goes, too.
    started.deposit("fails", 10).await;
    started.app.drained().await.unwrap();
    let letters = started.app.consumer(LEDGER).unwrap().dead_letters(None, 10).await.unwrap();
    let refused = letters.iter().find(|letter| letter.lane == "fails").unwrap().attempts.last().unwrap();
    assert_eq!((refused.code.as_str(), refused.reason.to_lowercase().contains("unique")), ("SQL_FAILED", true));
    assert_eq!(started.sums().await, "fails|10|1");
    started.app.shutdown().await.unwrap();

    let impatient = Delivery { timeout: Duration::from_millis(100), attempts: 2, ..Delivery::DEFAULT };
    faults.set_for("Ledger", "hangs", Fault::Takes(Duration::from_secs(60)));
    let started = Started::with(&backend, &faults, &StoreFaults::default(), impatient).await;
    open(&started.app, "hangs", 10).await;
    assert_eq!(started.sums().await, "fails|10|1");
    assert_eq!(status(&started.app, LEDGER).failures, [("HANDLER_TIMED_OUT".to_owned(), 2)].into());
}

/// An answer that was lost is no failure of the handler, which would fail now: the amount is there.
pub(super) async fn tables_whose_commit_was_not_answered_are_written_once(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    open(&started.app, "a", 100).await;
    started.app.drained().await.unwrap();
    store.next(Call::CommitTables, [StoreFault::LosesAnswer, StoreFault::FailsBefore]);
    started.deposit("a", 1).await;
    assert_eq!(started.sums().await, "a|101|2");
    started.deposit("a", 2).await;
    assert_eq!(started.sums().await, "a|103|3");
    let told = status(&started.app, LEDGER);
    assert_eq!((told.parks, told.failures["STORE_UNAVAILABLE"]), (0, 1));
}

/// A park is replayed, and the program killed before its event has left that.
pub(super) async fn tables_are_written_once_by_a_replay(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    faults.set_for("Ledger", "a", Fault::Fails);
    open(&started.app, "a", 100).await;
    started.deposit("a", 1).await;
    open(&started.app, "b", 10).await;
    assert_eq!(started.sums().await, "b|10|1");
    faults.mend("Ledger");
    store.hold(Call::Sync);
    store.hold(Call::CarryOut);
    let app = started.app.clone();
    let replaying = tokio::spawn(async move { app.consumer(LEDGER).unwrap().replay("a").await });
    store.reached(Call::Sync).await;
    assert_eq!(started.app.consumer(LEDGER).unwrap().parked("a", 10).await.unwrap().len(), 2, "they wait for the disk");
    store.open(Call::Sync);
    store.reached(Call::CarryOut).await;
    // The checkpoint has passed them long ago.
    started.deposit("b", 1).await;
    assert_eq!(started.sums().await, "a|101|2\nb|11|2");
    store.kill().await;
    assert!(replaying.await.unwrap().is_err());

    let again = Started::over(&backend, &faults, &StoreFaults::default()).await;
    // The order outlives its holder, who lets the lane go on a moment after the park is empty.
    parked(&again.app, LEDGER, 0).await;
    while status(&again.app, LEDGER).parks > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    again.deposit("a", 2).await;
    assert_eq!(again.sums().await, "a|103|3\nb|11|2");
}

/// An event that was committed comes again, before the first one of its park.
pub(super) async fn tables_are_written_once_around_a_park(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    open(&started.app, "a", 100).await;
    started.app.drained().await.unwrap();
    store.hold(Call::SaveTables);
    started.deposit("a", 1).await;
    store.reached(Call::SaveTables).await;
    faults.set_for("Ledger", "a", Fault::Fails);
    started.deposit("a", 2).await;
    parked(&started.app, LEDGER, 1).await;
    store.kill().await;
    faults.mend("Ledger");

    let again = Started::over(&backend, &faults, &StoreFaults::default()).await;
    assert_eq!(again.sums().await, "a|101|2");
    assert_eq!(again.replay("a").await, (1, None));
    assert_eq!(again.sums().await, "a|103|3");
}

/// An event that was committed comes again, and is parked by a handler that fails before it asks for a transaction.
pub(super) async fn tables_are_written_once_by_a_later_replay(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    open(&started.app, "a", 100).await;
    started.app.drained().await.unwrap();
    store.hold(Call::SaveTables);
    started.deposit("a", 1).await;
    store.reached(Call::SaveTables).await;
    store.kill().await;

    faults.set_for("Ledger's beginning", "a", Fault::Fails);
    let again = Started::over(&backend, &faults, &StoreFaults::default()).await;
    open(&again.app, "b", 10).await;
    assert_eq!(again.sums().await, "a|101|2\nb|10|1");
    parked(&again.app, LEDGER, 1).await;
    faults.mend("Ledger's beginning");
    assert_eq!(again.replay("a").await, (1, None));
    again.deposit("a", 2).await;
    assert_eq!(again.sums().await, "a|103|3\nb|10|1");
}

/// What an application makes at its start, it makes whole.
pub(super) async fn tables_are_made_before_consumers_start(backend: impl Backend) {
    let app = App::builder(Storage::Opened(StoreFaults::default().wrap(backend.open().await)))
        .register(placed(AccountRules { faults: Faults::default() }))
        .register(placed(OldAccounts))
        .tables("CREATE TABLE half (a bigint); CREATE TABLE half (a bigint)");
    assert_eq!(code(app.start().await), "SQL_FAILED");
    let started = Started::over(&backend, &Faults::default(), &StoreFaults::default()).await;
    assert_eq!(code(query_tables(&started.views, "SELECT a FROM half").await), "SQL_FAILED", "all of it or nothing");
    assert_eq!(started.sums().await, "");
}

/// A handler's time begins when its transaction has: what others take is no failure of its own.
pub(super) async fn tables_are_waited_for(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let patient = Delivery { attempts: 1, timeout: Duration::from_secs(10), ..Delivery::DEFAULT };
    let started = Started::with(&backend, &faults, &store, patient).await;
    open(&started.app, "a", 1).await;
    assert_eq!(started.sums().await, "a|1|1");
    let tables = started.views.tables().unwrap();
    let other = Lease { consumer: "another".into(), token: 1 };
    tables.enrol(started.app.log_id(), &other, 0).await.unwrap();
    let mut others = Vec::new();
    let refused = loop {
        let event = EventRef { position: 1 + others.len() as u64, part: 0 };
        match tables.begin(&other, event, Duration::from_millis(200)).await {
            Ok(begun) => others.push(begun.unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), "STORE_UNAVAILABLE", "there is no more room");

    // It waits for more than half of its time, and takes more than half of it.
    let more_than_half = Duration::from_millis(5_500);
    faults.set_for("Ledger", "a", Fault::Takes(more_than_half));
    started.deposit("a", 7).await;
    tokio::time::sleep(more_than_half).await;
    others.pop().unwrap().roll_back().await;
    assert_eq!(started.sums().await, "a|8|2");
    assert!(status(&started.app, LEDGER).failures.is_empty(), "{:?}", status(&started.app, LEDGER).failures);
    others.clear();
    started.app.shutdown().await.unwrap();
}

/// The log was put back to what it was, its tables were not.
pub(super) async fn tables_under_a_later_lease_are_told(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let started = Started::over(&backend, &faults, &store).await;
    open(&started.app, "a", 1).await;
    started.sums().await;
    let log = started.app.log_id();
    started.app.shutdown().await.unwrap();
    let opened = backend.open().await;
    let later = Lease { consumer: LEDGER.into(), token: 1_000 };
    opened.views.tables().unwrap().take(log, &later).await.unwrap();
    backend.reopen(opened).await;
    let store = StoreFaults::default();
    let error = Started::try_with(&backend, &faults, &store, Delivery::DEFAULT).await.err().unwrap();
    assert_eq!(error.code(), "STORE_FOREIGN");
    assert!(error.to_string().contains(LEDGER), "{error}");
}
