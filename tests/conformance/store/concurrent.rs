//! Laws 1 and 2, many writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use angzarr_runtime::store::{NewBook, Record, Store, StoreError, StreamId};
use futures_util::future::join_all;
use uuid::Uuid;

use super::follow::{follow, saw_all};
use super::{book, expecting, keyed, sequences, stream, texts, whole};
use crate::backend::Backend;

pub(super) async fn streams_writers_without_expectation_lose_nothing(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let writers = (0..20).map(|writer| {
        let (store, stream) = (store.clone(), stream.clone());
        tokio::spawn(async move {
            for n in 0..5 {
                let (first, second) = (format!("{writer}/{n}/a"), format!("{writer}/{n}/b"));
                let records = store.append(book(&stream, &[&first, &second])).await.unwrap().records;
                assert_eq!(records[0].sequence + 1, records[1].sequence);
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|done| done.unwrap());
    let loaded = whole(&store, &stream).await;
    assert_eq!(sequences(&loaded.records), (0..200).collect::<Vec<_>>());
    assert!(loaded.records.is_sorted_by(|a, b| a.position < b.position));
    let said = texts(&loaded.records);
    for writer in 0..20 {
        let own: Vec<_> = said.iter().filter(|text| text.starts_with(&format!("{writer}/"))).collect();
        assert_eq!(own.len(), 10);
        assert!(own.is_sorted(), "each writer's books stand in the order in which it wrote them");
    }
    assert!(said.chunks(2).all(|book| book[0].strip_suffix('a') == book[1].strip_suffix('b')), "books stay whole");
}

pub(super) async fn streams_writers_with_expectations_lose_nothing(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let writers = (0..20).map(|writer| {
        let (store, stream) = (store.clone(), stream.clone());
        tokio::spawn(async move {
            let (mut expected, mut conflicts) = (0, 0);
            for n in 0..5 {
                let (first, second) = (format!("{writer}/{n}/a"), format!("{writer}/{n}/b"));
                let records = loop {
                    match store.append(expecting(expected, book(&stream, &[&first, &second]))).await {
                        Ok(appended) => break appended.records,
                        Err(StoreError::Conflict { expected: named, actual }) => {
                            assert!(named == expected && actual > expected, "{named} was {expected}, and {actual} is");
                            (expected, conflicts) = (actual, conflicts + 1);
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                assert_eq!(sequences(&records), [expected, expected + 1], "it is where it was to be");
                expected += 2;
            }
            conflicts
        })
    });
    let conflicts: usize = join_all(writers).await.into_iter().map(|done| done.unwrap()).sum();
    assert!(conflicts >= 19, "all but one were too late with their first book: {conflicts}");
    let loaded = whole(&store, &stream).await;
    assert_eq!(sequences(&loaded.records), (0..200).collect::<Vec<_>>());
    let mut said = texts(&loaded.records);
    assert!(said.chunks(2).all(|book| book[0].strip_suffix('a') == book[1].strip_suffix('b')), "books stay whole");
    said.sort_unstable();
    said.dedup();
    assert_eq!(said.len(), 200, "each is there once");
}

pub(super) async fn streams_one_of_many_writers_with_the_same_expectation_wins(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    store.append(book(&stream, &["first"])).await.unwrap();
    let writers = (0..20).map(|writer| {
        let (store, stream) = (store.clone(), stream.clone());
        tokio::spawn(async move { store.append(expecting(1, book(&stream, &[&writer.to_string()]))).await })
    });
    let results: Vec<_> = join_all(writers).await.into_iter().map(|done| done.unwrap()).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for refused in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(*refused, StoreError::Conflict { expected: 1, actual: 2 });
    }
    assert_eq!(whole(&store, &stream).await.next_sequence, 2);
}

pub(super) async fn streams_a_conflict_spoils_no_other_book(backend: impl Backend) {
    let store = backend.open().await.store;
    let streams: Vec<StreamId> = (0..100).map(|_| stream()).collect();
    let appends = streams.iter().enumerate().map(|(index, stream)| {
        let expected = if index == 50 { 7 } else { 0 };
        store.append(expecting(expected, book(stream, &["a", "b"])))
    });
    let results = join_all(appends).await;
    for (index, result) in results.iter().enumerate() {
        match result {
            Ok(appended) => assert_eq!(sequences(&appended.records), [0, 1]),
            Err(error) => assert_eq!((index, error.clone()), (50, StoreError::Conflict { expected: 7, actual: 0 })),
        }
    }
    assert!(results[50].is_err());
    for (index, stream) in streams.iter().enumerate() {
        assert_eq!(whole(&store, stream).await.next_sequence, if index == 50 { 0 } else { 2 });
    }
    assert_eq!(store.read(0, 1000).await.unwrap().len(), 198);
}

/// Appends a book with a key, once: a busy machine may need longer for it than a store waits.
async fn append_at_last(store: &Arc<dyn Store>, book: NewBook) {
    while let Err(error) = store.append(book.clone()).await {
        assert!(error.retryable(), "{error}");
    }
}

pub(super) async fn log_order_holds_while_writers_write(backend: impl Backend) {
    let store = backend.open().await.store;
    let done = Arc::new(AtomicBool::new(false));
    let tail = {
        let (store, done) = (store.clone(), done.clone());
        tokio::spawn(async move {
            let mut seen: Vec<Record> = Vec::new();
            loop {
                // Looked at before reading, so that the last round sees everything.
                let last_round = done.load(Ordering::SeqCst);
                let after = seen.last().map_or(0, |record| record.position);
                let page = store.read(after, 7).await.unwrap();
                let ended = page.is_empty() && last_round;
                seen.extend(page);
                if ended {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let streams: Vec<StreamId> = (0..4).map(|_| StreamId::new("things", Uuid::new_v4())).collect();
    let writers = (0..8).map(|writer: usize| {
        let (store, stream) = (store.clone(), streams[writer % 4].clone());
        tokio::spawn(async move {
            for n in 0..25 {
                append_at_last(&store, keyed(&format!("{writer}/{n}"), book(&stream, &["a", "b", "c"]))).await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|written| written.unwrap());
    done.store(true, Ordering::SeqCst);
    let seen = tail.await.unwrap();
    assert!(seen.is_sorted_by(|a, b| a.position < b.position));
    // What a reader passed by while it was being written would be missing here.
    assert_eq!(seen, store.read(0, usize::MAX).await.unwrap());
    assert_eq!(seen.len(), 8 * 25 * 3);
}

pub(super) async fn log_order_holds_from_any_position(backend: impl Backend) {
    let store = backend.open().await.store;
    for _ in 0..10 {
        store.append(book(&stream(), &["a", "b", "c"])).await.unwrap();
    }
    let positions: Vec<_> = store.read(0, 100).await.unwrap().iter().map(|record| record.position).collect();
    let writers = (0..6).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                store.append(book(&stream(), &["a", "b", "c"])).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..12).map(|_| {
        let [place, page, ..] = *Uuid::new_v4().as_bytes();
        let passed = usize::from(place) % 31;
        let after = if passed == 0 { 0 } else { positions[passed - 1] };
        let page = 1 + usize::from(page) % 40;
        (after, tokio::spawn(follow(store.clone(), after, page, 390 - passed)))
    });
    for (after, reader) in readers.collect::<Vec<_>>() {
        saw_all(&store, after, &reader.await.unwrap()).await;
    }
    join_all(writers).await.into_iter().for_each(|written| written.unwrap());
}
