//! Laws 1 and 2, one writer.

use angzarr_runtime::store::{Appended, NewBook, StoreError};

use super::{book, expecting, sequences, stream, texts, whole};
use crate::backend::Backend;

pub(super) async fn streams_start_at_zero(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    assert_eq!(whole(&store, &stream).await.next_sequence, 0);
    let appended = store.append(expecting(0, book(&stream, &["a"]))).await.unwrap();
    assert!(!appended.duplicate);
    assert_eq!(sequences(&appended.records), [0]);
    let loaded = whole(&store, &stream).await;
    assert_eq!((loaded.records, loaded.next_sequence), (appended.records, 1));
}

pub(super) async fn streams_have_no_holes(backend: impl Backend) {
    let store = backend.open().await.store;
    let (one, other) = (stream(), stream());
    for count in [1, 3, 2, 5, 1] {
        let many: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().take(count).collect();
        store.append(book(&one, &many)).await.unwrap();
        store.append(book(&other, &["x"])).await.unwrap();
    }
    let loaded = whole(&store, &one).await;
    assert_eq!(sequences(&loaded.records), (0..12).collect::<Vec<_>>());
    assert_eq!(loaded.next_sequence, 12);
    assert_eq!(texts(&loaded.records).concat(), "aabcababcdea");
    assert_eq!(whole(&store, &other).await.next_sequence, 5);
}

pub(super) async fn streams_wrong_expectations_write_nothing(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let refused = store.append(expecting(1, book(&stream, &["early"]))).await.unwrap_err();
    assert_eq!(refused, StoreError::Conflict { expected: 1, actual: 0 });
    assert_eq!(store.head().await.unwrap(), 0);
    store.append(expecting(0, book(&stream, &["a", "b"]))).await.unwrap();
    for expected in [0, 1, 3, u32::MAX] {
        let refused = store.append(expecting(expected, book(&stream, &["late"]))).await.unwrap_err();
        assert_eq!(refused, StoreError::Conflict { expected, actual: 2 });
        assert_eq!(refused.code(), "SEQUENCE_CONFLICT");
    }
    assert_eq!(texts(&whole(&store, &stream).await.records), ["a", "b"]);
    assert_eq!(store.read(0, 100).await.unwrap().len(), 2);
    store.append(expecting(2, book(&stream, &["c"]))).await.unwrap();
    assert_eq!(texts(&whole(&store, &stream).await.records), ["a", "b", "c"]);
}

pub(super) async fn streams_a_book_without_records_is_a_no_op(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let appended = store.append(book(&stream, &[])).await.unwrap();
    assert!(appended.records.is_empty() && !appended.duplicate);
    assert_eq!(whole(&store, &stream).await.next_sequence, 0);
    store.append(expecting(0, book(&stream, &["still new"]))).await.unwrap();
}

pub(super) async fn log_order_positions_of_a_book_are_consecutive(backend: impl Backend) {
    let store = backend.open().await.store;
    let (one, other) = (stream(), stream());
    let mut last = 0;
    for _ in 0..5 {
        for stream in [&one, &other] {
            let records = store.append(book(stream, &["a", "b", "c"])).await.unwrap().records;
            let first = records[0].position;
            assert!(first > last, "{first} comes after {last}");
            assert_eq!(records.iter().map(|r| r.position).collect::<Vec<_>>(), [first, first + 1, first + 2]);
            last = first + 2;
            assert_eq!(store.head().await.unwrap(), last);
        }
    }
}

pub(super) async fn log_order_pages_from_every_position(backend: impl Backend) {
    let store = backend.open().await.store;
    for _ in 0..4 {
        store.append(book(&stream(), &["a", "b", "c"])).await.unwrap();
    }
    let all = store.read(0, usize::MAX).await.unwrap();
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    for (index, record) in all.iter().enumerate() {
        for limit in [0, 1, 5, 100] {
            let page = store.read(record.position, limit).await.unwrap();
            let end = all.len().min(index + 1 + limit);
            assert_eq!(page, all[index + 1..end], "after {}, limit {limit}", record.position);
        }
    }
    assert!(store.read(u64::MAX, 10).await.unwrap().is_empty());
}

pub(super) async fn streams_books_in_order_end_with_the_first_not_stored(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let many = (0..300).map(|sequence| expecting(sequence, book(&stream, &["a"]))).collect();
    let results = store.append_in_order(many).await;
    assert_eq!(results.iter().filter(|result| Appended::is_stored(result)).count(), 300);

    // The book behind a conflict would fit by its sequence alone, but it was decided on what is not there.
    let books = vec![
        expecting(300, book(&stream, &["b"])),
        expecting(300, book(&stream, &["c"])),
        expecting(301, book(&stream, &["d"])),
    ];
    let results = store.append_in_order(books).await;
    assert_eq!(results.len(), 2);
    assert!(Appended::is_stored(&results[0]));
    assert_eq!(results[1], Err(StoreError::Conflict { expected: 300, actual: 301 }));
    assert_eq!(whole(&store, &stream).await.next_sequence, 301);

    let keyed = || NewBook { idempotency_key: Some("k".into()), ..book(&stream, &["e"]) };
    let results = store.append_in_order(vec![keyed(), keyed(), book(&stream, &["f"])]).await;
    let duplicates: Vec<_> = results.into_iter().map(|result| result.unwrap().duplicate).collect();
    assert_eq!(duplicates, [false, true]);
    assert_eq!(whole(&store, &stream).await.next_sequence, 302);
}

pub(super) async fn streams_the_first_book_names_the_stream(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    let named = |key: &str, texts: &[&str]| NewBook { key: key.into(), ..book(&stream, texts) };
    let silent = NewBook { key: "nobody".into(), ..book(&stream, &[]) };
    let books = vec![silent, named("first", &["a"]), named("second", &["b"])];
    let results = opened.store.append_in_order(books).await;
    let keys: Vec<_> =
        results.iter().flatten().flat_map(|appended| &appended.records).map(|record| &*record.key).collect();
    assert_eq!(keys, ["first", "first"]);
    let later = opened.store.append(named("third", &["c"])).await.unwrap();
    assert_eq!(&*later.records[0].key, "first");
    assert!(opened.store.read(0, 9).await.unwrap().iter().all(|record| &*record.key == "first"));
}
