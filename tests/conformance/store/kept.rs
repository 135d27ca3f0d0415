//! Law 3, and what is kept beside the streams.

use std::sync::Arc;

use angzarr_runtime::Payload;
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{
    Attempt, Cause, Due, EventRef, Load, NewBook, NewDeadLetter, NewParked, NewRecord, RecordKind, Snapshot,
    StoreError, Trace,
};
use angzarr_runtime::telemetry::Traceparent;
use uuid::Uuid;

use super::{book, keyed, lease, record, stream, whole};
use crate::backend::Backend;

pub(super) async fn checkpoints_are_kept(backend: impl Backend) {
    let opened = backend.open().await;
    assert_eq!(opened.store.checkpoint("a.Consumer").await.unwrap(), 0);
    let consumer = lease(&opened.store, "a.Consumer").await;
    let counter = lease(&opened.store, "ein/Zähler").await;
    for position in [5, 7, 3, u64::from(u32::MAX) * 9] {
        opened.store.save_checkpoint(&consumer, position).await.unwrap();
        assert_eq!(opened.store.checkpoint("a.Consumer").await.unwrap(), position);
    }
    opened.store.save_checkpoint(&counter, 1).await.unwrap();
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.checkpoint("a.Consumer").await.unwrap(), u64::from(u32::MAX) * 9);
    assert_eq!(store.checkpoint("ein/Zähler").await.unwrap(), 1);
    assert_eq!(store.checkpoint("another").await.unwrap(), 0);
}

pub(super) async fn the_log_keeps_its_id(backend: impl Backend) {
    let opened = backend.open().await;
    let id = opened.store.log_id();
    assert!(!id.is_nil());
    opened.store.append(book(&stream(), &["a"])).await.unwrap();
    assert_eq!(backend.reopen(opened).await.store.log_id(), id);
}

