//! Views follow the log, whatever happens to them.

use angzarr_runtime::view::VersionState::{Active, Building};
use angzarr_runtime::view::{Key, NewRow, Owner, Shape, Value, Writer};
use angzarr_runtime::{App, SyncMode};
use angzarr_tests::bank::v1::{BalanceRow, Branch, BranchRow, CloseAccount, Deposit, OpenAccount, Transfer};
use angzarr_tests::{Call, Fault, Faults, StoreFaults, register};
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

pub(super) async fn views_are_rebuilt_when_they_are_told_to(backend: impl Backend) {
    let (faults, store) = (Faults::default(), StoreFaults::default());
    let app = register(App::builder(faulty(&backend, &store).await), &faults).start().await.unwrap();
    fill(&app).await;
    let before = rows(&app).await;
    let calls = faults.calls("Balances");
    store.hold(Call::CommitView);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    // Whoever holds the lease notices that it was lost when it renews it.
    store.reached(Call::CommitView).await;
    let states = async || {
        let status = app.view_status().await.unwrap();
        status.into_iter().map(|one| (one.name, one.version, one.state)).collect::<Vec<_>>()
    };
    let building = [(BALANCES, 1, Active), (BALANCES, 2, Building), (BRANCHES, 1, Active)];
    assert_eq!(states().await, building);
    assert_eq!(app.view::<BalanceRow>().unwrap().all().await.unwrap(), before.0, "they are read meanwhile");
    store.open(Call::CommitView);
    // Waits for the version that is built.
    assert_eq!(rows(&app).await, before);
    assert_eq!(states().await, [(BALANCES, 2, Active), (BRANCHES, 1, Active)]);
    open(&app, "c", 1).await;
    assert_eq!(rows(&app).await.0.len(), before.0.len() + 1);
    assert!(faults.calls("Balances") >= 2 * calls, "all events were handled again");
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
    store.hold(Call::CommitView);
    app.rebuild_view::<BalanceRow>().await.unwrap();
    store.reached(Call::CommitView).await;
    store.open(Call::CommitView);
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
