//! Records in PostgreSQL that are committed and not published yet: their writer may be waiting for the disk, or be gone.

use std::time::Duration;

use angzarr_runtime::Storage;
use angzarr_runtime::store::{Load, NewBook, Opened, StoreError, StreamId};
use angzarr_servers::postgres::shared;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tokio::time::{sleep, timeout};

use crate::backend::uncommitted;
use crate::store::{book, stream};

async fn open(url: &str) -> Opened {
    url.parse::<Storage>().unwrap().open().await.unwrap()
}

/// A log, and a stream in it whose writer died between commit and publication.
async fn left_behind() -> (String, Opened, StreamId) {
    let url = shared().create_database().unwrap();
    let opened = open(&url).await;
    let stream = stream();
    leave_behind(&url, &stream).await;
    assert_eq!(opened.store.head().await.unwrap(), 0);
    assert_eq!(opened.store.read(0, 10).await.unwrap(), [], "readers do not see it");
    assert_eq!(opened.store.read_correlated("talk", 0, 10).await.unwrap(), []);
    assert_eq!(opened.store.roots(&stream.domain, None, 10).await.unwrap(), []);
    (url, opened, stream)
}

async fn leave_behind(url: &str, stream: &StreamId) {
    let mut writer = uncommitted(url, stream).await;
    sqlx::query("SET LOCAL synchronous_commit = off").execute(&mut writer).await.unwrap();
    sqlx::query("COMMIT").execute(&mut writer).await.unwrap();
}

async fn close(opened: Opened) {
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_append_publishes_it() {
    let (_, opened, stream) = left_behind().await;
    let next = opened.store.append(book(&crate::store::stream(), &["next"])).await.unwrap().records.remove(0);
    let read = opened.store.read(0, 10).await.unwrap();
    assert_eq!((read.len(), &read[0].stream, &read[1]), (2, &stream, &next));
    close(opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_stores_nothing_publishes_it() {
    let (_, opened, stream) = left_behind().await;
    let refused = opened.store.append(NewBook { expected: Some(0), ..book(&stream, &["a"]) }).await;
    assert_eq!(refused, Err(StoreError::Conflict { expected: 0, actual: 1 }));
    assert_eq!(opened.store.head().await.unwrap(), 1, "what the answer rests on is on the disk");
    close(opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_loads_its_stream_publishes_it() {
    let (_, opened, stream) = left_behind().await;
    opened.store.load(Load::of(crate::store::stream())).await.unwrap();
    assert_eq!(opened.store.head().await.unwrap(), 0, "another stream has nothing to do with it");
    let loaded = opened.store.load(Load::of(stream)).await.unwrap();
    assert_eq!(opened.store.read(0, 10).await.unwrap(), loaded.records);
    assert_eq!((loaded.records.len(), loaded.next_sequence), (1, 1));
    close(opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_the_log_publishes_it() {
    let (url, opened, _) = left_behind().await;
    let other = open(&url).await;
    assert_eq!(*other.store.watch().borrow(), 1);
    assert_eq!(opened.store.read(0, 10).await.unwrap().len(), 1);
    close(opened).await;
    close(other).await;
}

/// A group that is committed and cannot be published, for as long as somebody else keeps the server from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_published_is_not_written_again() {
    let url = shared().create_database().unwrap();
    let opened = open(&url).await;
    let (store, first, second) = (&opened.store, stream(), stream());
    let held = lock(&url, PUBLICATION).await;
    let appended = tokio::spawn({
        let (store, book) = (store.clone(), book(&first, &["a"]));
        async move { store.append(book).await }
    });
    refused_at_publication(&url).await;
    drop(held);
    let appended = appended.await.unwrap().unwrap();
    assert!(!appended.duplicate);
    assert_eq!(store.read(0, 10).await.unwrap(), appended.records);

    let held = lock(&url, PUBLICATION).await;
    let unknown = store.append(book(&second, &["b"])).await.unwrap_err();
    assert_eq!(unknown.code(), "STORE_OUTCOME_UNKNOWN", "{unknown}");
    assert_eq!(store.head().await.unwrap(), 1);
    drop(held);
    let loaded = store.load(Load::of(second)).await.unwrap();
    assert_eq!((loaded.records.len(), store.head().await.unwrap()), (1, 2), "it is stored, and once");
    close(opened).await;
}

/// The lock under which positions are given.
pub(crate) const POSITIONS: i32 = 1;

/// The lock under which is published.
const PUBLICATION: i32 = 2;

/// Holds one of the log's locks until it is dropped.
pub(crate) async fn lock(url: &str, number: i32) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let lock = sqlx::query("SELECT pg_advisory_lock(1095649114, $1)").bind(number);
    lock.execute(&mut connection).await.unwrap();
    connection
}

/// Waits until the first connection that wanted to publish was refused, and the next one wants to.
async fn refused_at_publication(url: &str) {
    let waiting = "SELECT coalesce(min(l.pid), 0) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 2 AND NOT l.granted";
    let first = async |not: Option<String>| loop {
        let pid = shared().sql_in(url, waiting).unwrap();
        if pid != "0" && Some(&pid) != not.as_ref() {
            return pid;
        }
        sleep(Duration::from_millis(20)).await;
    };
    let refused = first(None).await;
    first(Some(refused)).await;
}

/// Without anybody who writes, loads or opens: after 15 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_news_publishes_it() {
    let (_, opened, _) = left_behind().await;
    let mut head = opened.store.watch();
    timeout(Duration::from_secs(30), head.wait_for(|head| *head == 1)).await.unwrap().unwrap();
    close(opened).await;
}

/// As a dump leaves it that was made while programs wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_of_no_record_is_taken_back() {
    let url = shared().create_database().unwrap();
    for there in 0..2 {
        let opened = open(&url).await;
        assert_eq!(opened.store.head().await.unwrap(), there);
        close(opened).await;
        shared().sql_in(&url, "SELECT setval('angzarr.published', 9)").unwrap();
        let (opened, other) = (open(&url).await, open(&url).await);
        assert_eq!((opened.store.head().await.unwrap(), *opened.store.watch().borrow()), (there, there));
        let mut head = other.store.watch();
        let next = there + 1;
        leave_behind(&url, &stream()).await;
        assert_eq!(opened.store.read(there, 10).await.unwrap(), [], "it is not published yet");
        opened.store.append(NewBook { expected: Some(9), ..book(&stream(), &["a"]) }).await.unwrap_err();
        let told = timeout(Duration::from_secs(10), head.wait_for(|head| *head > there)).await.unwrap();
        assert_eq!((*told.unwrap(), opened.store.head().await.unwrap()), (next, next));
        close(opened).await;
        close(other).await;
    }
}
