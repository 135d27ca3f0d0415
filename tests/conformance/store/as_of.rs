//! Loads as of a sequence and of a time, and clocks that jump.

use std::sync::Arc;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{AsOf, Load, Loaded, NewBook, Store, StreamId};

use super::snapshots::snapshot;
use super::{book, expecting, keyed, sequences, stream, texts, whole};
use crate::backend::Backend;

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn recorded(created_at: Timestamp, book: NewBook) -> NewBook {
    NewBook { created_at, ..book }
}

async fn load(store: &Arc<dyn Store>, stream: &StreamId, as_of: AsOf) -> Loaded {
    store.load(Load { as_of, ..Load::of(stream.clone()) }).await.unwrap()
}

/// Seven records: at 10 two, at 20, at 30 three, at 40.
async fn seven(store: &Arc<dyn Store>) -> StreamId {
    let stream = stream();
    for (time, said) in [(10, &["a", "b"][..]), (20, &["c"]), (30, &["d", "e", "f"]), (40, &["g"])] {
        store.append(recorded(at(time), book(&stream, said))).await.unwrap();
    }
    stream
}

pub(super) async fn as_of_a_sequence(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = seven(&opened.store).await;
    let store = backend.reopen(opened).await.store;
    let all = whole(&store, &stream).await.records;
    for (last, count) in [(0, 1), (1, 2), (3, 4), (6, 7), (7, 7), (1000, 7), (u32::MAX, 7)] {
        let then = load(&store, &stream, AsOf::Sequence(last)).await;
        assert_eq!(then.records, all[..count], "up to {last} and with it");
        assert_eq!(then.next_sequence as usize, count);
    }
    let unknown = load(&store, &super::stream(), AsOf::Sequence(3)).await;
    assert_eq!((unknown.records.len(), unknown.next_sequence), (0, 0));
}

pub(super) async fn as_of_a_time(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = seven(&opened.store).await;
    let store = backend.reopen(opened).await.store;
    let all = whole(&store, &stream).await.records;
    let just_before = |seconds: i64| Timestamp { seconds: seconds - 1, nanos: 999_999_000 };
    let just_after = |seconds| Timestamp { seconds, nanos: 1_000 };
    let times = [
        (at(i64::MIN), 0),
        (at(-1), 0),
        (just_before(10), 0),
        (at(10), 2),
        (just_after(10), 2),
        (at(20), 3),
        (just_before(30), 3),
        (at(30), 6),
        (at(35), 6),
        (at(40), 7),
        (at(i64::MAX), 7),
    ];
    for (time, count) in times {
        let then = load(&store, &stream, AsOf::Time(time)).await;
        assert_eq!(then.records, all[..count], "{time:?}");
        assert_eq!(then.next_sequence as usize, count);
    }
    let unknown = load(&store, &super::stream(), AsOf::Time(at(30))).await;
    assert_eq!((unknown.records.len(), unknown.next_sequence), (0, 0));
}

pub(super) async fn as_of_then_with_snapshots(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = seven(&store).await;
    let kept = snapshot(2, "f", "abc");
    store.save_snapshot(stream.clone(), kept.clone()).await.unwrap();
    let then = async |as_of, from| {
        let fingerprint = Some(b"f".to_vec());
        store.load(Load { as_of, from, fingerprint, ..Load::of(stream.clone()) }).await.unwrap()
    };
    // The snapshot has what was there up to the third record, at 20.
    let before =
        [(AsOf::Sequence(1), "ab"), (AsOf::Sequence(0), "a"), (AsOf::Time(at(19)), "ab"), (AsOf::Time(at(9)), "")];
    for (as_of, said) in before {
        let loaded = then(as_of, 0).await;
        assert_eq!((loaded.snapshot, texts(&loaded.records).concat()), (None, said.to_owned()), "{as_of:?}");
        assert_eq!(loaded.next_sequence as usize, said.len());
    }
    let after = [
        (AsOf::Sequence(2), "", 3),
        (AsOf::Time(at(20)), "", 3),
        (AsOf::Time(at(29)), "", 3),
        (AsOf::Sequence(4), "de", 5),
        (AsOf::Time(at(30)), "def", 6),
        (AsOf::Time(at(99)), "defg", 7),
        (AsOf::Now, "defg", 7),
    ];
    for (as_of, said, next) in after {
        let loaded = then(as_of, 0).await;
        assert_eq!(
            (loaded.snapshot.as_ref(), texts(&loaded.records).concat()),
            (Some(&kept), said.into()),
            "{as_of:?}"
        );
        assert_eq!(loaded.next_sequence, next);
    }
    // Those before `from` are left out as well; the rest is as it was then.
    for (as_of, from, said, next) in [
        (AsOf::Sequence(4), 4, "e", 5),
        (AsOf::Sequence(4), 5, "", 5),
        (AsOf::Sequence(4), u32::MAX, "", 5),
        (AsOf::Time(at(30)), 1, "def", 6),
        (AsOf::Sequence(1), 1, "b", 2),
        (AsOf::Now, 6, "g", 7),
    ] {
        let loaded = then(as_of, from).await;
        assert_eq!(
            (texts(&loaded.records).concat(), loaded.next_sequence),
            (said.to_owned(), next),
            "{as_of:?} {from}"
        );
    }
}

