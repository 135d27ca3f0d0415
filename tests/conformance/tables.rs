//! The contract of `TableStore`.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::store::{EventRef, Lease, StoreError};
use angzarr_runtime::tables::{Mark, SqlError, TableStore, Transaction};
use angzarr_runtime::view::{Value, ViewStore};
use angzarr_tests::query_tables;
use uuid::Uuid;

use crate::backend::Backend;

cases! {
    every:
        events_get_one_transaction,
        marks_of_parked_events_stay_until_they_are_forgotten,
        older_leases_commit_nothing,
        a_transaction_that_is_dropped_leaves_nothing,
        nothing_is_done_behind_a_statement_that_failed,
        constraints_may_be_deferred_to_the_end,
        values_of_all_kinds_come_back,
        projectors_without_transactions_are_not_known,
        projectors_become_known_where_they_are,
        statements_that_never_end_are_ended;
    persistent:
        tables_and_marks_are_kept;
}

const LOG: Uuid = Uuid::from_u128(7);

/// How long statements may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn lease(token: u64) -> Lease {
    Lease { consumer: "a.v1.app.Ledger".into(), token }
}

pub(crate) fn event(position: u64) -> EventRef {
    EventRef { position, part: 0 }
}

fn tables(views: &Arc<dyn ViewStore>) -> &dyn TableStore {
    views.tables().unwrap()
}

/// Tables of one projector, under token 1.
pub(crate) async fn prepared(backend: &impl Backend) -> Arc<dyn ViewStore> {
    let views = backend.open().await.views;
    tables(&views).run("CREATE TABLE things (name text)").await.unwrap();
    tables(&views).enrol(LOG, &lease(1), 0).await.unwrap();
    views
}

/// Begins the transaction of an event, and writes something.
pub(crate) async fn begun(views: &Arc<dyn ViewStore>, token: u64, at: u64) -> Result<Box<dyn Transaction>, StoreError> {
    let mut transaction = tables(views).begin(&lease(token), event(at), LIMIT).await?.unwrap();
    let name = [Value::from(format!("{token}/{at}"))];
    transaction.run("INSERT INTO things VALUES ($1)", &name).await.unwrap();
    Ok(transaction)
}

async fn handle(views: &Arc<dyn ViewStore>, token: u64, at: u64, mark: Mark) -> Result<(), SqlError> {
    begun(views, token, at).await?.commit(mark).await
}

async fn is_handled(views: &Arc<dyn ViewStore>, at: u64) -> bool {
    let begun = tables(views).begin(&lease(1), event(at), LIMIT).await.unwrap();
    match begun {
        Some(transaction) => {
            transaction.roll_back().await;
            false
        }
        None => true,
    }
}

pub(crate) async fn things(views: &Arc<dyn ViewStore>) -> String {
    query_tables(views, "SELECT name FROM things ORDER BY name").await.unwrap().replace('\n', " ")
}

async fn events_get_one_transaction(backend: impl Backend) {
    let views = &prepared(&backend).await;
    handle(views, 1, 3, Mark::UntilPassed).await.unwrap();
    assert_eq!((is_handled(views, 3).await, is_handled(views, 2).await), (true, false));
    tables(views).save_checkpoint(&lease(1), 2).await.unwrap();
    assert!(is_handled(views, 3).await);
    tables(views).save_checkpoint(&lease(1), 3).await.unwrap();
    assert!(!is_handled(views, 3).await, "the checkpoint says it now");
    assert_eq!(tables(views).take(LOG, &lease(1)).await.unwrap(), Some(3));
    assert_eq!(things(views).await, "1/3");
}

async fn marks_of_parked_events_stay_until_they_are_forgotten(backend: impl Backend) {
    let views = &prepared(&backend).await;
    for position in [1, 2] {
        handle(views, 1, position, Mark::UntilUnparked).await.unwrap();
    }
    tables(views).save_checkpoint(&lease(1), 9).await.unwrap();
    assert!(is_handled(views, 1).await);
    tables(views).forget(&lease(1), event(1)).await.unwrap();
    assert_eq!((is_handled(views, 1).await, is_handled(views, 2).await), (false, true));
    tables(views).forget(&lease(1), EventRef { position: 2, part: EventRef::WHOLE }).await.unwrap();
    assert!(!is_handled(views, 2).await);
}

async fn older_leases_commit_nothing(backend: impl Backend) {
    let views = &prepared(&backend).await;
    assert_eq!(tables(views).take(LOG, &lease(2)).await.unwrap(), Some(0));
    let lost = Err(StoreError::LeaseLost { consumer: "a.v1.app.Ledger".into() });
    assert_eq!(handle(views, 1, 1, Mark::UntilPassed).await, lost.clone().map_err(SqlError::from));
    assert_eq!(tables(views).save_checkpoint(&lease(1), 1).await, lost);
    assert_eq!(tables(views).enrol(LOG, &lease(1), 0).await, lost);
    assert_eq!(tables(views).take(LOG, &lease(1)).await.map(drop), lost);
    handle(views, 2, 1, Mark::UntilPassed).await.unwrap();
    assert_eq!(things(views).await, "2/1");
}

async fn a_transaction_that_is_dropped_leaves_nothing(backend: impl Backend) {
    let views = &prepared(&backend).await;
    drop(begun(views, 1, 1).await.unwrap());
    begun(views, 1, 2).await.unwrap().roll_back().await;
    assert_eq!(things(views).await, "");
    assert!(!is_handled(views, 1).await);
}

