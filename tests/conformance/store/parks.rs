//! Parks and dead letters.

use std::sync::Arc;

use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::store::{Attempt, DeadLetter, EventRef, NewDeadLetter, NewParked, Park, Parked, Record, Store};

use super::{book, lease, regain, remove_dead_letter, stream, unpark};
use crate::backend::Backend;

const CONSUMER: &str = "a.v1.app.Consumer";
const OTHER: &str = "a.v1.app.Consumer2";

/// Ten records of two streams.
async fn records(store: &Arc<dyn Store>) -> Vec<Record> {
    let mut records = Vec::new();
    for stream in [stream(), stream()] {
        records.extend(store.append(book(&stream, &["a", "b", "c", "d", "é"])).await.unwrap().records);
    }
    records
}

fn event(record: &Record, part: u32) -> EventRef {
    EventRef { position: record.position, part }
}

fn new(lane: &str, event: EventRef) -> NewParked {
    NewParked { lane: lane.into(), event }
}

fn park(lane: &str, events: u64, first: EventRef) -> Park {
    Park { lane: lane.into(), events, first }
}

async fn events(store: &Arc<dyn Store>, lane: &str) -> Vec<EventRef> {
    store.parked(CONSUMER, lane, usize::MAX).await.unwrap().into_iter().map(|parked| parked.event).collect()
}

pub(super) async fn parks_keep_the_order_of_the_log(backend: impl Backend) {
    let opened = backend.open().await;
    let records = records(&opened.store).await;
    let held = lease(&opened.store, CONSUMER).await;
    let at = |index: usize| event(&records[index], 0);
    assert_eq!(opened.store.parks(CONSUMER).await.unwrap(), []);
    // Not in order, twice in one call, and some that are there already.
    for batch in [[7, 2, 5, 2], [2, 9, 1, 7]] {
        let batch = batch.map(|index| new("b", at(index))).to_vec();
        opened.store.park(&held, batch).await.unwrap();
    }
    opened.store.park(&held, vec![new("a", at(3)), new("c", at(0)), new("d", at(3))]).await.unwrap();
    let parks = [park("c", 1, at(0)), park("b", 5, at(1)), park("a", 1, at(3)), park("d", 1, at(3))];
    let inside: Vec<Parked> =
        [1, 2, 5, 7, 9].map(|index| Parked { event: at(index), record: records[index].clone() }).to_vec();
    assert_eq!(opened.store.parks(CONSUMER).await.unwrap(), parks);

    let store = backend.reopen(opened).await.store;
    assert_eq!(store.parks(CONSUMER).await.unwrap(), parks, "by their first events");
    for limit in [0, 1, 3, 5, 100] {
        let found = store.parked(CONSUMER, "b", limit).await.unwrap();
        assert_eq!(found, inside[..limit.min(5)], "records come as they are stored");
    }
    assert_eq!(store.parked(CONSUMER, "nothing", 10).await.unwrap(), []);
    let behind = store.parked_behind(CONSUMER, records[2].position).await.unwrap();
    assert_eq!(behind, [3, 3, 5, 7, 9].map(at), "whatever their lanes");
    assert_eq!(store.parked_behind(CONSUMER, records[9].position).await.unwrap(), []);
    assert_eq!(store.parked_behind(OTHER, 0).await.unwrap(), []);
}

pub(super) async fn parks_know_the_parts_of_an_event(backend: impl Backend) {
    let store = backend.open().await.store;
    let records = records(&store).await;
    let held = lease(&store, CONSUMER).await;
    let (one, two) = (&records[4], &records[5]);
    let all = [event(one, 0), event(one, 1), event(one, 7), event(one, u32::MAX), event(two, 0), event(two, 3)];
    let shuffled = [3, 5, 0, 2, 4, 1].map(|index| new("lane", all[index])).to_vec();
    store.park(&held, shuffled).await.unwrap();
    store.park(&held, vec![new("other", event(one, 1))]).await.unwrap();
    assert_eq!(events(&store, "lane").await, all);
    assert_eq!(store.parks(CONSUMER).await.unwrap(), [park("lane", 6, all[0]), park("other", 1, all[1])]);
    unpark(&store, &held, new("lane", all[0])).await.unwrap();
    unpark(&store, &held, new("lane", all[2])).await.unwrap();
    assert_eq!(events(&store, "lane").await, [all[1], all[3], all[4], all[5]]);
    let first = store.parked(CONSUMER, "lane", 1).await.unwrap().remove(0);
    assert_eq!((first.event, &first.record), (all[1], one), "the record is not split");
    assert_eq!(store.parks(CONSUMER).await.unwrap(), [park("lane", 4, all[1]), park("other", 1, all[1])]);
}

