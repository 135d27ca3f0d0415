//! What `watch` tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use angzarr_runtime::store::{Opened, Store};
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::follow::{PATIENCE, follow, saw_all};
use super::{book, expecting, keyed, persist, stream};
use crate::backend::Backend;

pub(super) async fn watching_tells_own_appends_at_once(backend: impl Backend) {
    let opened = backend.open().await;
    let mut head = opened.store.watch();
    assert_eq!(*head.borrow_and_update(), 0);
    let mut last = 0;
    for n in 1..=20 {
        let said: Vec<_> = ["a", "b", "c"].into_iter().take(1 + n % 3).collect();
        let appended = opened.store.append(book(&stream(), &said)).await.unwrap();
        last = appended.records.last().unwrap().position;
        assert_eq!(*head.borrow_and_update(), last);
        assert_eq!(*opened.store.watch().borrow(), last, "whoever comes later sees it, too");
    }
    // What stores nothing moves nothing.
    opened.store.append(expecting(9, book(&stream(), &["conflict"]))).await.unwrap_err();
    opened.store.append(keyed("k", book(&stream(), &[]))).await.unwrap();
    assert_eq!((*head.borrow(), head.has_changed().unwrap()), (last, false));
    let store = backend.reopen(opened).await.store;
    assert_eq!(*store.watch().borrow(), last, "it starts with what is there");
}

/// Looks at every value: it grows, and the record that it names can be read. Gives the last one.
fn looks(store: &Arc<dyn Store>, done: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (store, done) = (store.clone(), done.clone());
    tokio::spawn(async move {
        let mut head = store.watch();
        let mut last = *head.borrow_and_update();
        loop {
            // Looked at before the value, so that the last round sees everything.
            let last_round = done.load(Ordering::SeqCst);
            let value = *head.borrow_and_update();
            assert!(value >= last, "it went back from {last} to {value}");
            if value > last {
                let found = store.read(value - 1, 1).await.unwrap();
                assert_eq!(found.first().map(|record| record.position), Some(value), "it ran ahead");
                assert!(store.head().await.unwrap() >= value);
            }
            last = value;
            if last_round && value == store.head().await.unwrap() {
                return last;
            }
            tokio::task::yield_now().await;
        }
    })
}

/// Writes through all of `stores`, and looks at all of them meanwhile.
async fn watched(stores: &[Arc<dyn Store>]) {
    let done = Arc::new(AtomicBool::new(false));
    let watchers: Vec<_> = stores.iter().map(|store| looks(store, &done)).collect();
    let writers = (0..8).map(|writer| {
        let store = stores[writer % stores.len()].clone();
        tokio::spawn(async move {
            for n in 0..10 {
                persist(&store, keyed(&n.to_string(), book(&stream(), &["a", "b"]))).await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|written| written.unwrap());
    done.store(true, Ordering::SeqCst);
    for watcher in watchers {
        // In time, since the last step is never missed.
        let last = timeout(PATIENCE, watcher).await.unwrap().unwrap();
        assert_eq!(last, stores[0].head().await.unwrap());
    }
    assert_eq!(stores[0].read(0, usize::MAX).await.unwrap().len(), 160);
}

pub(super) async fn watching_never_runs_ahead_nor_goes_back(backend: impl Backend) {
    watched(&[backend.open().await.store]).await;
}

pub(super) async fn watching_two_stores_never_runs_ahead_nor_goes_back(backend: impl Backend) {
    watched(&[backend.open().await.store, backend.open().await.store]).await;
}

pub(super) async fn watching_notices_foreign_appends(backend: impl Backend) {
    let (one, two) = (backend.open().await, backend.open().await);
    assert_eq!(one.store.log_id(), two.store.log_id());
    let notices = async |writer: &Opened, reader: &Opened| {
        let mut head = reader.store.watch();
        let records = writer.store.append(book(&stream(), &["a", "b"])).await.unwrap().records;
        let last = records[1].position;
        timeout(PATIENCE, head.wait_for(|head| *head >= last)).await.unwrap().unwrap();
        assert_eq!(reader.store.read(records[0].position - 1, 10).await.unwrap(), records);
        assert_eq!(reader.store.head().await.unwrap(), last);
    };
    for _ in 0..3 {
        notices(&one, &two).await;
        notices(&two, &one).await;
    }
    one.store.close().await.unwrap();
    let three = backend.open().await;
    // Whoever borrows the value holds up those who change it.
    let seen = *three.store.watch().borrow();
    assert_eq!(seen, two.store.head().await.unwrap());
    notices(&three, &two).await;
}

pub(super) async fn watching_is_enough_to_follow_foreign_appends(backend: impl Backend) {
    let (one, two) = (backend.open().await, backend.open().await);
    let reader = tokio::spawn(follow(two.store.clone(), 0, 4, 60));
    for n in 0..60 {
        one.store.append(book(&stream(), &[&n.to_string()])).await.unwrap();
        if n % 20 == 0 {
            // Long enough for the reader to fall asleep.
            tokio::time::sleep(std::time::Duration::from_millis(70)).await;
        }
    }
    saw_all(&two.store, 0, &reader.await.unwrap()).await;
}
