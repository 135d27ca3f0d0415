//! Large books, large payloads, long streams.

use std::sync::Arc;
use std::time::Duration;

use angzarr_runtime::Payload;
use angzarr_runtime::store::{Load, NewBook, NewRecord, Store, StreamId};

use super::snapshots::snapshot;
use super::{book, expecting, keyed, record, sequences, stream, texts, whole};
use crate::backend::Backend;

fn numbered(stream: &StreamId, from: u32, to: u32) -> NewBook {
    let records = (from..to).map(|n| record(&n.to_string())).collect();
    expecting(from, NewBook { records, ..book(stream, &[]) })
}

pub(super) async fn large_books_of_ten_thousand_records(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    opened.store.append(book(&super::stream(), &["before"])).await.unwrap();
    let large = keyed("large", numbered(&stream, 0, 10_000));
    let first = opened.store.append(large.clone()).await.unwrap().records;
    assert_eq!(sequences(&first), (0..10_000).collect::<Vec<_>>());
    let positions = first[0].position..;
    assert!(first.iter().zip(positions).all(|(record, position)| record.position == position), "they stand together");
    let again = opened.store.append(large.clone()).await.unwrap();
    assert!(again.duplicate);
    assert!(again.records == first, "the duplicate is the first book");
    let other = opened.store.append(NewBook { idempotency_key: None, ..large }).await.unwrap_err();
    assert_eq!(other.code(), "SEQUENCE_CONFLICT");
    let store = backend.reopen(opened).await.store;
    assert!(whole(&store, &stream).await.records == first);
    assert!(store.read(first[0].position - 1, usize::MAX).await.unwrap() == first);
}

pub(super) async fn large_payloads(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    let bytes: Vec<u8> = (0..16_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let payload = Payload { type_name: "test.Said".into(), value: bytes.clone().into() };
    let records = vec![record("before"), NewRecord { payload, ..record("") }, record("after")];
    let appended = opened.store.append(NewBook { records, ..book(&stream, &[]) }).await.unwrap().records;
    let mut state = snapshot(1, "f", "");
    state.state.value = bytes.clone().into();
    opened.store.save_snapshot(stream.clone(), state.clone()).await.unwrap();
    let store = backend.reopen(opened).await.store;
    let loaded = whole(&store, &stream).await;
    assert!(loaded.records == appended, "three records as they were");
    assert!(loaded.records[1].payload.value == bytes);
    assert!(store.read(1, 1).await.unwrap() == appended[1..2]);
    let loaded = store.load(Load { fingerprint: Some(b"f".to_vec()), ..Load::of(stream) }).await.unwrap();
    assert!(loaded.snapshot == Some(state));
    assert_eq!(texts(&loaded.records), ["after"]);
}

pub(super) async fn large_books_beyond_the_limit_are_refused(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    // One buffer, however often it is named.
    let payload = Payload { type_name: "test.Said".into(), value: vec![7; 1 << 20].into() };
    let records = vec![NewRecord { payload, ..record("") }; NewBook::MAX_BYTES >> 20];
    let large = keyed("large", expecting(9, NewBook { records, ..book(&stream, &[]) }));
    let error = store.append(large.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("BOOK_TOO_LARGE", false), "{error}");
    let large = NewBook { expected: Some(1), ..large };
    let results = store.append_in_order(vec![book(&stream, &["a"]), large.clone(), book(&stream, &["b"])]).await;
    let results: Vec<_> =
        results.iter().map(|result| result.as_ref().map_or_else(|error| error.code(), |_| "")).collect();
    assert_eq!(results, ["", "BOOK_TOO_LARGE"]);
    let results = store.append_in_order(vec![expecting(0, book(&stream, &["c"])), large]).await;
    assert_eq!(results.len(), 1, "what comes after a conflict is not looked at");
    let next = store.append(keyed("large", book(&stream, &["d"]))).await.unwrap();
    assert!(!next.duplicate, "its key is not taken");
    assert_eq!(texts(&whole(&store, &stream).await.records), ["a", "d"]);
}

/// Loads in page after page, from a task of its own: what is long must not hold up what is short.
async fn beside(store: &Arc<dyn Store>) {
    let stream = stream();
    for n in 0..10 {
        let append = store.append(expecting(n, book(&stream, &["short"])));
        tokio::time::timeout(Duration::from_secs(10), append).await.unwrap().unwrap();
    }
}

pub(super) async fn large_streams_of_a_hundred_thousand_records(backend: impl Backend) {
    const LENGTH: u32 = 100_000;
    let store = backend.open().await.store;
    let stream = stream();
    for from in (0..LENGTH).step_by(10_000) {
        store.append(numbered(&stream, from, from + 10_000)).await.unwrap();
    }
    let (all, ()) = tokio::join!(whole(&store, &stream), beside(&store));
    assert_eq!((all.records.len(), all.next_sequence), (LENGTH as usize, LENGTH));
    assert!(all.records.iter().zip(0..).all(|(record, n)| record.sequence == n));
    assert!(all.records.iter().zip(0..).all(|(record, n): (_, u32)| record.payload.value == n.to_string().as_bytes()));

    let middle = store.load(Load { from: LENGTH / 2, ..Load::of(stream.clone()) }).await.unwrap();
    assert!(middle.records == all.records[LENGTH as usize / 2..]);
    assert_eq!((middle.snapshot, middle.next_sequence), (None, LENGTH));

    let kept = snapshot(LENGTH - 11, "f", "folded");
    store.save_snapshot(stream.clone(), kept.clone()).await.unwrap();
    let load = Load { fingerprint: Some(b"f".to_vec()), ..Load::of(stream.clone()) };
    let folded = store.load(load).await.unwrap();
    assert_eq!((folded.snapshot, folded.next_sequence), (Some(kept), LENGTH));
    assert_eq!(folded.records, all.records[LENGTH as usize - 10..]);
    let next = store.append(numbered(&stream, LENGTH, LENGTH + 1)).await.unwrap();
    assert_eq!(sequences(&next.records), [LENGTH]);
}