pub(super) async fn parks_without_events_are_none(backend: impl Backend) {
    let opened = backend.open().await;
    let records = records(&opened.store).await;
    let (held, other) = (lease(&opened.store, CONSUMER).await, lease(&opened.store, OTHER).await);
    let [one, two] = [0, 1].map(|index| event(&records[index], 0));
    opened.store.park(&other, vec![new("a", one)]).await.unwrap();
    opened.store.park(&held, vec![new("a", one), new("a", two), new("b", two)]).await.unwrap();
    // What is not there is no error: another lane, another event, another part.
    for absent in [new("c", one), new("b", one), new("a", EventRef { part: 1, ..one })] {
        unpark(&opened.store, &held, absent).await.unwrap();
    }
    assert_eq!(opened.store.parks(CONSUMER).await.unwrap(), [park("a", 2, one), park("b", 1, two)]);
    for event in [one, two, one] {
        unpark(&opened.store, &held, new("a", event)).await.unwrap();
    }
    assert_eq!(opened.store.parks(CONSUMER).await.unwrap(), [park("b", 1, two)]);
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.parks(CONSUMER).await.unwrap(), [park("b", 1, two)]);
    assert_eq!(store.parks(OTHER).await.unwrap(), [park("a", 1, one)], "another consumer's parks are others");
    assert_eq!(store.parked(CONSUMER, "a", 10).await.unwrap(), []);
    assert_eq!(store.parks("unknown").await.unwrap(), []);
}

pub(super) async fn parks_of_all_kinds_of_lanes(backend: impl Backend) {
    let opened = backend.open().await;
    let records = records(&opened.store).await;
    let held = lease(&opened.store, CONSUMER).await;
    let at = event(&records[0], 0);
    // One event in many lanes: they are ordered by their text, byte by byte.
    let long = "x".repeat(2000);
    let mut lanes =
        vec!["", " ", "a", "A", "a ", "a/b", r"a\/b", "%", "_", "'", "\n", "é", "e\u{301}", "日本", "🦀", &long];
    let batch = lanes.iter().map(|lane| new(lane, at)).collect();
    opened.store.park(&held, batch).await.unwrap();
    lanes.sort_unstable();
    let store = backend.reopen(opened).await.store;
    let found: Vec<_> = store.parks(CONSUMER).await.unwrap().into_iter().map(|park| park.lane).collect();
    assert_eq!(found, lanes);
    for lane in lanes {
        assert_eq!(events(&store, lane).await, [at], "{lane:?}");
    }
}

fn attempts(reasons: &[&str]) -> Vec<Attempt> {
    let attempt = |(index, reason): (usize, &&str)| Attempt {
        // Backwards: they stay in the order in which they are told.
        at: Timestamp { seconds: 1_700_000_000 - i64::try_from(index).unwrap(), nanos: 7_000 },
        code: format!("CODE_{index}"),
        reason: (*reason).to_owned(),
    };
    reasons.iter().enumerate().map(attempt).collect()
}

fn letter(event: EventRef, lane: &str, reasons: &[&str]) -> NewDeadLetter {
    NewDeadLetter { event, lane: lane.into(), attempts: attempts(reasons) }
}

fn kept(letter: &NewDeadLetter, record: &Record) -> DeadLetter {
    let NewDeadLetter { event, lane, attempts } = letter.clone();
    DeadLetter { event, lane, attempts, record: record.clone() }
}

