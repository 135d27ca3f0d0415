//! Projectors' own tables in PostgreSQL: several transactions at a time, and what they are to each other.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::store::StoreError;
use angzarr_runtime::tables::{Mark, SqlError, Transaction};
use angzarr_runtime::view::{Value, ViewStore};
use futures_util::future::join_all;

use crate::backend::{Backend, Postgres};
use crate::tables::{LIMIT, begun, event, lease, prepared, things};

const LOG: uuid::Uuid = uuid::Uuid::from_u128(7);

/// How many are open at a time.
const TRANSACTIONS: u64 = 8;

#[tokio::test]
async fn transactions_of_several_lanes_are_open_at_a_time() {
    let views = &prepared(&Postgres::new()).await;
    let open = join_all((1..=TRANSACTIONS).map(|position| begun(views, 1, position))).await;
    // The checkpoint is saved meanwhile, and one that finds no room is told to come again.
    views.tables().unwrap().save_checkpoint(&lease(1), 0).await.unwrap();
    let crowded = views.tables().unwrap().begin(&lease(1), event(9), Duration::from_secs(1)).await;
    assert!(crowded.is_err_and(|error| error.retryable()));
    for transaction in open {
        transaction.unwrap().commit(Mark::UntilPassed).await.unwrap();
    }
    assert_eq!(things(views).await, "1/1 1/2 1/3 1/4 1/5 1/6 1/7 1/8");
}

/// A holder sleeps in the middle of a transaction, and wakes up when another one has its lease.
#[tokio::test]
async fn a_sleeping_holder_commits_nothing_when_it_wakes() {
    let backend = Postgres::new();
    let asleep = &prepared(&backend).await;
    let transaction = begun(asleep, 1, 1).await.unwrap();
    let awake = backend.open().await.views;
    awake.tables().unwrap().take(LOG, &lease(2)).await.unwrap();
    begun(&awake, 2, 1).await.unwrap().commit(Mark::UntilPassed).await.unwrap();
    let lost = Err(StoreError::LeaseLost { consumer: lease(1).consumer.to_string() }.into());
    assert_eq!(transaction.commit(Mark::UntilPassed).await, lost);
    assert_eq!(things(&awake).await, "2/1");
}

/// Of two that did the same under one lease, as after an answer was lost, one counts.
#[tokio::test]
async fn an_event_that_two_handled_is_there_once() {
    let views = &prepared(&Postgres::new()).await;
    let (one, other) = (begun(views, 1, 1).await.unwrap(), begun(views, 1, 1).await.unwrap());
    one.commit(Mark::UntilPassed).await.unwrap();
    other.commit(Mark::UntilPassed).await.unwrap();
    assert_eq!(things(views).await, "1/1");
}

async fn update(transaction: &mut Box<dyn Transaction>, name: &str) -> Result<(), SqlError> {
    transaction.run("UPDATE things SET name = name WHERE name = $1", &[Value::from(name)]).await.map(drop)
}

#[tokio::test]
async fn transactions_that_wait_for_each_other_may_be_tried_again() {
    let views: &Arc<dyn ViewStore> = &prepared(&Postgres::new()).await;
    for position in [1, 2] {
        begun(views, 1, position).await.unwrap().commit(Mark::UntilPassed).await.unwrap();
    }
    let (mut one, mut other) = (begun(views, 1, 3).await.unwrap(), begun(views, 1, 4).await.unwrap());
    update(&mut one, "1/1").await.unwrap();
    update(&mut other, "1/2").await.unwrap();
    let (first, second) = tokio::join!(update(&mut one, "1/2"), update(&mut other, "1/1"));
    let failed = first.and(second).unwrap_err();
    assert!(matches!(&failed, SqlError::Store(error) if error.retryable()), "{failed:?}");
}

/// A server that another one has taken the place of, or that has nothing to spare.
#[tokio::test]
async fn what_ails_the_server_is_no_fault_of_the_statement() {
    let views = &prepared(&Postgres::new()).await;
    for code in ["53200", "53400", "58030"] {
        let mut transaction = begun(views, 1, 1).await.unwrap();
        let raised = format!("DO $$ BEGIN RAISE EXCEPTION 'no more' USING ERRCODE = '{code}'; END $$");
        let failed = transaction.run(&raised, &[]).await.unwrap_err();
        assert!(matches!(&failed, SqlError::Store(error) if error.retryable()), "{code}: {failed:?}");
    }
    let mut transaction = views.tables().unwrap().begin(&lease(1), event(1), LIMIT).await.unwrap().unwrap();
    transaction.run("SET TRANSACTION READ ONLY", &[]).await.unwrap();
    let failed = transaction.run("INSERT INTO things VALUES ('a')", &[]).await.unwrap_err();
    assert!(matches!(&failed, SqlError::Store(error) if error.retryable()), "{failed:?}");
}

#[tokio::test]
async fn what_is_set_for_the_session_ends_with_the_transaction() {
    let views = &prepared(&Postgres::new()).await;
    let mut transaction = begun(views, 1, 1).await.unwrap();
    transaction.run("SET search_path = nowhere", &[]).await.unwrap();
    transaction.commit(Mark::UntilPassed).await.unwrap();
    // Its table would not be found.
    begun(views, 1, 2).await.unwrap().commit(Mark::UntilPassed).await.unwrap();
    assert_eq!(things(views).await, "1/1 1/2");
}

#[tokio::test]
async fn columns_of_other_types_are_cast() {
    let views = &prepared(&Postgres::new()).await;
    let mut transaction = begun(views, 1, 1).await.unwrap();
    let given = [Value::from("2013-01-01T00:00:00Z"), Value::Null, Value::from("18446744073709551615")];
    let row = "SELECT $1::timestamptz AT TIME ZONE 'UTC' = '2013-01-01' AS is_then, $2::uuid AS nothing,
        ($3::numeric)::text AS large";
    let row = transaction.run(row, &given).await.unwrap().rows.remove(0);
    assert!(row.get::<bool>("is_then").unwrap());
    assert_eq!(row.get::<Option<String>>("nothing").unwrap(), None);
    assert_eq!(row.get::<u64>("large").unwrap(), u64::MAX);
    let refused = transaction.run("SELECT now() AS at", &[]).await.unwrap_err();
    let reason = "the column `at` is of type TIMESTAMPTZ; cast it, to text or bigint say";
    assert_eq!(refused, SqlError::Refused(reason.to_owned()));
}
