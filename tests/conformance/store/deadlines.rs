//! Deadlines, kept with the book that sets them.

use std::sync::Arc;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{Deadline, Due, NewBook, NewRecord, RecordKind, Store, StreamId};
use uuid::Uuid;

use super::{book, expecting, keyed, record, stream, whole};
use crate::backend::Backend;

const END: Timestamp = Timestamp { seconds: i64::MAX, nanos: 999_999_999 };

fn at(seconds: i64) -> Timestamp {
    Timestamp { seconds, nanos: 0 }
}

fn due(name: &str, at: Timestamp) -> NewRecord {
    NewRecord { kind: RecordKind::Deadline, due: Some(Due { name: name.into(), at }), ..record(name) }
}

/// A book that sets deadlines.
fn setting(stream: &StreamId, set: &[(&str, i64)]) -> NewBook {
    NewBook { records: set.iter().map(|(name, time)| due(name, at(*time))).collect(), ..book(stream, &[]) }
}

fn clearing(names: &[&str], book: NewBook) -> NewBook {
    NewBook { cleared: names.iter().map(|name| (*name).to_owned()).collect(), ..book }
}

async fn all(store: &Arc<dyn Store>) -> Vec<Deadline> {
    store.deadlines("things", END, usize::MAX).await.unwrap()
}

/// Names and seconds of what is pending.
async fn pending(store: &Arc<dyn Store>) -> Vec<(String, i64)> {
    all(store).await.into_iter().map(|deadline| (deadline.due.name, deadline.due.at.seconds)).collect()
}

fn owned(pending: &[(&str, i64)]) -> Vec<(String, i64)> {
    pending.iter().map(|(name, time)| ((*name).to_owned(), *time)).collect()
}

pub(super) async fn deadlines_are_set_with_their_book(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    assert_eq!(all(&opened.store).await, []);
    let mut new = setting(&stream, &[("pay", 50)]);
    new.records.insert(0, record("before"));
    new.records.push(record("after"));
    let records = opened.store.append(new).await.unwrap().records;
    let expected = Deadline { due: Due { name: "pay".into(), at: at(50) }, record: records[1].clone() };
    assert_eq!(all(&opened.store).await, std::slice::from_ref(&expected));
    assert_eq!(whole(&opened.store, &stream).await.records, records, "it is a record like any other");
    for (until, count) in [(49, 0), (50, 1), (51, 1)] {
        assert_eq!(opened.store.deadlines("things", at(until), 10).await.unwrap().len(), count, "until {until}");
    }
    let before = Timestamp { seconds: 49, nanos: 999_999_000 };
    assert_eq!(opened.store.deadlines("things", before, 10).await.unwrap(), []);
    let store = backend.reopen(opened).await.store;
    assert_eq!(all(&store).await, [expected]);
}

pub(super) async fn deadlines_that_are_set_again_are_moved(backend: impl Backend) {
    let opened = backend.open().await;
    let (one, other) = (stream(), stream());
    opened.store.append(setting(&one, &[("pay", 50), ("ship", 60)])).await.unwrap();
    opened.store.append(setting(&other, &[("pay", 55)])).await.unwrap();
    let moved = opened.store.append(setting(&one, &[("pay", 70)])).await.unwrap().records;
    let expected = owned(&[("pay", 55), ("ship", 60), ("pay", 70)]);
    assert_eq!(pending(&opened.store).await, expected, "another stream's deadline of that name stays");
    assert_eq!(all(&opened.store).await[2].record, moved[0], "the record is the one that moved it");
    // Twice in one book: the last one counts. To the front, too.
    opened.store.append(setting(&one, &[("pay", 90), ("pay", 10)])).await.unwrap();
    let store = backend.reopen(opened).await.store;
    assert_eq!(pending(&store).await, owned(&[("pay", 10), ("pay", 55), ("ship", 60)]));
}

pub(super) async fn deadlines_are_cleared(backend: impl Backend) {
    let opened = backend.open().await;
    let (one, other) = (stream(), stream());
    for stream in [&one, &other] {
        opened.store.append(setting(stream, &[("a", 1), ("b", 2), ("c", 3)])).await.unwrap();
    }
    opened.store.append(clearing(&["b", "unknown", "b"], book(&one, &["done"]))).await.unwrap();
    assert_eq!(pending(&opened.store).await, owned(&[("a", 1), ("a", 1), ("b", 2), ("c", 3), ("c", 3)]));
    // Without a record to store, with a key and without one.
    opened.store.append(clearing(&["a"], book(&one, &[]))).await.unwrap();
    let fired = clearing(&["c"], keyed("fired", book(&one, &[])));
    assert!(!opened.store.append(fired.clone()).await.unwrap().duplicate);
    assert_eq!(whole(&opened.store, &one).await.next_sequence, 4);
    opened.store.append(clearing(&["a"], book(&stream(), &[]))).await.unwrap();
    let store = backend.reopen(opened).await.store;
    assert_eq!(pending(&store).await, owned(&[("a", 1), ("b", 2), ("c", 3)]));
    assert!(all(&store).await.iter().all(|deadline| deadline.record.stream == other));
    assert!(store.append(fired).await.unwrap().duplicate);
}

pub(super) async fn deadlines_are_cleared_before_the_same_book_sets_them(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    store.append(setting(&stream, &[("a", 1), ("b", 2)])).await.unwrap();
    let again = clearing(&["a", "b", "c"], setting(&stream, &[("a", 5), ("c", 6)]));
    let records = store.append(again).await.unwrap().records;
    assert_eq!(pending(&store).await, owned(&[("a", 5), ("c", 6)]));
    assert_eq!(all(&store).await.into_iter().map(|deadline| deadline.record).collect::<Vec<_>>(), records);
}

