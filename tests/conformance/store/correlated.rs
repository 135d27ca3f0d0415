//! Records by their conversation.

use std::sync::Arc;

use angzarr_runtime::store::{NewBook, Record, StreamId, Trace};
use uuid::Uuid;

use super::{book, stream, texts};
use crate::backend::Backend;

/// Ids that are near each other.
const TALKS: [&str; 9] = ["talk", "talk ", "Talk", "tal", "", "Gespräch", "Gespra\u{308}ch", "🦀", "t%"];

fn about(talk: &str, book: NewBook) -> NewBook {
    NewBook { trace: Trace { correlation_id: talk.into(), cause: None, traceparent: None }, ..book }
}

pub(super) async fn correlated_records_come_in_the_order_of_the_log(backend: impl Backend) {
    let opened = backend.open().await;
    let streams = [stream(), stream(), StreamId::new("others", Uuid::new_v4())];
    for n in 0..4 {
        for (index, talk) in TALKS.iter().enumerate() {
            let said = [format!("{talk} {n} a"), format!("{talk} {n} b")];
            let book = book(&streams[(n + index) % 3], &[&said[0], &said[1]]);
            opened.store.append(about(talk, book)).await.unwrap();
        }
    }
    let store = backend.reopen(opened).await.store;
    let all = store.read(0, usize::MAX).await.unwrap();
    for talk in TALKS {
        let own: Vec<Record> = all.iter().filter(|record| &*record.trace.correlation_id == talk).cloned().collect();
        assert_eq!(own.len(), 8);
        assert_eq!(store.read_correlated(talk, 0, 100).await.unwrap(), own, "{talk:?}");
        assert!(texts(&own).iter().all(|text| text.starts_with(talk)));
    }
    for unknown in ["nothing", "talk  ", "%", "TALK", "talk\u{301}"] {
        assert_eq!(store.read_correlated(unknown, 0, 100).await.unwrap(), [], "{unknown:?}");
    }
}

pub(super) async fn correlated_records_are_paged_from_any_position(backend: impl Backend) {
    let store = backend.open().await.store;
    let stream = stream();
    for n in 0..30 {
        let talk = if n % 3 == 0 { "one" } else { "other" };
        store.append(about(talk, book(&stream, &["a"]))).await.unwrap();
    }
    let all = store.read(0, usize::MAX).await.unwrap();
    let own: Vec<Record> = all.iter().filter(|record| &*record.trace.correlation_id == "one").cloned().collect();
    assert_eq!(own.len(), 10);
    // From records of others, too.
    for after in all.iter().map(|record| record.position).chain([0, u64::MAX]) {
        let rest: Vec<_> = own.iter().filter(|record| record.position > after).cloned().collect();
        for limit in [0, 1, 4, usize::MAX] {
            let page = store.read_correlated("one", after, limit).await.unwrap();
            assert_eq!(page, rest[..limit.min(rest.len())], "after {after}, limit {limit}");
        }
    }
}

/// A conversation that goes on is seen whole, and what joins it later comes behind.
pub(super) async fn correlated_records_grow_at_the_end(backend: impl Backend) {
    let store = backend.open().await.store;
    let writers = (0..6).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for n in 0..15 {
                let talk = if n % 2 == 0 { "one" } else { "other" };
                store.append(about(talk, book(&stream(), &[&format!("{writer} {n}")]))).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut seen: Vec<Record> = Vec::new();
    while seen.len() < 48 {
        let last = seen.last().map_or(0, |record| record.position);
        seen.extend(store.read_correlated("one", last, 5).await.unwrap());
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(seen, store.read_correlated("one", 0, usize::MAX).await.unwrap());
}
