//! Law 6: snapshots are a cache.

use std::sync::Arc;

use angzarr_runtime::Payload;
use angzarr_runtime::store::{Load, Loaded, Snapshot, Store, StreamId};

use super::{book, stream, texts};
use crate::backend::Backend;

pub(super) fn snapshot(sequence: u32, fingerprint: &str, state: &str) -> Snapshot {
    let state = Payload { type_name: "test.State".into(), value: state.as_bytes().to_vec().into() };
    Snapshot { sequence, fingerprint: fingerprint.as_bytes().to_vec(), state }
}

async fn load(store: &Arc<dyn Store>, stream: &StreamId, fingerprint: &str) -> Loaded {
    let fingerprint = Some(fingerprint.as_bytes().to_vec());
    store.load(Load { fingerprint, ..Load::of(stream.clone()) }).await.unwrap()
}

pub(super) async fn snapshots_shorten_the_load(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    opened.store.append(book(&stream, &["a", "b", "c"])).await.unwrap();
    let kept = snapshot(1, "f", "ab");
    opened.store.save_snapshot(stream.clone(), kept.clone()).await.unwrap();
    let store = backend.reopen(opened).await.store;
    let loaded = load(&store, &stream, "f").await;
    assert_eq!(loaded.snapshot, Some(kept));
    assert_eq!(texts(&loaded.records), ["c"]);
    assert_eq!(loaded.next_sequence, 3);

    store.save_snapshot(stream.clone(), snapshot(2, "f", "abc")).await.unwrap();
    let loaded = load(&store, &stream, "f").await;
    assert!(loaded.records.is_empty(), "the snapshot covers everything");
    assert_eq!(loaded.next_sequence, 3);
}

pub(super) async fn snapshots_of_another_fingerprint_are_ignored(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    store.append(book(&stream, &["a", "b"])).await.unwrap();
    store.save_snapshot(stream.clone(), snapshot(0, "f", "a")).await.unwrap();
    let loaded = load(&store, &stream, "g").await;
    assert_eq!(loaded.snapshot, None);
    assert_eq!(texts(&loaded.records), ["a", "b"]);
    assert_eq!(super::whole(&store, &stream).await.snapshot, None);
}

pub(super) async fn snapshots_ahead_of_the_stream_are_ignored(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    store.append(book(&stream, &["a", "b"])).await.unwrap();
    for ahead in [2, 100, u32::MAX] {
        store.save_snapshot(stream.clone(), snapshot(ahead, "f", "?")).await.unwrap();
        let loaded = load(&store, &stream, "f").await;
        assert_eq!(loaded.snapshot, None);
        assert_eq!(texts(&loaded.records), ["a", "b"]);
    }
}

pub(super) async fn snapshots_a_newer_one_replaces(backend: impl Backend) {
    let store = backend.open().await.store;
    let (stream, other) = (stream(), stream());
    for stream in [&stream, &other] {
        store.append(book(stream, &["a", "b", "c"])).await.unwrap();
    }
    store.save_snapshot(other.clone(), snapshot(0, "f", "other")).await.unwrap();
    store.save_snapshot(stream.clone(), snapshot(0, "f", "a")).await.unwrap();
    store.save_snapshot(stream.clone(), snapshot(1, "g", "ab")).await.unwrap();
    assert_eq!(load(&store, &stream, "f").await.snapshot, None);
    assert_eq!(load(&store, &stream, "g").await.snapshot, Some(snapshot(1, "g", "ab")));
    assert_eq!(load(&store, &other, "f").await.snapshot, Some(snapshot(0, "f", "other")));
}