pub(super) async fn dead_letters_are_kept_as_told(backend: impl Backend) {
    let opened = backend.open().await;
    let records = records(&opened.store).await;
    let (held, other) = (lease(&opened.store, CONSUMER).await, lease(&opened.store, OTHER).await);
    let first = letter(event(&records[2], 0), "Straße/🦀", &["it fails", "", "\"'; DROP", "it fails"]);
    let second = letter(event(&records[7], 0), "", &[]);
    for letter in [&second, &first] {
        opened.store.save_dead_letter(&held, letter.clone()).await.unwrap();
    }
    let theirs = letter(event(&records[2], 0), "theirs", &["another reason"]);
    opened.store.save_dead_letter(&other, theirs.clone()).await.unwrap();
    let expected = [kept(&first, &records[2]), kept(&second, &records[7])];
    assert_eq!(opened.store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected);
    assert_eq!(opened.store.parks(CONSUMER).await.unwrap(), [], "a dead letter is no park");
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected);
    assert_eq!(store.dead_letters(OTHER, None, 10).await.unwrap(), [kept(&theirs, &records[2])]);
    assert_eq!(store.dead_letters("unknown", None, 10).await.unwrap(), []);
}

pub(super) async fn dead_letters_are_replaced_and_removed(backend: impl Backend) {
    let opened = backend.open().await;
    let records = records(&opened.store).await;
    let held = lease(&opened.store, CONSUMER).await;
    let [one, two] = [event(&records[0], 0), event(&records[0], 1)];
    let store = &opened.store;
    store.save_dead_letter(&held, letter(one, "lane", &["a", "b", "c"])).await.unwrap();
    store.save_dead_letter(&held, letter(two, "lane", &["d"])).await.unwrap();
    // Fewer attempts than before: none of the old ones stays.
    let (newer, beside) = (letter(one, "another lane", &["e", "f"]), letter(two, "lane", &["d"]));
    store.save_dead_letter(&held, newer.clone()).await.unwrap();
    let expected = [kept(&newer, &records[0]), kept(&beside, &records[0])];
    assert_eq!(store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected);
    for absent in [EventRef { part: 2, ..one }, EventRef { position: one.position + 1, part: 0 }] {
        remove_dead_letter(store, &held, absent).await.unwrap();
    }
    remove_dead_letter(store, &held, two).await.unwrap();
    remove_dead_letter(store, &held, two).await.unwrap();
    assert_eq!(store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected[..1]);
    let store = backend.reopen(opened).await.store;
    assert_eq!(store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected[..1]);
    // A letter that comes again starts anew.
    let held = regain(&store, CONSUMER).await;
    store.save_dead_letter(&held, beside).await.unwrap();
    assert_eq!(store.dead_letters(CONSUMER, None, 10).await.unwrap(), expected);
}

pub(super) async fn dead_letters_come_in_pages(backend: impl Backend) {
    let store = backend.open().await.store;
    let records = records(&store).await;
    let held = lease(&store, CONSUMER).await;
    let events: Vec<_> = records.iter().flat_map(|record| [0, 1, u32::MAX].map(|part| event(record, part))).collect();
    for event in events.iter().rev() {
        store.save_dead_letter(&held, letter(*event, "lane", &["a"])).await.unwrap();
    }
    for limit in [1, 4, 7, 100] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = store.dead_letters(CONSUMER, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.event);
            seen.extend(page.into_iter().map(|letter| letter.event));
        }
        assert_eq!(seen, events, "limit {limit}");
    }
    // From events that have no letter, too.
    let between = EventRef { position: records[3].position, part: 2 };
    let page = store.dead_letters(CONSUMER, Some(between), 2).await.unwrap();
    assert_eq!(page.iter().map(|letter| letter.event).collect::<Vec<_>>(), events[11..13]);
    for (after, count) in [(EventRef { position: 0, part: 0 }, 30), (EventRef { position: u64::MAX, part: 0 }, 0)] {
        assert_eq!(store.dead_letters(CONSUMER, Some(after), 100).await.unwrap().len(), count);
    }
    assert_eq!(store.dead_letters(CONSUMER, None, 0).await.unwrap(), []);
}
