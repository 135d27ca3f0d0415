//! Views follow the log, whatever happens to them.

use std::time::Duration;

use angzarr_runtime::component::{Delivery, OnFailure};
use angzarr_runtime::view::VersionState::{self, Active, Building};
use angzarr_runtime::view::{Key, NewRow, Owner, Shape, Value, Writer};
use angzarr_runtime::{App, SyncMode};
use angzarr_tests::bank::v1::{BalanceRow, Branch, BranchRow, CloseAccount, Deposit, OpenAccount, Transfer};
use angzarr_tests::{Call, Fault, Faults, StoreFault, StoreFaults, register};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{BALANCES, BRANCHES, balance, beneath, faulty, open, start, start_accounts_over, start_beside};
use crate::backend::Backend;
use crate::view::{change, plain};

type Rows = (Vec<(Key, BalanceRow)>, Vec<(Key, BranchRow)>);

async fn rows(app: &App) -> Rows {
    app.drained().await.unwrap();
    let (balances, branches) = (app.view::<BalanceRow>().unwrap(), app.view::<BranchRow>().unwrap());
    (balances.all().await.unwrap(), branches.all().await.unwrap())
}

async fn fill(app: &App) {
    open(app, "a", 100).await;
    open(app, "b", 0).await;
    app.send(Transfer { account: "a".into(), to: "b".into(), amount: 30 }).await.unwrap();
    app.send(Transfer { account: "a".into(), to: "nobody".into(), amount: 5 }).await.unwrap();
}

