//! Events of earlier releases.

use std::time::SystemTime;

use angzarr_runtime::Payload;
use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{NewBook, NewRecord, RecordKind, Storage, StreamId, Trace};
use angzarr_tests::tck::v1::{Closed, Opened, OpenedV2, OpenedV3, Version, Versions, WriteVersions};

use crate::calls::{book, told};
use crate::place::Place;
use crate::reading::names;

/// Stores events as a release of before did: the sidecar is not there meanwhile.
async fn stored(place: &mut Place, key: &str, events: Vec<Payload>) {
    place.kill_sidecar();
    let opened = Storage::Sqlite(place.database()).open().await.unwrap();
    let record = |payload| NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None };
    let book = NewBook {
        stream: StreamId::new("versions", root_id("versions", key).unwrap()),
        key: key.into(),
        expected: Some(0),
        idempotency_key: None,
        records: events.into_iter().map(record).collect(),
        cleared: Vec::new(),
        created_at: SystemTime::now().into(),
        trace: Trace { correlation_id: "before".into(), cause: None },
    };
    opened.store.append(book).await.unwrap();
    opened.store.close().await.unwrap();
    place.start_sidecar().await;
}

fn named(name: &str, event: &impl Message) -> Payload {
    Payload { type_name: name.into(), value: event.encode_to_vec().into() }
}

/// The state, after today's event was stored behind those of before.
async fn folded(place: &Place, key: &str) -> Vec<Version> {
    let today = Closed { why: "today".into() };
    place.done(&WriteVersions { version: key.into(), emit: vec![today.clone().into()] }).await;
    let mut folded = place.state::<Versions>("versions", key).await.folded;
    assert_eq!(folded.pop(), Some(today.into()));
    folded
}

fn opened(name: &str, amount: u64, currency: &str) -> Version {
    OpenedV3 { name: name.into(), amount, currency: currency.into(), rank: None }.into()
}

pub(super) async fn an_old_event_becomes_todays(place: &mut Place) {
    let first = Opened { name: "a".into(), sum: u64::MAX };
    let second = OpenedV2 { name: "b".into(), amount: 2, currency: "USD".into() };
    let events = vec![Payload::event(&first), Payload::event(&second)];
    stored(place, "old", events).await;
    assert_eq!(names(&place.stream("versions", "old").await), ["OpenedV3", "OpenedV3"]);
    assert_eq!(folded(place, "old").await, [opened("a", u64::MAX, "EUR"), opened("b", 2, "USD")]);
}

pub(super) async fn an_event_is_read_under_its_old_name(place: &mut Place) {
    let shut = Closed { why: "before".into() };
    stored(place, "renamed", vec![named("tck.v0.Shut", &shut)]).await;
    assert_eq!(names(&place.stream("versions", "renamed").await), ["Closed"]);
    assert_eq!(folded(place, "renamed").await, [shut.into()]);
}

pub(super) async fn an_event_that_nobody_knows_is_an_error(place: &mut Place) {
    let newer = named("tck.v9.Newer", &Closed::default());
    stored(place, "newer", vec![newer]).await;
    let status = place.send(book(&WriteVersions { version: "newer".into(), emit: vec![] })).await.unwrap_err();
    assert_eq!(told(&status).1, "TYPE_UNKNOWN");
    // Other roots go on.
    assert_eq!(folded(place, "other").await, []);
}