/// Times of a clock that jumps, also as far as it can.
const JUMPS: [Timestamp; 9] = [
    Timestamp { seconds: 1_700_000_000, nanos: 0 },
    Timestamp { seconds: 1_600_000_000, nanos: 0 },
    Timestamp { seconds: 1_600_000_000, nanos: 0 },
    Timestamp { seconds: 0, nanos: 0 },
    Timestamp { seconds: 9_223_372_036_854, nanos: 775_807_000 },
    Timestamp { seconds: -62_135_596_800, nanos: 1_000 },
    Timestamp { seconds: -9_223_372_036_854, nanos: 0 },
    Timestamp { seconds: 1_700_000_000, nanos: 999_999_000 },
    Timestamp { seconds: 253_402_300_799, nanos: 0 },
];

pub(super) async fn clocks_that_jump_change_no_order(backend: impl Backend) {
    let opened = backend.open().await;
    let (one, other) = (stream(), stream());
    let mut told = Vec::new();
    for (next, time) in (0..).zip(JUMPS) {
        let book = |stream, said: &str| recorded(time, expecting(next, keyed(said, book(stream, &[said]))));
        for stream in [&one, &other] {
            told.extend(opened.store.append(book(stream, &format!("{next}"))).await.unwrap().records);
        }
    }
    assert!(told.is_sorted_by(|a, b| a.position < b.position));
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.read(0, usize::MAX).await.unwrap(), told, "times are kept as they were given");
    assert_eq!(store.read_correlated("talk", 0, usize::MAX).await.unwrap(), told);
    let loaded = whole(&store, &one).await;
    assert_eq!(sequences(&loaded.records), (0..9).collect::<Vec<_>>());
    assert_eq!(loaded.records.iter().map(|record| record.created_at).collect::<Vec<_>>(), JUMPS);
    // A key counts whatever the time is.
    for (sequence, time) in [(0, at(i64::MIN)), (4, at(0)), (8, at(i64::MAX))] {
        let again = store.append(recorded(time, keyed(&sequence.to_string(), book(&one, &["again"])))).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.records, loaded.records[sequence..=sequence]);
    }
}

pub(super) async fn clocks_that_jump_leave_the_past_a_beginning(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    for time in JUMPS {
        store.append(recorded(time, book(&stream, &["a"]))).await.unwrap();
    }
    let all = whole(&store, &stream).await.records;
    let micros = |time: Timestamp| i128::from(time.seconds) * 1_000_000 + i128::from(time.nanos / 1_000);
    let around = |time: Timestamp| {
        let (before, after) = (time.seconds.checked_sub(1), time.seconds.checked_add(1));
        [before, Some(time.seconds), after].map(|seconds| seconds.map(|seconds| Timestamp { seconds, ..time }))
    };
    for time in JUMPS.into_iter().flat_map(around).flatten() {
        let count = JUMPS.iter().position(|jump| micros(*jump) > micros(time)).unwrap_or(JUMPS.len());
        let then = load(&store, &stream, AsOf::Time(time)).await;
        assert_eq!(then.records, all[..count], "up to the first that was recorded after {time:?}");
        assert_eq!(then.next_sequence as usize, count);
    }
}
