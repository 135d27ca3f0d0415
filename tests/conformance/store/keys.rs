//! Law 4: idempotency keys.

use angzarr_runtime::store::Load;
use futures_util::FutureExt;
use futures_util::future::join_all;

use super::{book, expecting, keyed, stream, texts, whole};
use crate::backend::Backend;

pub(super) async fn once_a_duplicate_returns_the_first_book(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    opened.store.append(book(&stream, &["before"])).await.unwrap();
    let first = opened.store.append(keyed("k", book(&stream, &["a", "b"]))).await.unwrap();
    opened.store.append(book(&stream, &["after"])).await.unwrap();

    let again = opened.store.append(keyed("k", book(&stream, &["something else"]))).await.unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!(again.records, first.records);

    let store = backend.reopen(opened).await.store;
    let again = store.append(keyed("k", book(&stream, &[]))).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.records, first.records);
    let load = Load { idempotency_key: Some("k".into()), ..Load::of(stream.clone()) };
    let loaded = store.load(load).await.unwrap();
    assert_eq!(loaded.recorded.as_ref(), Some(&first.records));
    assert!(loaded.records.is_empty());
    assert_eq!(texts(&whole(&store, &stream).await.records), ["before", "a", "b", "after"]);
}

pub(super) async fn once_the_key_is_looked_at_before_the_sequence(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let first = store.append(expecting(0, keyed("k", book(&stream, &["a"])))).await.unwrap();
    for expected in [0, 9] {
        let again = store.append(expecting(expected, keyed("k", book(&stream, &["b"])))).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.records, first.records);
    }
    // A key whose book was refused is free.
    store.append(expecting(9, keyed("other", book(&stream, &["b"])))).await.unwrap_err();
    assert!(!store.append(keyed("other", book(&stream, &["b"]))).await.unwrap().duplicate);
}

pub(super) async fn once_the_same_key_of_another_stream_is_another(backend: impl Backend) {
    let store = backend.open().await.store;
    let one = stream();
    let other_root = stream();
    let other_domain = angzarr_runtime::store::StreamId::new("others", one.root);
    for stream in [&one, &other_root, &other_domain] {
        let appended = store.append(keyed("k", book(stream, &["a"]))).await.unwrap();
        assert!(!appended.duplicate);
        assert_eq!(appended.records[0].stream, *stream);
    }
}

pub(super) async fn once_an_empty_book_is_remembered(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    let first = opened.store.append(expecting(0, keyed("k", book(&stream, &[])))).await.unwrap();
    assert!(first.records.is_empty() && !first.duplicate);
    let store = backend.reopen(opened).await.store;
    let again = store.append(keyed("k", book(&stream, &["a"]))).await.unwrap();
    assert!(again.records.is_empty() && again.duplicate);
    let load = Load { idempotency_key: Some("k".into()), ..Load::of(stream.clone()) };
    assert_eq!(store.load(load).await.unwrap().recorded, Some(Vec::new()));
    assert_eq!(whole(&store, &stream).await.next_sequence, 0);
    assert_eq!(store.head().await.unwrap(), 0);
    let next = store.append(expecting(0, book(&stream, &["b"]))).await.unwrap();
    assert_eq!(next.records[0].sequence, 0);
}

pub(super) async fn once_concurrent_duplicates_store_one(backend: impl Backend) {
    let opened = backend.open().await;
    let (store, stream) = (&opened.store, stream());
    let writers = (0..50).map(|writer| {
        let (store, stream) = (store.clone(), stream.clone());
        tokio::spawn(async move { store.append(keyed("k", book(&stream, &[&writer.to_string()]))).await.unwrap() })
    });
    let results: Vec<_> = join_all(writers).await.into_iter().map(|done| done.unwrap()).collect();
    assert_eq!(results.iter().filter(|appended| !appended.duplicate).count(), 1);
    assert!(results.iter().all(|appended| appended.records == results[0].records));
    assert_eq!(whole(store, &stream).await.records, results[0].records);
    let store = backend.reopen(opened).await.store;
    let again = (0..50).map(|_| store.append(keyed("k", book(&stream, &["again"]))));
    for again in join_all(again).await {
        let again = again.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.records, results[0].records);
    }
    assert_eq!(whole(&store, &stream).await.next_sequence, 1);
}

/// The answer never came: the caller went away after the book was on its way, and sends it again at once.
pub(super) async fn once_a_lost_acknowledgement_doubles_nothing(backend: impl Backend) {
    let opened = backend.open().await;
    let streams: Vec<_> = (0..50).map(|_| stream()).collect();
    let send = async |stream| opened.store.append(keyed("k", book(stream, &["a", "b"]))).await;
    let mut answers = Vec::new();
    for stream in &streams {
        // Polled once. Whether it is answered at once or dropped on the way, it must be there once.
        drop(send(stream).now_or_never());
        answers.push(send(stream).await.unwrap().records);
    }
    // Again, while all are under way.
    for again in join_all(streams.iter().map(send)).await {
        assert!(again.unwrap().duplicate);
    }
    let store = backend.reopen(opened).await.store;
    for (stream, answer) in streams.iter().zip(answers) {
        assert_eq!(whole(&store, stream).await.records, answer);
    }
    assert_eq!(store.read(0, usize::MAX).await.unwrap().len(), 100);
}

/// Keys that are near each other are different ones.
pub(super) async fn once_keys_of_all_kinds(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    let long = "k".repeat(2000);
    let keys = ["", " ", "k", "K", "k ", "kk", "%", "_", "'", "\\", "\n", "é", "e\u{301}", "ключ", "🦀", &long];
    for key in keys {
        assert!(!opened.store.append(keyed(key, book(&stream, &[key]))).await.unwrap().duplicate, "{key:?}");
    }
    let store = backend.reopen(opened).await.store;
    for key in keys {
        let again = store.append(keyed(key, book(&stream, &["again"]))).await.unwrap();
        assert!(again.duplicate, "{key:?}");
        assert_eq!(texts(&again.records), [key]);
    }
}