pub(super) async fn deadlines_of_books_that_are_not_stored_change_nothing(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    let first = keyed("k", setting(&stream, &[("a", 1), ("b", 2)]));
    store.append(first.clone()).await.unwrap();
    let before = all(&store).await;
    let other = || clearing(&["a"], setting(&stream, &[("b", 7), ("c", 8)]));
    assert_eq!(store.append(expecting(9, other())).await.unwrap_err().code(), "SEQUENCE_CONFLICT");
    assert_eq!(all(&store).await, before, "a conflict");
    assert!(store.append(keyed("k", other())).await.unwrap().duplicate);
    assert_eq!(all(&store).await, before, "a duplicate");
    store.append(clearing(&["a", "b"], book(&stream, &["fired"]))).await.unwrap();
    assert!(store.append(first).await.unwrap().duplicate);
    assert_eq!(all(&store).await, [], "a duplicate brings none back");
    // What stands behind a book that was not stored is not tried.
    let books = vec![setting(&stream, &[("d", 1)]), expecting(0, book(&stream, &["x"])), setting(&stream, &[("e", 1)])];
    assert_eq!(store.append_in_order(books).await.len(), 2);
    assert_eq!(pending(&store).await, owned(&[("d", 1)]));
}

pub(super) async fn deadlines_come_in_the_order_of_their_times(backend: impl Backend) {
    let store = backend.open().await.store;
    let names = ["z", "m", "a", "k", "b", "y"];
    for (name, time) in names.into_iter().zip([30, 20, 30, 10, 20, 20]) {
        store.append(setting(&stream(), &[(name, time)])).await.unwrap();
    }
    // For those of one time, the order of the log.
    let expected = owned(&[("k", 10), ("m", 20), ("b", 20), ("y", 20), ("z", 30), ("a", 30)]);
    assert_eq!(pending(&store).await, expected);
    for limit in 0..7 {
        let found = store.deadlines("things", at(20), limit).await.unwrap();
        let names: Vec<_> = found.into_iter().map(|deadline| deadline.due.name).collect();
        assert_eq!(names, ["k", "m", "b", "y"][..limit.min(4)], "limit {limit}");
    }
    // One that is moved stands where it was moved from then on.
    let (early, late) = (stream(), stream());
    store.append(setting(&early, &[("early", 20)])).await.unwrap();
    store.append(setting(&late, &[("late", 20)])).await.unwrap();
    store.append(setting(&early, &[("early", 20)])).await.unwrap();
    let names: Vec<_> = pending(&store).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["k", "m", "b", "y", "late", "early", "z", "a"]);
}

pub(super) async fn deadlines_of_domains_do_not_mix(backend: impl Backend) {
    let opened = backend.open().await;
    let root = Uuid::new_v4();
    let domains = ["things", "thing", "Things", "Dinge/ä", ""];
    for (domain, time) in domains.into_iter().zip(1..) {
        opened.store.append(setting(&StreamId::new(domain, root), &[("a", time)])).await.unwrap();
    }
    opened.store.append(clearing(&["a"], book(&StreamId::new("thing", root), &["x"]))).await.unwrap();
    let store = backend.reopen(opened).await.store;
    for (domain, time) in domains.into_iter().zip(1..) {
        let found = store.deadlines(domain, END, 10).await.unwrap();
        let times: Vec<_> = found.iter().map(|deadline| deadline.due.at.seconds).collect();
        assert_eq!(times, if domain == "thing" { vec![] } else { vec![time] }, "{domain:?}");
        assert!(found.iter().all(|deadline| &*deadline.record.stream.domain == domain));
    }
    assert_eq!(store.deadlines("nothing", END, 10).await.unwrap(), []);
}

pub(super) async fn deadlines_of_all_times_and_names(backend: impl Backend) {
    let opened = backend.open().await;
    let stream = stream();
    // Some 290,000 years are kept to the microsecond; what lies beyond is cut to that.
    let times = [
        Timestamp { seconds: i64::MIN, nanos: 0 },
        at(-9_223_372_036_854),
        Timestamp { seconds: -1, nanos: 999_999_000 },
        at(0),
        Timestamp { seconds: 0, nanos: 1_000 },
        at(253_402_300_799),
        at(9_223_372_036_854),
        END,
    ];
    let names = ["", " ", "ä", "🦀", "'; --", "a/b", "A", "a"];
    let records = names.into_iter().zip(times).rev().map(|(name, time)| due(name, time)).collect();
    opened.store.append(NewBook { records, ..book(&stream, &[]) }).await.unwrap();
    let store = backend.reopen(opened).await.store;
    let found = all(&store).await;
    assert_eq!(found.iter().map(|deadline| &*deadline.due.name).collect::<Vec<_>>(), names, "in the order of time");
    for (deadline, time) in found.iter().zip(times).take(7).skip(1) {
        assert_eq!(deadline.due.at, time);
    }
    for (index, time) in times.into_iter().enumerate() {
        assert_eq!(store.deadlines("things", time, 100).await.unwrap().len(), index + 1, "until {time:?}");
    }
    store.append(clearing(&names, book(&stream, &["all done"]))).await.unwrap();
    assert_eq!(all(&store).await, []);
}
