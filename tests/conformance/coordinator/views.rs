//! Views follow the log, whatever happens to them.

use angzarr_runtime::App;
use angzarr_runtime::view::{Key, NewRow, Owner, Shape, Value, Writer};
use angzarr_tests::Faults;
use angzarr_tests::bank::v1::{BalanceRow, Branch, BranchRow, CloseAccount, Deposit, OpenAccount, Transfer};
use uuid::Uuid;

use super::{BALANCES, BRANCHES, beneath, open, start};
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
    let keys: Vec<_> = balances.iter().map(|(key, row)| (key.parts()[0].as_str(), row.balance)).collect();
    assert_eq!(keys, [("0/é", 0), ("1/é", 7), ("3/é", 0), ("4/é", 0)], "the closed one's row is gone");
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
