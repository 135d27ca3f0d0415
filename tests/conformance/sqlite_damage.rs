//! Logs that were damaged on disk, or that another program holds: what is whole stays usable, what is not is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use angzarr_runtime::{App, Context, Error, Failure, Projector};
use angzarr_tests::bank::v1::app::Notices;
use angzarr_tests::bank::v1::{Deposit, Deposited, OpenAccount, Withdraw, Withdrawn};
use angzarr_tests::{AccountRules, BalanceView, Faults, OldAccounts};
use futures_util::future::join_all;
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio::sync::Semaphore;

use crate::backend::{Backend, Sqlite};
use crate::coordinator::{BALANCES, balance, code, event_names, log, open, start, start_accounts, stopped};

/// Changes the closed file; some row must be hit.
fn damage(backend: &Sqlite, statement: &str) {
    let changed = Connection::open(backend.path()).unwrap().execute(statement, []).unwrap();
    assert!(changed > 0, "{statement}");
}

fn count(backend: &Sqlite) -> i64 {
    let connection = Connection::open(backend.path()).unwrap();
    connection.query_row("SELECT count(*) FROM records", [], |row| row.get(0)).unwrap()
}

async fn deposit(app: &App, account: &str) -> Result<u32, Error> {
    let outcome = app.send(Deposit { account: account.into(), amount: 1 }).await?;
    Ok(outcome.events[0].sequence)
}

fn withdraw(app: &App, amount: u64) -> angzarr_runtime::app::SendCommand {
    app.send(Withdraw { account: "a".into(), amount })
}

fn damaged<T: std::fmt::Debug>(result: Result<T, Error>, what: &str) {
    let Err(error) = result else { panic!("{what}: {result:?}") };
    assert_eq!(error.code(), "STORE_DAMAGED", "{what}: {error}");
    assert!(!error.retryable(), "{what}");
    assert!(!error.help().is_empty());
}

#[tokio::test]
async fn damaged_snapshots_are_ignored_and_replaced() {
    let backend = Sqlite::new();
    let app = start_accounts(&backend).await;
    open(&app, "a", 100).await;
    for _ in 0..4 {
        deposit(&app, "a").await.unwrap();
    }
    app.shutdown().await.unwrap();
    let damages = [
        "state = X''",
        "state = substr(state, 1, 2)",
        "state = 'text'",
        "sequence = -1",
        "sequence = sequence - 1",
        "sequence = 'text'",
        "type = 'bank.v1.BalanceRow'",
        "type = X'FF'",
        "checksum = zeroblob(16)",
        "checksum = X''",
        "checksum = 1",
    ];
    for (next, what) in (6..).zip(damages) {
        damage(&backend, &format!("UPDATE snapshots SET {what}"));
        let app = start_accounts(&backend).await;
        let balance = u64::from(next) + 98;
        assert_eq!(code(withdraw(&app, balance + 1).await), "ACCOUNT_REJECTION_INSUFFICIENT", "{what}");
        // Without a snapshot one is due at once.
        assert_eq!(deposit(&app, "a").await.unwrap(), next, "{what}");
        app.shutdown().await.unwrap();
        let row = Connection::open(backend.path()).unwrap().query_row(
            "SELECT sequence, typeof(sequence), typeof(state), length(state) > 2, length(checksum) FROM snapshots",
            [],
            |row| <(u32, String, String, bool, u32)>::try_from(row),
        );
        assert_eq!(row.unwrap(), (next, "integer".into(), "blob".into(), true, 16), "{what}: it was replaced");
        assert_eq!(snapshot_type(&backend), Value::Text("bank.v1.Account".into()), "{what}");
    }
    // The last one is whole again, and is used: what came before it is not read.
    damage(&backend, "UPDATE records SET payload = X'FFFF' WHERE sequence < 3");
    let app = start_accounts(&backend).await;
    deposit(&app, "a").await.unwrap();
    app.shutdown().await.unwrap();
}

