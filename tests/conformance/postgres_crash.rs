//! PostgreSQL servers that are killed under load, or whose disk is full; and what is on the disk when it is acknowledged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use angzarr_runtime::Storage;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{Due, NewBook, Opened, Record, Store, StoreError, StreamId};
use angzarr_servers::Postgres;
use futures_util::future::join_all;
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::store::{book, stream};

async fn open(url: &str) -> Opened {
    url.parse::<Storage>().unwrap().open().await.unwrap()
}

async fn close(opened: Opened) {
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

/// What a writer was told of each of its texts.
type Told = Vec<(String, Result<(), StoreError>)>;

/// Appends to a stream of its own until it is to stop. Under keys, it insists on each.
async fn write(store: Arc<dyn Store>, stream: StreamId, under_keys: bool, stop: Arc<AtomicBool>) -> Told {
    let mut told = Told::new();
    while !stop.load(Ordering::SeqCst) {
        let text = format!("{} {}", stream.root, told.len());
        let key = under_keys.then(|| text.clone());
        let book = NewBook { idempotency_key: key, ..book(&stream, &[&text, "and"]) };
        let mut result = store.append(book.clone()).await;
        while under_keys && result.as_ref().is_err_and(StoreError::retryable) {
            result = store.append(book.clone()).await;
        }
        told.push((text, result.map(drop)));
    }
    told
}

/// Reads whatever comes, until `last` is there.
async fn tail(store: Arc<dyn Store>, mut last: tokio::sync::watch::Receiver<Option<u64>>) -> Vec<Record> {
    let mut head = store.watch();
    let mut seen: Vec<Record> = Vec::new();
    loop {
        let after = seen.last().map_or(0, |record| record.position);
        if last.borrow_and_update().is_some_and(|last| after >= last) {
            return seen;
        }
        match store.read(after, 100).await {
            Ok(found) if found.is_empty() => {
                let _ = timeout(Duration::from_millis(200), head.wait_for(|head| *head > after)).await;
            }
            Ok(found) => seen.extend(found),
            Err(error) => assert!(error.retryable(), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_loses_nothing_acknowledged() {
    let server = Postgres::start().unwrap();
    let opened = open(server.url()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, end) = tokio::sync::watch::channel(None);
    let reader = tokio::spawn(tail(opened.store.clone(), end));
    let writers: Vec<_> = (0..8)
        .map(|number| tokio::spawn(write(opened.store.clone(), stream(), number % 2 == 0, stop.clone())))
        .collect();
    for _ in 0..2 {
        sleep(Duration::from_millis(400)).await;
        block_in_place(|| {
            server.kill_nine().unwrap();
            server.restart().unwrap();
        });
    }
    sleep(Duration::from_millis(400)).await;
    stop.store(true, Ordering::SeqCst);
    let told: Vec<Told> = join_all(writers).await.into_iter().map(Result::unwrap).collect();
    let head = opened.store.head().await.unwrap();
    ended.send(Some(head)).unwrap();
    let seen = reader.await.unwrap();

    let all = opened.store.read(0, usize::MAX).await.unwrap();
    assert_eq!(seen, all, "a reader saw every record once, in order");
    assert!(all.iter().map(|record| record.position).eq(1..=head), "positions have no holes");
    let mut texts: BTreeMap<String, u32> = BTreeMap::new();
    let mut next: HashMap<Uuid, u32> = HashMap::new();
    for record in &all {
        let next = next.entry(record.stream.root).or_default();
        assert_eq!(record.sequence, *next, "sequences have no holes");
        *next += 1;
        *texts.entry(String::from_utf8(record.payload.value.to_vec()).unwrap()).or_default() += 1;
    }
    let mut acknowledged = 0;
    for (text, result) in told.into_iter().flatten() {
        let stored = texts.remove(&text).unwrap_or(0);
        match result {
            Ok(()) => {
                assert_eq!(stored, 1, "{text} was acknowledged");
                acknowledged += 1;
            }
            Err(StoreError::Unknown { .. }) => assert!(stored <= 1, "{text}: {stored}"),
            Err(error) => assert_eq!(stored, 0, "{text}: {error}"),
        }
    }
    texts.remove("and");
    assert_eq!(texts, BTreeMap::new(), "nothing else is there");
    assert!(acknowledged > 20, "{acknowledged} were acknowledged");
    close(opened).await;
}

/// Nothing but commits flushes here, and nothing else writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_is_flushed() {
    let server = Postgres::start_with(&["wal_writer_delay=10s", "autovacuum=off", "checkpoint_timeout=1h"]).unwrap();
    let admin = server.admin();
    // Not even where somebody wants it otherwise.
    admin.sql("ALTER ROLE postgres SET synchronous_commit = off").unwrap();
    let opened = open(server.url()).await;
    let unflushed = || -> u64 {
        let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn())";
        admin.sql(sql).unwrap().parse().unwrap()
    };
    let insert = || admin.sql("SELECT pg_current_wal_insert_lsn()").unwrap();
    // That it is published is not waited for: less than any of the events has.
    let publication = 1_000;
    let text = "a".repeat(publication);
    for number in 0..10 {
        let before = insert();
        let stream = stream();
        let books: Vec<_> = (0..=number).map(|_| book(&stream, &[&text])).collect();
        opened.store.append_in_order(books).await.into_iter().for_each(|appended| drop(appended.unwrap()));
        assert!(unflushed() < publication as u64, "append {number}");
        assert_ne!(insert(), before);
    }
    // Were it not so, it would show.
    admin.sql(&format!("CREATE TABLE late (a text); INSERT INTO late VALUES ('{text}')")).unwrap();
    assert!(unflushed() > publication as u64);
    close(opened).await;
}

/// That it was published need not be on the disk when the server dies; that must not show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_published_stays_visible() {
    let server = Postgres::start_with(&["wal_writer_delay=10s", "autovacuum=off", "checkpoint_timeout=1h"]).unwrap();
    let published = || server.admin().sql("SELECT last_value FROM angzarr.published").unwrap();
    let opened = open(server.url()).await;
    let store = &opened.store;
    let watching = store.watch();
    let due = Due { name: "later".into(), at: Timestamp { seconds: 5, nanos: 0 } };
    let until = Timestamp { seconds: 9, nanos: 0 };
    let (mut written, mut forgotten) = (Vec::new(), 0);
    // What it does by itself now and then may bring it to the disk after all.
    for _ in 0..10 {
        if forgotten == 3 {
            break;
        }
        let mut next = book(&stream(), &["a"]);
        next.records[0].due = Some(due.clone());
        written.extend(store.append(next).await.unwrap().records);
        assert_eq!(published(), written.len().to_string());
        block_in_place(|| {
            server.kill_nine().unwrap();
            server.restart().unwrap();
        });
        let known = published();
        forgotten += usize::from(known == (written.len() - 1).to_string());
        let (all, deadlines) = tokio::join!(store.read(0, 10), store.deadlines("things", until, 10));
        assert_eq!(all.unwrap(), written);
        assert_eq!(deadlines.unwrap().into_iter().map(|deadline| deadline.record).collect::<Vec<_>>(), written);
        assert_eq!(store.head().await.unwrap(), *watching.borrow());
    }
    assert!(forgotten > 0, "the server never forgot anything");
    close(opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_of_and_loses_nothing() {
    let server = match Postgres::start_beside_small_disk("32m") {
        Ok(server) => server,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            println!("SKIPPED: a small disk cannot be mounted here: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let admin = server.admin();
    admin.sql(&format!("CREATE TABLESPACE small LOCATION '{}'", server.small_disk().display())).unwrap();
    admin.sql("CREATE DATABASE small TABLESPACE small").unwrap();
    let url = server.url().replace("/postgres", "/small").replacen("/small:", "/postgres:", 1);
    admin.sql_in(&url, "CREATE TABLE ballast AS SELECT repeat('x', 1900) AS a FROM generate_series(1, 2000)").unwrap();
    let opened = open(&url).await;
    let mut acknowledged = Vec::new();
    let full = loop {
        // Nothing that compresses.
        let text: String = (0..4096).map(|_| Uuid::new_v4().simple().to_string()).collect();
        let stream = stream();
        match opened.store.append(book(&stream, &[&text])).await {
            Ok(appended) => acknowledged.extend(appended.records),
            Err(error) => break (error, stream),
        }
        assert!(acknowledged.len() < 1000, "the disk is never full");
    };
    let (error, stream) = full;
    assert_eq!(error.code(), "STORE_FULL", "{error}");
    assert!(error.retryable() && acknowledged.len() > 10, "{}", acknowledged.len());
    assert_eq!(
        opened.store.read(0, usize::MAX).await.unwrap(),
        acknowledged,
        "nothing is lost, and nothing there in part"
    );
    admin.sql_in(&url, "DROP TABLE ballast").unwrap();
    let appended = opened.store.append(book(&stream, &["small"])).await.unwrap();
    assert_eq!(appended.records[0].position, acknowledged.len() as u64 + 1);
    close(opened).await;
}
