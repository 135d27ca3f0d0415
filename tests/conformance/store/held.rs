//! Law 2, with a writer between write and commit.

use std::time::Duration;

use angzarr_runtime::store::{Appended, NewBook, Opened, StoreError};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::follow::{PATIENCE, follow, saw_all};
use super::{book, keyed, persist, stream, whole};
use crate::backend::{Backend, Held};

const OTHERS: usize = 10;

/// Lets ten writers pass a held one, with readers following all the time, until `end` ends it. Then the log holds the
/// first record, those of the ten, and `more`.
async fn held(backend: impl Backend, end: impl AsyncFnOnce(Box<dyn Held>), more: usize) {
    let opened = backend.open().await;
    let beside = backend.open().await;
    opened.store.append(book(&stream(), &["before"])).await.unwrap();
    let slow = stream();
    let held = backend.hold(&slow).await;
    let readers = [(&opened, 1), (&opened, 100), (&beside, 3)]
        .map(|(Opened { store, .. }, page)| tokio::spawn(follow(store.clone(), 0, page, 1 + OTHERS + more)));
    let others = (0..OTHERS).map(|index| {
        let store = if index % 2 == 0 { opened.store.clone() } else { beside.store.clone() };
        tokio::spawn(async move { persist(&store, keyed("k", book(&stream(), &["passes"]))).await })
    });
    let others: Vec<_> = others.collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(whole(&opened.store, &slow).await.next_sequence, 0, "what is not committed is not visible");
    end(held).await;
    for stored in join_all(others).await {
        stored.unwrap();
    }
    for reader in join_all(readers).await {
        saw_all(&opened.store, 0, &reader.unwrap()).await;
    }
    assert_eq!(whole(&opened.store, &slow).await.next_sequence as usize, more);
}

pub(super) async fn log_order_a_reader_skips_nothing_that_is_committed_late(backend: impl Backend) {
    held(backend, async |held| held.commit().await, 1).await;
}

pub(super) async fn log_order_a_reader_does_not_wait_for_a_writer_that_died(backend: impl Backend) {
    held(backend, async |held| held.die().await, 0).await;
}

pub(super) async fn an_append_behind_a_held_writer_waits_or_may_be_tried_again(backend: impl Backend) {
    let store = backend.open().await.store;
    let held = backend.hold(&stream()).await;
    let stream = stream();
    let behind = || keyed("k", book(&stream, &["behind"]));
    let result: Option<Result<Appended, StoreError>> =
        timeout(Duration::from_secs(3), store.append(behind())).await.ok();
    if let Some(Err(error)) = &result {
        assert!(error.retryable(), "{error}");
    }
    assert_eq!(store.read(0, 10).await.unwrap().len(), usize::from(matches!(result, Some(Ok(_)))));
    held.commit().await;
    timeout(PATIENCE, persist(&store, behind())).await.unwrap();
    assert_eq!(whole(&store, &stream).await.next_sequence, 1);
    assert_eq!(store.read(0, 10).await.unwrap().len(), 2);
    // The writer goes on as if nothing had been.
    let plain = NewBook { idempotency_key: None, ..behind() };
    assert_eq!(store.append(plain).await.unwrap().records[0].sequence, 1);
}