pub(super) async fn reopened_log_holds_what_was_acknowledged(backend: impl Backend) {
    let opened = backend.open().await;
    let cause = Cause {
        domain: "wörter".into(),
        root: Uuid::new_v4(),
        sequence: u32::MAX,
        part: 3,
        component: "a.v1.app.Näher".into(),
        depth: u32::MAX,
    };
    let kinds = [
        RecordKind::Event,
        RecordKind::Fact,
        RecordKind::Compensation,
        RecordKind::Commands,
        RecordKind::Deadline,
        RecordKind::Refusal,
    ];
    let values = [Vec::new(), vec![0xab; 1 << 20], b"\0\xff".to_vec(), b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
    let before_1970 = Timestamp { seconds: -86_400, nanos: 123_456_000 };
    let records = kinds.into_iter().zip(values).enumerate().map(|(index, (kind, value))| NewRecord {
        kind,
        payload: Payload { type_name: "test.v1.Geschäft".into(), value: value.into() },
        due: None,
        occurred_at: (index % 2 == 0).then_some(before_1970),
    });
    let traceparent = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert!(traceparent.is_some());
    let full = NewBook {
        stream: stream(),
        key: "日本/\\'\"; DROP TABLE records; --".into(),
        idempotency_key: Some("ключ".into()),
        records: records.collect(),
        cleared: Vec::new(),
        created_at: Timestamp { seconds: 1_700_000_000, nanos: 999_999_000 },
        trace: Trace { correlation_id: "Gespräch 🦀".into(), cause: Some(Arc::new(cause)), traceparent },
        expected: Some(0),
    };
    let plain = book(&stream(), &["a"]);
    let mut told = opened.store.append(full.clone()).await.unwrap().records;
    told.extend(opened.store.append(plain.clone()).await.unwrap().records);
    for (record, new) in told.iter().zip(full.records.iter().chain(&plain.records)) {
        assert_eq!((record.kind, &record.payload, record.occurred_at), (new.kind, &new.payload, new.occurred_at));
        assert_eq!((record.part, record.parts), (0, 0));
    }
    for record in &told[..kinds.len()] {
        assert_eq!((&record.stream, &record.key), (&full.stream, &full.key));
        assert_eq!((record.created_at, &record.trace), (full.created_at, &full.trace));
    }
    assert_eq!(told[kinds.len()].trace, plain.trace);

    let store = backend.reopen(opened).await.store;
    assert_eq!(store.read(0, 100).await.unwrap(), told);
    assert_eq!(whole(&store, &full.stream).await.records, told[..kinds.len()]);
    assert_eq!(store.append(full).await.unwrap().records, told[..kinds.len()]);
    assert_eq!(store.head().await.unwrap(), told[kinds.len()].position);
}

/// Nothing that a client or an event may say is cut short or refused: PostgreSQL has no character 0, SQLite's functions
/// stop there.
pub(super) async fn texts_with_the_character_zero_are_kept(backend: impl Backend) {
    let opened = backend.open().await;
    let (one, other) = (stream(), stream());
    let said = |text: &str, book: NewBook| NewBook {
        key: format!("{text}key").into(),
        trace: Trace { correlation_id: text.into(), cause: None, traceparent: None },
        ..keyed(text, book)
    };
    let texts = ["\0", "\0\0", "a\0b", "a\0c", "a", "a\0", "\u{1}", "\u{1}0", "\\0"];
    let mut told = Vec::new();
    for text in texts {
        let mut book = said(text, book(&one, &["a"]));
        book.records[0].due = Some(Due { name: text.into(), at: Timestamp::default() });
        let appended = opened.store.append(book).await.unwrap();
        assert!(!appended.duplicate, "{text:?}");
        told.extend(appended.records);
    }
    told.extend(opened.store.append(said("x\0", book(&other, &["a"]))).await.unwrap().records);
    let held = lease(&opened.store, "a\0Consumer").await;
    let event = EventRef { position: told[0].position, part: 0 };
    let parked = texts.map(|lane| NewParked { lane: lane.into(), event });
    opened.store.park(&held, parked.to_vec()).await.unwrap();
    let attempt = Attempt { at: Timestamp::default(), code: "C\0".into(), reason: "because\0of\0".into() };
    let letter = NewDeadLetter { event, lane: "a\0".into(), attempts: vec![attempt] };
    opened.store.save_dead_letter(&held, letter.clone()).await.unwrap();

    let store = backend.reopen(opened).await.store;
    assert_eq!(store.read(0, 100).await.unwrap(), told);
    assert_eq!(&*told.last().unwrap().key, "x\0key");
    for (text, record) in texts.iter().zip(&told) {
        let own = store.read_correlated(text, 0, 10).await.unwrap();
        assert_eq!(own, std::slice::from_ref(record), "{text:?}");
        assert!(store.append(keyed(text, book(&one, &["again"]))).await.unwrap().duplicate);
        assert_eq!(store.parked("a\0Consumer", text, 10).await.unwrap().len(), 1, "{text:?}");
    }
    let mut sorted = texts.to_vec();
    sorted.sort_unstable();
    let lanes: Vec<_> = store.parks("a\0Consumer").await.unwrap().into_iter().map(|park| park.lane).collect();
    assert_eq!(lanes, sorted);
    let due = store.deadlines("things", Timestamp::default(), 100).await.unwrap();
    assert_eq!(due.iter().map(|deadline| &*deadline.due.name).collect::<Vec<_>>(), texts);
    let letters = store.dead_letters("a\0Consumer", None, 10).await.unwrap();
    assert_eq!((&letters[0].attempts, &letters[0].lane), (&letter.attempts, &letter.lane));
}

pub(super) async fn a_dropped_append_is_whole_or_not_there(backend: impl Backend) {
    let opened = backend.open().await;
    let streams: Vec<_> = (0..50).map(|_| stream()).collect();
    for (index, stream) in streams.iter().enumerate() {
        let append = opened.store.append(keyed("k", book(stream, &["a", "b", "c"])));
        // Polled once, or for a little while, then dropped.
        let wait = std::time::Duration::from_micros(if index % 2 == 0 { 0 } else { 20 * index as u64 });
        let _ = tokio::time::timeout(wait, append).await;
    }
    let store = backend.reopen(opened).await.store;
    for stream in &streams {
        let there = whole(&store, stream).await.records.len();
        assert!(there == 0 || there == 3, "{there} of 3");
        let again = store.append(keyed("k", book(stream, &["a", "b", "c"]))).await.unwrap();
        assert_eq!((again.duplicate, again.records.len()), (there == 3, 3), "the key is there if the records are");
        assert_eq!(whole(&store, stream).await.next_sequence, 3);
    }
}

pub(super) async fn a_closed_store_refuses_everything(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let state = record("state").payload;
    store.append(book(&stream, &["a"])).await.unwrap();
    let lease = lease(&store, "c").await;
    store.close().await.unwrap();
    let load = Load::of(stream.clone());
    let snapshot = Snapshot { sequence: 0, fingerprint: Vec::new(), state };
    assert_eq!(store.append(book(&stream, &["b"])).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.load(load).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.read(0, 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.head().await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.save_snapshot(stream, snapshot).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.checkpoint("c").await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.save_checkpoint(&lease, 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(store.close().await, Ok(()), "closing again is fine");
}