fn snapshot_type(backend: &Sqlite) -> Value {
    let connection = Connection::open(backend.path()).unwrap();
    connection.query_row("SELECT type FROM snapshots", [], |row| row.get(0)).unwrap()
}

/// A log with accounts `a` (opened under a key, three deposits) and `b`, damaged.
async fn accounts(statement: &str) -> Sqlite {
    let backend = Sqlite::new();
    let app = start_accounts(&backend).await;
    app.send(OpenAccount { account: "a".into(), branch: None }).idempotency_key("k").await.unwrap();
    for _ in 0..3 {
        deposit(&app, "a").await.unwrap();
    }
    open(&app, "b", 1).await;
    app.shutdown().await.unwrap();
    damage(&backend, statement);
    backend
}

#[tokio::test]
async fn damaged_streams_take_nothing() {
    let damages = [
        "DELETE FROM records WHERE sequence = 2",
        "DELETE FROM records WHERE sequence = 0 AND position = 1",
        "DELETE FROM records WHERE sequence = 3",
        "UPDATE streams SET next_sequence = 1 WHERE key = 'a'",
        "UPDATE streams SET next_sequence = 9 WHERE key = 'a'",
        "UPDATE streams SET next_sequence = -1 WHERE key = 'a'",
        "UPDATE streams SET next_sequence = 4294967295 WHERE key = 'a'",
        "UPDATE streams SET next_sequence = 'text' WHERE key = 'a'",
        "UPDATE records SET sequence = -1 WHERE position = 2",
        "UPDATE records SET sequence = 'text' WHERE position = 2",
        "UPDATE records SET kind = 77 WHERE position = 2",
        "UPDATE records SET kind = 'text' WHERE position = 2",
        "UPDATE records SET type = X'FF' WHERE position = 2",
        "UPDATE records SET payload = 'text' WHERE position = 2",
        "UPDATE records SET created_at = 'text' WHERE position = 2",
        "UPDATE records SET occurred_at = X'00' WHERE position = 2",
        "UPDATE records SET correlation_id = X'FF' WHERE position = 2",
        "UPDATE records SET cause = 'text' WHERE position = 2",
        "UPDATE records SET cause = X'FFFF' WHERE position = 2",
    ];
    for what in damages {
        let backend = accounts(what).await;
        let before = count(&backend);
        let app = start_accounts(&backend).await;
        damaged(deposit(&app, "a").await, what);
        deposit(&app, "b").await.unwrap();
        app.shutdown().await.unwrap();
        assert_eq!(count(&backend), before + 1, "{what}: only the whole stream took something");
    }
}

