//! Connections to PostgreSQL that are all taken: by loads that are held up where nothing else is.

use std::time::Duration;

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Acquired, Load, NewBook, Opened, StoreError, StreamId};
use angzarr_servers::postgres::shared;
use futures_util::future::join_all;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::store::{book, lease, stream};

/// How many read at once.
const SESSIONS: usize = 8;

/// A log whose connections are taken.
struct Taken {
    url: String,
    opened: Opened,
    lock: PgConnection,
    loads: Vec<JoinHandle<()>>,
}

impl Taken {
    /// So many loads of a stream; those beyond the connections wait for one.
    async fn by(loads: usize, url: String, opened: Opened, stream: &StreamId) -> Self {
        let mut lock = PgConnection::connect(&url).await.unwrap();
        sqlx::query("BEGIN").execute(&mut lock).await.unwrap();
        sqlx::query("LOCK TABLE angzarr.snapshots").execute(&mut lock).await.unwrap();
        let load = |_| {
            let (store, load) = (opened.store.clone(), Load::of(stream.clone()));
            // Those that wait for too long are told so.
            tokio::spawn(async move { drop(store.load(load).await) })
        };
        let loads = (0..loads).map(load).collect();
        let taken = Self { url, opened, lock, loads };
        let held_up = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                       WHERE d.datname = current_database() AND NOT l.granted";
        taken.wait_for(held_up, &SESSIONS.to_string()).await;
        taken
    }

    async fn wait_for(&self, sql: &str, answer: &str) {
        while shared().sql_in(&self.url, sql).unwrap() != answer {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn open() -> (String, Opened) {
    let url = shared().create_database().unwrap();
    let opened = url.parse::<Storage>().unwrap().open().await.unwrap();
    (url, opened)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_wait_for_no_loads() {
    let (url, opened) = open().await;
    let stream = stream();
    opened.store.append(book(&stream, &["a"])).await.unwrap();
    let mine = lease(&opened.store, "mine").await;
    let taken = Taken::by(10 * SESSIONS, url, opened, &stream).await;
    let store = &taken.opened.store;
    store.renew(&mine).await.unwrap();
    let other = lease(store, "other").await;
    store.release(&other).await.unwrap();
    assert!(matches!(store.acquire("mine", None).await.unwrap(), Acquired::Held(beat) if beat.count == 1));
    assert!(!taken.loads.iter().any(JoinHandle::is_finished), "they were held up for all that time");
    drop(taken.lock);
    join_all(taken.loads).await;
    taken.opened.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_are_answered_before_a_store_is_closed() {
    let (url, opened) = open().await;
    let stream = stream();
    let keyed = NewBook { idempotency_key: Some("key".into()), ..book(&stream, &["a"]) };
    let first = opened.store.append(keyed.clone()).await.unwrap();
    let taken = Taken::by(SESSIONS, url, opened, &stream).await;
    let store = &taken.opened.store;
    let again = tokio::spawn({
        let store = store.clone();
        async move { store.append(keyed).await }
    });
    taken.wait_for("SELECT max(last_batch) FROM angzarr.writers", "2").await;
    let closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    // What is recorded could not be read yet.
    while store.append(book(&stream, &["b"])).await != Err(StoreError::Closed) {
        sleep(Duration::from_millis(10)).await;
    }
    sleep(Duration::from_millis(200)).await;
    drop(taken.lock);
    let again = again.await.unwrap().unwrap();
    assert_eq!((again.records, again.duplicate), (first.records, true));
    closing.await.unwrap().unwrap();
    join_all(taken.loads).await;
}
