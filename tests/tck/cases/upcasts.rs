//! Events of earlier releases.

use std::time::SystemTime;

use angzarr_runtime::Payload;
use angzarr_runtime::id::root_id;
use angzarr_runtime::prost::Message;
use angzarr_runtime::store::{NewBook, NewRecord, RecordKind, Storage, StreamId, Trace};
use angzarr_tests::tck::v1::{
    Closed, Garbled, Labelled, Moved, Opened, OpenedV2, OpenedV3, Remarked, Version, VersionRow, Versions,
    WriteVersions,
};

use crate::calls::{book, told};
use crate::place::Place;
use crate::reading::names;

/// The table of the view.
const SHELF: &str = "tck_v1_app_version_shelf";

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
        trace: Trace { correlation_id: "before".into(), cause: None, traceparent: None },
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

fn closed(why: &str) -> Version {
    Closed { why: why.into() }.into()
}

/// The row of a version, once everything that is stored is in it.
async fn row(place: &Place, key: &str) -> (u32, Vec<String>) {
    place.drained().await;
    let row: VersionRow = place.row(SHELF, key).unwrap();
    (row.opened, row.closed)
}

pub(super) async fn a_hook_leads_to_one_event(place: &mut Place) {
    stored(place, "labelled", vec![Payload::event(&Labelled { label: "a".into() })]).await;
    // The hook leads to the second release, and its fields from there on.
    assert_eq!(names(&place.stream("versions", "labelled").await), ["OpenedV3"]);
    assert_eq!(folded(place, "labelled").await, [opened("a", 1, "old")]);
    assert_eq!(row(place, "labelled").await, (1, vec!["today".into()]));
}

pub(super) async fn a_hook_leads_to_many_events(place: &mut Place) {
    let moved = Moved { source: "here".into(), target: "there".into() };
    let remarked = Remarked { lines: vec!["a".into(), "b".into(), "c".into()] };
    stored(place, "moved", vec![Payload::event(&moved), Payload::event(&remarked)]).await;
    let stream = place.stream("versions", "moved").await;
    let parts: Vec<_> = stream.iter().map(|page| (page.sequence, page.part, page.parts)).collect();
    assert_eq!(parts, [(0, 0, 2), (0, 1, 2), (1, 0, 3), (1, 1, 3), (1, 2, 3)]);
    let became = [closed("here"), opened("there", 0, ""), closed("a"), closed("b"), closed("c")];
    assert_eq!(folded(place, "moved").await, became);
    let why = ["here", "a", "b", "c", "today"].map(String::from);
    assert_eq!(row(place, "moved").await, (1, why.into()));
}

pub(super) async fn a_hook_leads_to_no_event(place: &mut Place) {
    let events = vec![Payload::event(&Remarked::default()), Payload::event(&Closed { why: "behind".into() })];
    stored(place, "remarked", events).await;
    let stream = place.stream("versions", "remarked").await;
    assert_eq!(stream.iter().map(|page| page.sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(folded(place, "remarked").await, [closed("behind")]);
    assert_eq!(row(place, "remarked").await, (0, ["behind", "today"].map(String::from).into()));
}

pub(super) async fn a_hook_that_fails_spoils_its_event_only(place: &mut Place) {
    stored(place, "garbled", vec![Payload::event(&Garbled { text: "as it was told".into() })]).await;
    let status = place.send(book(&WriteVersions { version: "garbled".into(), emit: vec![] })).await.unwrap_err();
    let (status, code) = told(&status);
    assert_eq!(status, tonic::Code::Internal);
    assert!(["HANDLER_FAILED", "HANDLER_PANICKED"].contains(&code.as_str()), "{code}");
    let letter = place.dead_letter("tck.v1.app.VersionShelf", "garbled").await;
    assert!(letter.attempts.iter().any(|attempt| attempt.reason.contains("as it was told")), "{letter:?}");
    assert_eq!(folded(place, "beside").await, []);
    assert_eq!(row(place, "beside").await, (0, vec!["today".into()]));
}

pub(super) async fn an_event_that_nobody_knows_is_an_error(place: &mut Place) {
    let newer = named("tck.v9.Newer", &Closed::default());
    stored(place, "newer", vec![newer]).await;
    let status = place.send(book(&WriteVersions { version: "newer".into(), emit: vec![] })).await.unwrap_err();
    assert_eq!(told(&status).1, "TYPE_UNKNOWN");
    // Other roots go on.
    assert_eq!(folded(place, "other").await, []);
}