#[tokio::test]
async fn damaged_keys_are_told() {
    let damages = [
        "UPDATE keys SET first_sequence = 4294967295",
        "UPDATE keys SET first_sequence = 4294967294",
        "UPDATE keys SET first_sequence = -1",
        "UPDATE keys SET count = 9",
        "UPDATE keys SET count = 4294967295",
        "UPDATE keys SET count = 'text'",
    ];
    for what in damages {
        let backend = accounts(what).await;
        let app = start_accounts(&backend).await;
        let open = || app.send(OpenAccount { account: "a".into(), branch: None }).idempotency_key("k");
        damaged(open().await, what);
        let event = Deposited { account: "a".into(), amount: 1, ..Deposited::default() };
        damaged(app.import("accounts", "a").event(&event, None).idempotency_key("k").await, what);
        // Readers and the writer go on, beside it as well.
        damaged(open().await, what);
        let beside = app.import("accounts", "a").event(&event, None).idempotency_key("k");
        let (refused, stored) = tokio::join!(beside.into_future(), deposit(&app, "b"));
        damaged(refused, what);
        stored.unwrap();
        assert_eq!(deposit(&app, "a").await.unwrap(), 4);
        app.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn damaged_logs_do_not_open() {
    for what in ["DELETE FROM log", "UPDATE log SET id = 'text'", "UPDATE log SET id = X'00'"] {
        let backend = accounts(what).await;
        damaged(backend.storage().open().await.map_err(Error::from), what);
    }
}

#[tokio::test]
async fn damaged_records_stop_consumers() {
    for what in ["type = X'FF'", "payload = 'text'", "kind = 77", "cause = X'FFFF'"] {
        let backend = accounts(&format!("UPDATE records SET {what} WHERE position = 2")).await;
        let app = start(&backend, &Faults::default()).await;
        assert_eq!(code(app.drained().await), "CONSUMER_STOPPED", "{what}");
        assert!(stopped(&app, BALANCES).await.stopped.unwrap().contains("STORE_DAMAGED"), "{what}");
        deposit(&app, "b").await.unwrap();
        assert_eq!(code(app.shutdown().await), "CONSUMER_STOPPED", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_stream_among_many_writers() {
    // The last record is there, so only the append itself finds out.
    let backend = accounts("UPDATE streams SET next_sequence = 3 WHERE key = 'a'").await;
    let app = start_accounts(&backend).await;
    let writers = (0..300).map(|writer| {
        let app = app.clone();
        tokio::spawn(async move {
            if writer % 10 == 0 {
                return (true, deposit(&app, "a").await);
            }
            let open = app.send(OpenAccount { account: format!("new {writer}"), branch: None });
            (false, open.await.map(|outcome| outcome.events[0].sequence))
        })
    });
    for done in join_all(writers).await {
        match done.unwrap() {
            (true, own) => damaged(own, "its own append"),
            (false, other) => assert_eq!(other.unwrap(), 0),
        }
    }
    assert_eq!(log(&app).await.len(), 6 + 270);
    app.shutdown().await.unwrap();
}

/// Handles a withdrawal once it may.
#[derive(Projector, Debug)]
#[projector(Notices)]
struct GatedBoard {
    gate: Arc<Semaphore>,
}

impl Notices for GatedBoard {
    async fn on_withdrawn(&self, _: Withdrawn, _: &Context) -> Result<(), Failure> {
        self.gate.acquire().await.map_err(|error| Failure::new("GATE", error.to_string()))?.forget();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_outlast_a_busy_store() {
    let (backend, gate) = (Sqlite::new(), Arc::new(Semaphore::new(0)));
    let rules = AccountRules { faults: Faults::default() };
    let app = App::builder(backend.storage())
        .register(rules)
        .register(OldAccounts)
        .register(BalanceView { faults: Faults::default() })
        .register(GatedBoard { gate: gate.clone() });
    let app = app.start().await.unwrap();
    open(&app, "a", 100).await;
    app.drained().await.unwrap();

    // Both files are held: the views before the balances change, the log before the notice's checkpoint moves.
    let held = |path: std::path::PathBuf| {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(2)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        connection
    };
    let mut views = backend.path().into_os_string();
    views.push(".views");
    let views = held(views.into());
    withdraw(&app, 30).await.unwrap();
    let log = held(backend.path());
    gate.add_permits(1);
    let begun = Instant::now();
    let error = deposit(&app, "a").await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("STORE_UNAVAILABLE", true), "clients are told soon");
    // Longer than six attempts of two seconds each: no number of attempts is what they live by.
    tokio::time::sleep(Duration::from_secs(15).saturating_sub(begun.elapsed())).await;
    for consumer in app.consumers() {
        assert_eq!((consumer.position, consumer.stopped), (2, None), "{}", consumer.name);
    }
    drop((views, log));
    tokio::time::timeout(Duration::from_secs(10), app.drained()).await.unwrap().unwrap();
    assert_eq!(balance(&app, "a").await, Some(70));
    assert_eq!(event_names(&app, "a").await, ["AccountOpenedV2", "Deposited", "Withdrawn"]);
    app.shutdown().await.unwrap();
}