async fn nothing_is_done_behind_a_statement_that_failed(backend: impl Backend) {
    let views = &prepared(&backend).await;
    for sql in ["SELECT * FROM nowhere", "SELECT $1", "SELECT 1; SELECT 2", "SELEC"] {
        let mut transaction = begun(views, 1, 1).await.unwrap();
        let failed = transaction.run(sql, &[]).await;
        assert!(matches!(&failed, Err(SqlError::Refused(reason)) if !reason.is_empty()), "{sql}: {failed:?}");
    }
    assert_eq!(things(views).await, "");
}

async fn constraints_may_be_deferred_to_the_end(backend: impl Backend) {
    let views = &prepared(&backend).await;
    let made = "CREATE TABLE parents (id bigint PRIMARY KEY);
        CREATE TABLE children (parent bigint REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
    tables(views).run(made).await.unwrap();
    let mut transaction = begun(views, 1, 1).await.unwrap();
    transaction.run("INSERT INTO children VALUES (1)", &[]).await.unwrap();
    let refused = transaction.commit(Mark::UntilPassed).await;
    assert!(matches!(&refused, Err(SqlError::Refused(_))), "{refused:?}");
    assert_eq!((things(views).await.as_str(), is_handled(views, 1).await), ("", false));
    let mut transaction = begun(views, 1, 1).await.unwrap();
    transaction.run("INSERT INTO children VALUES (1)", &[]).await.unwrap();
    transaction.run("INSERT INTO parents VALUES (1)", &[]).await.unwrap();
    transaction.commit(Mark::UntilPassed).await.unwrap();
}

async fn values_of_all_kinds_come_back(backend: impl Backend) {
    let views = &prepared(&backend).await;
    let made = "CREATE TABLE kinds (t text, i bigint, r double precision, b boolean, y bytea, n bigint)";
    tables(views).run(made).await.unwrap();
    let mut transaction = begun(views, 1, 1).await.unwrap();
    let values: [Value; 6] =
        ["it's $1 日本".into(), i64::MIN.into(), 0.1.into(), true.into(), vec![0, 255].into(), Value::Null];
    transaction.run("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6)", &values).await.unwrap();
    let found = "SELECT t, i, r, b, y, n FROM kinds WHERE t = $2 AND i = $1";
    let found = transaction.run(found, &[values[1].clone(), values[0].clone()]).await.unwrap().rows.remove(0);
    assert_eq!(found.get::<String>("t").unwrap(), "it's $1 日本");
    assert_eq!(found.get::<i64>("i").unwrap(), i64::MIN);
    assert_eq!(found.get::<f64>("r").unwrap(), 0.1);
    assert!(found.get::<bool>("b").unwrap());
    assert_eq!(found.get::<Vec<u8>>("y").unwrap(), [0, 255]);
    assert_eq!(found.get::<Option<i64>>("n").unwrap(), None);
    let changed = transaction.run("UPDATE kinds SET n = $1", &[u64::from(7_u32).into()]).await.unwrap();
    assert_eq!(changed.affected, 1);
    transaction.commit(Mark::UntilPassed).await.unwrap();
    assert_eq!(query_tables(views, "SELECT n FROM kinds").await.unwrap(), "7");
}

async fn projectors_without_transactions_are_not_known(backend: impl Backend) {
    let views = backend.open().await.views;
    assert_eq!(tables(&views).take(LOG, &lease(5)).await.unwrap(), None);
    tables(&views).enrol(LOG, &lease(5), 40).await.unwrap();
    assert_eq!(tables(&views).take(LOG, &lease(6)).await.unwrap(), Some(40));
}

async fn projectors_become_known_where_they_are(backend: impl Backend) {
    let views = &prepared(&backend).await;
    tables(views).enrol(LOG, &lease(2), 40).await.unwrap();
    tables(views).enrol(LOG, &lease(3), 30).await.unwrap();
    assert!(tables(views).enrol(LOG, &lease(2), 50).await.is_err(), "an older lease changes nothing");
    assert_eq!(tables(views).take(LOG, &lease(3)).await.unwrap(), Some(40));
}

async fn statements_that_never_end_are_ended(backend: impl Backend) {
    const COUNT: &str = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n)
        SELECT count(*) FROM n WHERE i < 0";
    let views = &prepared(&backend).await;
    let short = Duration::from_millis(50);
    let mut ended = tables(views).begin(&lease(1), event(1), short).await.unwrap().unwrap();
    let failed = ended.run(COUNT, &[]).await;
    assert!(matches!(&failed, Err(SqlError::Refused(_))), "{failed:?}");
    drop(ended);
    // One that was given up lets go of what it used, also if it might take long.
    let mut given_up = tables(views).begin(&lease(1), event(1), LIMIT * 1_000).await.unwrap().unwrap();
    let running = tokio::time::timeout(short, given_up.run(COUNT, &[])).await;
    assert!(running.is_err());
    drop(given_up);
    handle(views, 1, 1, Mark::UntilPassed).await.unwrap();
    views.close().await.unwrap();
}

async fn tables_and_marks_are_kept(backend: impl Backend) {
    let views = prepared(&backend).await;
    handle(&views, 1, 3, Mark::UntilPassed).await.unwrap();
    views.close().await.unwrap();
    let opened = backend.open().await;
    assert_eq!(tables(&opened.views).take(LOG, &lease(1)).await.unwrap(), Some(0));
    assert!(is_handled(&opened.views, 3).await);
    assert_eq!(things(&opened.views).await, "1/3");
    opened.views.close().await.unwrap();
    assert_eq!(tables(&opened.views).take(LOG, &lease(1)).await, Err(StoreError::Closed));
    opened.store.close().await.unwrap();
}