pub(super) async fn views_follow_their_keys(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    let branches = [("NL", "Delft"), ("NL", "Delft"), ("NL", "Den/Haag"), ("BE", r"Gent\"), ("", "")];
    for (index, (country, city)) in branches.into_iter().enumerate() {
        let branch = Some(Branch { country: country.into(), city: city.into() });
        app.send(OpenAccount { account: format!("{index}/é"), branch }).await.unwrap();
    }
    app.send(Deposit { account: "1/é".into(), amount: 7 }).await.unwrap();
    app.send(CloseAccount { account: "2/é".into() }).await.unwrap();
    let (balances, counted) = rows(&app).await;
    let keys: Vec<_> = balances.iter().map(|(key, row)| (key.parts(), row.balance)).collect();
    let expected =
        [("0/é", 0), ("1/é", 7), ("3/é", 0), ("4/é", 0)].map(|(key, balance)| (vec![key.to_owned()], balance));
    assert_eq!(keys, expected, "the closed one's row is gone");
    let count = |country: &str, city: &str| {
        let key = Key::from([country, city]);
        counted.iter().find(|(found, _)| *found == key).map(|(_, row)| row.accounts)
    };
    assert_eq!(counted.len(), 4);
    assert_eq!((count("NL", "Delft"), count("NL", "Den/Haag")), (Some(2), Some(1)));
    assert_eq!((count("BE", r"Gent\"), count("", "")), (Some(1), Some(1)));
    let view = app.view::<BranchRow>().unwrap();
    assert_eq!(view.get(["NL", "Den/Haag"]).await.unwrap().unwrap().accounts, 1);
    assert!(view.get(["NL", "Den", "Haag"]).await.unwrap().is_none());
}

/// Fills views, lets `damage` have them, and expects them as they were.
async fn rebuilt(backend: impl Backend, damage: impl AsyncFnOnce(&dyn Fn()) -> Option<(Uuid, u64)>) {
    let faults = Faults::default();
    let app = start(&backend, &faults).await;
    fill(&app).await;
    let before = rows(&app).await;
    let (log, head) = (app.log_id(), app.consumers()[0].position);
    app.shutdown().await.unwrap();

    if let Some((other, ahead)) = damage(&|| backend.lose_views()).await {
        beneath(&backend, async |opened| {
            for (view, shape) in [(BALANCES, Shape::of::<BalanceRow>()), (BRANCHES, Shape::of::<BranchRow>())] {
                let log = if other.is_nil() { log } else { other };
                let taken = opened.views.take(view, Owner { log, shape: &shape }, head, 1).await.unwrap();
                let values = vec![Value::Null; shape.columns.len()];
                let foreign = change("foreign", head, Some(NewRow { values, ..plain(b"") }));
                let by = Writer { token: 1, version: taken.version };
                opened.views.commit(view, by, vec![foreign], head + ahead).await.unwrap();
            }
        })
        .await;
    }
    let app = start(&backend, &faults).await;
    assert_eq!(rows(&app).await, before);
    app.shutdown().await.unwrap();
}

pub(super) async fn views_that_are_lost_are_rebuilt(backend: impl Backend) {
    rebuilt(backend, async |lose| {
        lose();
        None
    })
    .await;
}

pub(super) async fn views_of_another_log_are_rebuilt(backend: impl Backend) {
    rebuilt(backend, async |_| Some((Uuid::from_u128(7), 0))).await;
}

pub(super) async fn views_that_run_ahead_are_rebuilt(backend: impl Backend) {
    rebuilt(backend, async |_| Some((Uuid::nil(), 1))).await;
}

/// What lanes did behind the checkpoint is in the rows already when it is delivered again.
pub(super) async fn views_skip_what_is_in_their_rows(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_beside(&backend, &faults).await;
    fill(&app).await;
    app.send(CloseAccount { account: "b".into() }).await.unwrap();
    let before = rows(&app).await;
    let log = app.log_id();
    app.shutdown().await.unwrap();

    let opened = backend.open().await;
    for (view, shape) in [(BALANCES, Shape::of::<BalanceRow>()), (BRANCHES, Shape::of::<BranchRow>())] {
        let taken = opened.views.take(view, Owner { log, shape: &shape }, u64::MAX, 1).await.unwrap();
        // As if the first event had not been done yet; the closed account's row is remembered.
        let gone = if view == BALANCES { vec![change("b", taken.checkpoint, None)] } else { vec![] };
        opened.views.commit(view, Writer { token: 1, version: taken.version }, gone, 0).await.unwrap();
    }
    backend.reopen(opened).await;
    let calls = faults.calls("Balances");
    let app = start_beside(&backend, &faults).await;
    assert_eq!(rows(&app).await, before);
    assert_eq!(faults.calls("Balances"), calls, "no handler is called for what is in its row");
    app.shutdown().await.unwrap();
}

/// Number and state of the versions of the balances.
async fn versions(app: &App) -> Vec<(u32, VersionState)> {
    let status = app.view_status().await.unwrap().into_iter().filter(|one| one.name == BALANCES);
    status.map(|one| (one.version, one.state)).collect()
}

/// Waits until nothing is built any more.
async fn built(app: &App) {
    let waits = async {
        while versions(app).await.len() > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), waits).await.unwrap();
}

/// What is served goes on being fed.
pub(super) async fn views_are_rebuilt_when_they_are_told_to(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    fill(&app).await;
    let before = rows(&app).await;
    let calls = faults.calls("Balances");
    store.hold(Call::CommitBuilding);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    // Whoever holds the lease notices that it was lost when it renews it.
    store.reached(Call::CommitBuilding).await;
    assert_eq!(versions(&app).await, [(1, Active), (2, Building)]);
    assert_eq!(app.view::<BalanceRow>().unwrap().all().await.unwrap(), before.0, "they are read meanwhile");
    open(&app, "c", 1).await;
    app.send(Deposit { account: "c".into(), amount: 2 }).sync(SyncMode::Simple).await.unwrap();
    assert_eq!(balance(&app, "c").await, Some(3), "whoever waits finds it in what is read");
    app.send(CloseAccount { account: "b".into() }).sync(SyncMode::Simple).await.unwrap();
    assert_eq!(balance(&app, "b").await, None);
    assert_eq!(versions(&app).await, [(1, Active), (2, Building)]);
    let live = rows(&app).await;

    store.open(Call::CommitBuilding);
    built(&app).await;
    assert_eq!(versions(&app).await, [(2, Active)]);
    assert_eq!(rows(&app).await, live, "nothing is lost, and nothing is there twice");
    open(&app, "d", 1).await;
    assert_eq!(rows(&app).await.0.len(), live.0.len() + 1);
    assert!(faults.calls("Balances") >= 2 * calls, "all events were handled again");
    app.shutdown().await.unwrap();
}

/// Whether it is killed before anything was built, or right before the switch, or while the answer is on its way.
pub(super) async fn views_that_are_being_rebuilt_survive_a_kill(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_beside(&backend, &faults).await;
    fill(&app).await;
    app.shutdown().await.unwrap();
    for (round, call) in [Call::CommitBuilding, Call::SwitchView, Call::SwitchView].into_iter().enumerate() {
        let store = StoreFaults::default();
        let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
        let before = rows(&app).await;
        store.hold(call);
        app.rebuild_view::<BalanceRow>().await.unwrap();
        if round == 2 {
            store.pass(call, Some(StoreFault::LosesAnswer)).await;
            built(&app).await;
        } else {
            store.reached(call).await;
        }
        store.kill().await;
        let calls = faults.calls("Balances");
        let next = start_beside(&backend, &faults).await;
        built(&next).await;
        assert_eq!(rows(&next).await, before, "{call:?}");
        let handled_again = faults.calls("Balances") - calls;
        assert_eq!(handled_again > 0, call == Call::CommitBuilding, "what was committed is not handled again");
        open(&next, &format!("after {round}"), 1).await;
        assert_eq!(rows(&next).await.0.len(), before.0.len() + 1);
        next.shutdown().await.unwrap();
        drop(app);
    }
}

/// However many events come meanwhile, it ends, and every one of them is in the rows once.
pub(super) async fn views_are_rebuilt_while_events_come(backend: impl Backend) {
    let faults = Faults::default();
    let app = start_beside(&backend, &faults).await;
    fill(&app).await;
    let deposits = async {
        let mut made = 0;
        for _ in 0..2 {
            app.rebuild_view::<BalanceRow>().await.unwrap();
            while versions(&app).await.len() > 1 {
                app.send(Deposit { account: "a".into(), amount: 1 }).sync(SyncMode::Simple).await.unwrap();
                made += 1;
            }
        }
        made
    };
    let made = timeout(Duration::from_secs(60), deposits).await.unwrap();
    assert_eq!(versions(&app).await, [(3, Active)]);
    app.drained().await.unwrap();
    let row = app.view::<BalanceRow>().unwrap().get("a").await.unwrap().unwrap();
    let events = app.events("accounts", "a").await.unwrap().len() as u64;
    assert_eq!((row.balance, row.events), (70 + made, events.try_into().unwrap()));
    app.shutdown().await.unwrap();
}

/// A lane that fails in what is built is read as it was until then, and parked afterwards; the others wait for nothing.
pub(super) async fn views_are_rebuilt_past_what_fails(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    fill(&app).await;
    let before = rows(&app).await;
    faults.set_for("Balances", "a", Fault::Fails);
    store.hold(Call::CommitBuilding);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    store.reached(Call::CommitBuilding).await;
    app.send(Deposit { account: "b".into(), amount: 1 }).sync(SyncMode::Simple).await.unwrap();
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(70), Some(31)));
    assert_eq!(
        app.consumer(BALANCES).unwrap().parks().await.unwrap(),
        [],
        "nothing is parked because of what is built"
    );
    store.open(Call::CommitBuilding);
    built(&app).await;
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (None, Some(31)));
    let parked = async {
        loop {
            if let Some(park) = app.consumer(BALANCES).unwrap().parks().await.unwrap().pop() {
                return (park.lane, park.first.position);
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(timeout(Duration::from_secs(30), parked).await.unwrap(), ("a".to_owned(), 1));
    app.drained().await.unwrap();

    // A lane that is parked is no reason to stop, whatever becomes of it meanwhile.
    app.rebuild_view::<BalanceRow>().await.unwrap();
    built(&app).await;
    faults.mend("Balances");
    store.hold(Call::CommitBuilding);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    store.reached(Call::CommitBuilding).await;
    app.consumer(BALANCES).unwrap().replay("a").await.unwrap();
    assert_eq!(balance(&app, "a").await, Some(70));
    store.open(Call::CommitBuilding);
    built(&app).await;
    app.send(Deposit { account: "a".into(), amount: 0 }).await.unwrap();
    let after = rows(&app).await;
    assert_eq!((balance(&app, "a").await, after.0.len(), after.1), (Some(70), before.0.len(), before.1));
    app.shutdown().await.unwrap();
}

/// A consumer that is to stop at what fails does not stop because of what is built.
pub(super) async fn views_that_cannot_be_rebuilt_say_so(backend: impl Backend) {
    let faults = Faults::default();
    let stop = Delivery { on_failure: OnFailure::Stop, ..Delivery::DEFAULT };
    let start = async || {
        let builder = App::builder(faulty(&backend, &StoreFaults::default()).await);
        register(builder, &faults).delivery(BALANCES, stop).start().await.unwrap()
    };
    let app = start().await;
    fill(&app).await;
    rows(&app).await;
    faults.set_for("Balances", "a", Fault::Fails);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    let stopped = async || {
        let status = app.view_status().await.unwrap();
        status.into_iter().find(|one| one.state == Building).and_then(|one| one.stopped)
    };
    let waits = async {
        loop {
            if let Some(stopped) = stopped().await {
                return stopped;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let (position, reason) = timeout(Duration::from_secs(30), waits).await.unwrap();
    assert_eq!((position, reason.starts_with("FAULT: ")), (1, true), "{reason}");
    app.send(Deposit { account: "b".into(), amount: 1 }).sync(SyncMode::Simple).await.unwrap();
    assert_eq!((balance(&app, "a").await, balance(&app, "b").await), (Some(70), Some(31)));
    app.shutdown().await.unwrap();

    faults.mend("Balances");
    let app = start().await;
    built(&app).await;
    assert_eq!((versions(&app).await, balance(&app, "a").await), (vec![(2, Active)], Some(70)));
    app.shutdown().await.unwrap();
}

/// What comes again before the first event of a park is put into the row; what waits in the park stays there.
pub(super) async fn views_are_rebuilt_up_to_what_is_parked(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    open(&app, "a", 100).await;
    app.drained().await.unwrap();
    faults.set_for("Balances", "a", Fault::Fails);
    for amount in [1, 2] {
        app.send(Deposit { account: "a".into(), amount }).await.unwrap();
    }
    app.drained().await.unwrap();
    faults.mend("Balances");
    store.hold(Call::CommitBuilding);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    store.reached(Call::CommitBuilding).await;
    store.open(Call::CommitBuilding);
    app.drained().await.unwrap();
    let balances = app.consumer(BALANCES).unwrap();
    assert_eq!((balance(&app, "a").await, balances.parks().await.unwrap()[0].events), (Some(100), 2));
    assert_eq!(balances.replay("a").await.unwrap().events, 2);
    assert_eq!(balance(&app, "a").await, Some(103));
    app.shutdown().await.unwrap();
}

/// A catch-up from the beginning asks the store for no row.
pub(super) async fn views_catch_up_from_memory(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = start_accounts_over(&backend, &store).await;
    fill(&app).await;
    app.shutdown().await.unwrap();
    let store = StoreFaults::default();
    store.hold(Call::ViewEntry);
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    app.drained().await.unwrap();
    assert_eq!(app.view::<BalanceRow>().unwrap().get("a").await.unwrap().unwrap().balance, 70);
    app.shutdown().await.unwrap();

    // After a restart it asks once for each row.
    let store = StoreFaults::default();
    store.hold(Call::ViewEntry);
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    let deposit = || app.send(Deposit { account: "a".into(), amount: 1 });
    deposit().await.unwrap();
    store.pass(Call::ViewEntry, None).await;
    app.drained().await.unwrap();
    deposit().sync(SyncMode::Simple).await.unwrap();
    assert_eq!(app.view::<BalanceRow>().unwrap().get("a").await.unwrap().unwrap().balance, 72);
    app.shutdown().await.unwrap();
}

pub(super) async fn views_are_read_in_pages_and_by_column(backend: impl Backend) {
    let app = start(&backend, &Faults::default()).await;
    fill(&app).await;
    app.drained().await.unwrap();
    let balances = app.view::<BalanceRow>().unwrap();
    let first = balances.page(None, 1).await.unwrap();
    assert_eq!(first[0].0, Key::from("a"));
    let second = balances.page(Some(&first[0].0), 5).await.unwrap();
    assert_eq!(second.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>(), ["b"]);
    let found = balances.find("balance", 30).page(None, 10).await.unwrap();
    assert_eq!(found, second);
    assert_eq!(balances.find("account", "a").page(Some(&first[0].0), 10).await.unwrap(), []);
    let error = balances.find("acount", "a").page(None, 1).await.unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("`account`")), ("COLUMN_UNKNOWN", true));
    assert_eq!(balances.find("balance", -1).page(None, 1).await.unwrap_err().code(), "COLUMN_OTHER_KIND");
    app.shutdown().await.unwrap();
}
