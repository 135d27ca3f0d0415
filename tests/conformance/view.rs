//! The contract of `ViewStore`.

use std::sync::Arc;

use angzarr_runtime::Row;
use angzarr_runtime::prost::{self, Message};
use angzarr_runtime::store::{EventRef, StoreError};
use angzarr_runtime::view::{
    Change, Column, Entry, Key, NewRow, Owner, Selection, Served, Shape, Taken, Value, VersionState, ViewStore, Writer,
};
use bytes::Bytes;
use uuid::Uuid;

use crate::backend::Backend;

cases! {
    every:
        rows_and_checkpoint_are_kept_together,
        a_view_of_another_log_is_emptied,
        a_view_ahead_of_the_log_is_emptied,
        a_view_of_another_row_type_is_emptied,
        rows_are_deleted_and_replaced,
        rows_come_in_the_order_of_their_keys,
        rows_come_in_pages,
        rows_are_found_by_columns_of_all_kinds,
        rows_remember_their_last_event,
        deleted_rows_are_remembered_until_the_checkpoint_passes,
        views_do_not_share_rows,
        views_whose_names_are_alike_have_tables_of_their_own,
        the_checkpoint_of_a_view_can_be_looked_at,
        commits_under_an_older_token_are_refused,
        a_view_is_not_taken_under_an_older_token,
        the_token_of_a_view_is_kept,
        other_columns_are_built_beside_the_old_ones,
        a_building_version_makes_room_for_another,
        a_view_is_rebuilt_beside_itself,
        a_view_without_rows_changes_its_columns_at_once,
        closed_views_refuse_everything;
    persistent:
        rows_are_read_by_plain_sql,
        indexes_of_users_survive_a_rebuild,
        what_users_made_of_a_table_stops_no_commit,
        a_view_whose_table_was_dropped_is_built_anew;
}

const VIEW: &str = "a.v1.app.View";
const TABLE: &str = "a_v1_app_view";
const ROW: &str = "a.v1.Row";
const LOG: Uuid = Uuid::from_u128(7);

/// Rows without columns.
pub(crate) fn shape(row_type: &str) -> Shape {
    Shape { row_type: row_type.to_owned(), columns: Vec::new() }
}

/// A row without columns.
pub(crate) fn plain(row: &[u8]) -> NewRow {
    NewRow { bytes: Bytes::copy_from_slice(row), values: Vec::new(), rest: "{}".into() }
}

/// What the event at a position made of a row.
pub(crate) fn change(key: impl Into<Key>, position: u64, row: Option<NewRow>) -> Change {
    Change { key: key.into(), event: EventRef { position, part: 0 }, row }
}

fn set(rows: &[(&str, &str)]) -> Vec<Change> {
    rows.iter().map(|(key, row)| change(*key, 1, Some(plain(row.as_bytes())))).collect()
}

async fn take(views: &Arc<dyn ViewStore>, shape: &Shape, head: u64, token: u64) -> Result<Taken, StoreError> {
    views.take(VIEW, Owner { log: LOG, shape }, head, token).await
}

/// Takes the view with rows that have no columns.
async fn taken(views: &Arc<dyn ViewStore>, head: u64, token: u64) -> Taken {
    take(views, &shape(ROW), head, token).await.unwrap()
}

/// One version is fed.
fn fed(version: u32, checkpoint: u64, empty: bool) -> Taken {
    Taken { version, checkpoint, empty, served: None }
}

fn by(token: u64, version: u32) -> Writer {
    Writer { token, version }
}

async fn checkpoint(views: &Arc<dyn ViewStore>, row_type: &str, log: Uuid) -> u64 {
    views.checkpoint(VIEW, Owner { log, shape: &shape(row_type) }).await.unwrap()
}

fn lost<T>() -> Result<T, StoreError> {
    Err(StoreError::LeaseLost { consumer: VIEW.to_owned() })
}

/// Rows as text.
async fn rows(views: &Arc<dyn ViewStore>) -> Vec<(String, String)> {
    let text = |row: Bytes| String::from_utf8(row.to_vec()).unwrap();
    let rows = views.rows(VIEW, Selection::ALL).await.unwrap();
    rows.into_iter().map(|(key, row)| (key.to_string(), text(row))).collect()
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, row)| ((*key).to_owned(), (*row).to_owned())).collect()
}

async fn rows_and_checkpoint_are_kept_together(backend: impl Backend) {
    let opened = backend.open().await;
    assert_eq!(taken(&opened.views, 0, 1).await, fed(1, 0, true));
    opened.views.commit(VIEW, by(1, 1), set(&[("a", "1"), ("b", "")]), 9).await.unwrap();
    opened.views.commit(VIEW, by(1, 1), Vec::new(), 12).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(taken(&views, 12, 1).await, fed(1, 12, false));
    assert_eq!(rows(&views).await, owned(&[("a", "1"), ("b", "")]));
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap(), Some(Bytes::from_static(b"1")));
    assert_eq!(views.row(VIEW, &Key::from("b")).await.unwrap(), Some(Bytes::new()));
    assert_eq!(views.row(VIEW, &Key::from("c")).await.unwrap(), None);
}

/// Fills a view, takes it with something changed, and expects it to be empty, for good.
async fn emptied(backend: impl Backend, row_type: &str, log: Uuid, head: u64) {
    let opened = backend.open().await;
    let wanted = shape(row_type);
    let owner = Owner { log, shape: &wanted };
    taken(&opened.views, 0, 1).await;
    opened.views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 9).await.unwrap();
    assert_eq!(taken(&opened.views, 9, 1).await.checkpoint, 9, "as it was, it is kept");
    let new = opened.views.take(VIEW, owner, head, 1).await.unwrap();
    assert_eq!(new, fed(2, 0, true));
    assert_eq!(rows(&opened.views).await, []);
    assert_eq!(opened.views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 9).await, lost());
    opened.views.commit(VIEW, by(1, 2), set(&[("b", "2")]), 3).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(views.take(VIEW, owner, head, 1).await.unwrap().checkpoint, 3);
    assert_eq!(rows(&views).await, owned(&[("b", "2")]));
}

async fn a_view_of_another_log_is_emptied(backend: impl Backend) {
    emptied(backend, ROW, Uuid::from_u128(8), 9).await;
}

async fn a_view_ahead_of_the_log_is_emptied(backend: impl Backend) {
    emptied(backend, ROW, LOG, 8).await;
}

async fn a_view_of_another_row_type_is_emptied(backend: impl Backend) {
    emptied(backend, "a.v1.RowV2", LOG, 9).await;
}

async fn rows_are_deleted_and_replaced(backend: impl Backend) {
    let opened = backend.open().await;
    let views = &opened.views;
    taken(views, 0, 1).await;
    views.commit(VIEW, by(1, 1), set(&[("a", "1"), ("b", "1"), ("c", "1")]), 1).await.unwrap();
    let changes = vec![change("a", 2, None), change("b", 2, Some(plain(b"2"))), change("never there", 2, None)];
    views.commit(VIEW, by(1, 1), changes, 2).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(rows(&views).await, owned(&[("b", "2"), ("c", "1")]));
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap(), None);
}

/// Keys that databases could get wrong, in no order.
fn keys() -> Vec<Key> {
    let long = "x".repeat(5_000);
    let texts = ["b/a", r"b\", "", "ä", "日本", "🦀", "a", "B", "nul\0", "\u{1}", "nul\u{1}0", "it's", "\"%_?"];
    let texts = texts.into_iter().map(Key::from);
    let several = [Key::from(["b", "a"]), Key::from([r"\", "/"]), Key::from(["", ""])];
    texts.chain(several).chain(["", "a", "B"].map(|end| Key::from(format!("{long}{end}")))).collect()
}

async fn rows_come_in_the_order_of_their_keys(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 1).await;
    let keys = keys();
    let row = |key: &Key| Some(plain(key.to_string().as_bytes()));
    let changes = keys.iter().map(|key| change(key.clone(), 1, row(key))).collect();
    opened.views.commit(VIEW, by(1, 1), changes, 1).await.unwrap();
    let views = backend.reopen(opened).await.views;
    for key in &keys {
        assert_eq!(views.row(VIEW, key).await.unwrap(), Some(Bytes::from(key.to_string())), "{key}");
    }
    let mut sorted = keys.clone();
    sorted.sort_by_key(ToString::to_string);
    let found: Vec<_> = views.rows(VIEW, Selection::ALL).await.unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, sorted);
    // Each is replaced, none is there twice.
    let changes = keys.iter().map(|key| change(key.clone(), 2, row(key))).collect();
    views.commit(VIEW, by(1, 1), changes, 2).await.unwrap();
    assert_eq!(views.rows(VIEW, Selection::ALL).await.unwrap().len(), keys.len());
}

async fn rows_come_in_pages(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 1).await;
    let mut sorted = keys();
    let changes = sorted.iter().map(|key| change(key.clone(), 1, Some(plain(b"")))).collect();
    views.commit(VIEW, by(1, 1), changes, 1).await.unwrap();
    sorted.sort_by_key(ToString::to_string);
    let mut found: Vec<Key> = Vec::new();
    loop {
        let page = views.rows(VIEW, Selection { equals: None, after: found.last(), limit: 3 }).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert_eq!(page.len(), 3.min(sorted.len() - found.len()));
        found.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(found, sorted);
}

/// One of each kind.
#[derive(Clone, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct Wide {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(int64, tag = "2")]
    integer: i64,
    #[prost(uint64, tag = "3")]
    unsigned: u64,
    #[prost(double, tag = "4")]
    real: f64,
    #[prost(bool, tag = "5")]
    boolean: bool,
    #[prost(bytes = "vec", tag = "6")]
    bytes: Vec<u8>,
    #[prost(string, optional, tag = "7")]
    order: Option<String>,
    #[prost(enumeration = "Color", tag = "8")]
    color: i32,
    #[prost(string, repeated, tag = "9")]
    tags: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, prost::Enumeration)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[repr(i32)]
enum Color {
    None = 0,
    Red = 1,
}

impl Color {
    fn as_str_name(self) -> &'static str {
        match self {
            Color::None => "COLOR_NONE",
            Color::Red => "COLOR_RED",
        }
    }
}

fn wide() -> Shape {
    Shape { row_type: ROW.to_owned(), columns: Wide::COLUMNS.to_vec() }
}

/// Rows with the ends of all ranges, in the order of their keys.
fn extremes() -> Vec<(Key, Wide)> {
    let texts = ["", "nul\0", "\u{1}0", "日本🦀", "it's \"%\\", "\\x00", "NULL"];
    let integers = [i64::MIN, -1, 0, 1, i64::MAX, 1 << 53, (1 << 53) + 1];
    let unsigned = [0, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX, u64::MAX - 1, 10_u64.pow(19)];
    let reals = [0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE / 2.0, 0.1, f64::INFINITY, f64::NEG_INFINITY];
    let bytes = [&b""[..], b"\0", b"\xff\xfe", b"text", b"\\x00", b"\\", b"'"];
    let orders = [None, Some(""), Some("a"), Some("\0"), None, Some("NULL"), Some("NULL")];
    let row = |index: usize| Wide {
        text: texts[index].into(),
        integer: integers[index],
        unsigned: unsigned[index],
        real: reals[index],
        boolean: index.is_multiple_of(2),
        bytes: bytes[index].to_vec(),
        order: orders[index].map(Into::into),
        color: i32::try_from(index).unwrap(),
        tags: vec![texts[index].into()],
    };
    (0..texts.len()).map(|index| (Key::from(format!("{index}")), row(index))).collect()
}

async fn rows_are_found_by_columns_of_all_kinds(backend: impl Backend) {
    let opened = backend.open().await;
    assert_eq!(take(&opened.views, &wide(), 0, 1).await.unwrap().version, 1);
    let all = extremes();
    let changes = all.iter().map(|(key, row)| change(key.clone(), 1, Some(NewRow::of(row)))).collect();
    opened.views.commit(VIEW, by(1, 1), changes, 1).await.unwrap();
    let views = backend.reopen(opened).await.views;
    for (index, Column { name, .. }) in Wide::COLUMNS.iter().enumerate() {
        for (_, row) in &all {
            let value = &row.values()[index];
            let equals = Some((&**name, value));
            let found = views.rows(VIEW, Selection { equals, ..Selection::ALL }).await.unwrap();
            let expected: Vec<_> = all.iter().filter(|(_, other)| other.values()[index] == *value).collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(key, row)| (key.clone(), Bytes::from(row.encode_to_vec()))).collect();
            assert_eq!(found, expected, "{name} {value:?}");
        }
    }
    let yes = Value::from(true);
    let page = |after| Selection { equals: Some(("boolean", &yes)), after, limit: 2 };
    let keys = |rows: Vec<(Key, Bytes)>| rows.into_iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
    assert_eq!(keys(views.rows(VIEW, page(None)).await.unwrap()), ["0", "2"]);
    assert_eq!(keys(views.rows(VIEW, page(Some(&Key::from("2")))).await.unwrap()), ["4", "6"]);
    for (column, value) in [("no such", Value::from(1)), ("text", Value::from(1)), ("_key", Value::from("0"))] {
        let error = views.rows(VIEW, Selection { equals: Some((column, &value)), ..Selection::ALL }).await.unwrap_err();
        let expected = StoreError::NoColumn { view: VIEW.into(), version: 1, column: column.into() };
        assert_eq!(error, expected);
    }
    let found = views.rows("unknown", Selection { equals: Some(("text", &yes)), ..Selection::ALL }).await.unwrap();
    assert_eq!(found, [], "a view that is not there yet has no rows");
}

async fn rows_remember_their_last_event(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 1).await;
    let event = EventRef { position: 1 << 40, part: 3 };
    let row = Change { key: Key::from("a"), event, row: Some(plain(b"1")) };
    opened.views.commit(VIEW, by(1, 1), vec![row], 5).await.unwrap();
    let views = backend.reopen(opened).await.views;
    let known = views.entry(VIEW, 1, &Key::from("a")).await.unwrap();
    assert_eq!(known, Some(Entry { event, row: Some(Bytes::from_static(b"1")) }));
    assert_eq!(views.entry(VIEW, 1, &Key::from("b")).await.unwrap(), None);
    assert_eq!(views.entry(VIEW, 2, &Key::from("a")).await, lost());
    assert_eq!(views.versions(VIEW).await.unwrap()[0].last, 1 << 40);
    assert_eq!(taken(&views, (1 << 40) - 1, 1).await.version, 2, "a row that is ahead of the log is wrong");
}

async fn deleted_rows_are_remembered_until_the_checkpoint_passes(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 1).await;
    let event = |position| EventRef { position, part: 0 };
    opened.views.commit(VIEW, by(1, 1), vec![change("a", 8, None), change("b", 9, None)], 5).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert!(!taken(&views, 20, 1).await.empty);
    assert_eq!(rows(&views).await, []);
    let known = async |key| views.entry(VIEW, 1, &Key::from(key)).await.unwrap();
    assert_eq!(known("a").await, Some(Entry { event: event(8), row: None }));
    // It comes again, and goes again.
    views.commit(VIEW, by(1, 1), vec![change("a", 10, Some(plain(b"1")))], 5).await.unwrap();
    assert_eq!(known("a").await, Some(Entry { event: event(10), row: Some(Bytes::from_static(b"1")) }));
    views.commit(VIEW, by(1, 1), vec![change("a", 11, None)], 8).await.unwrap();
    assert_eq!(known("a").await, Some(Entry { event: event(11), row: None }));
    assert_eq!(known("b").await, Some(Entry { event: event(9), row: None }));
    views.commit(VIEW, by(1, 1), Vec::new(), 9).await.unwrap();
    assert_eq!(known("b").await, None);
    views.commit(VIEW, by(1, 1), vec![change("c", 10, None)], 11).await.unwrap();
    assert_eq!((known("a").await, known("c").await), (None, None));
    assert!(taken(&views, 20, 1).await.empty);
}

async fn views_do_not_share_rows(backend: impl Backend) {
    let views = backend.open().await.views;
    let shape = shape(ROW);
    let other = "a.v1.app.Other";
    for (view, row) in [(VIEW, "1"), (other, "2")] {
        views.take(view, Owner { log: LOG, shape: &shape }, 0, 1).await.unwrap();
        views.commit(view, by(1, 1), set(&[("a", row)]), 5).await.unwrap();
    }
    let taken = views.take(other, Owner { log: Uuid::from_u128(8), shape: &shape }, 5, 1).await.unwrap();
    assert_eq!(taken.checkpoint, 0);
    assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    assert_eq!(views.rows(other, Selection::ALL).await.unwrap(), []);
    assert_eq!(views.rows("unknown", Selection::ALL).await.unwrap(), []);
}

async fn views_whose_names_are_alike_have_tables_of_their_own(backend: impl Backend) {
    let views = backend.open().await.views;
    let shape = wide();
    let long = "a".repeat(200);
    let names = [format!("a_b.c.{long}V1"), format!("a.b_c.{long}V1"), "a_b.c.V".into(), "a.b_c.V".into()];
    let mut tables = Vec::new();
    for view in &names {
        views.take(view, Owner { log: LOG, shape: &shape }, 0, 1).await.unwrap();
        let changes = vec![change(view.as_str(), 1, Some(NewRow::of(&Wide::default())))];
        views.commit(view, by(1, 1), changes, 1).await.unwrap();
        views.rebuild(view).await.unwrap();
        tables.extend(views.versions(view).await.unwrap().into_iter().map(|version| version.table));
    }
    for view in &names {
        assert_eq!(views.rows(view, Selection::ALL).await.unwrap()[0].0, Key::from(view.as_str()));
    }
    assert!(tables.iter().all(|table| table.len() <= 63), "{tables:?}");
    assert_eq!(tables[4], "a_b_c_v");
}

async fn the_checkpoint_of_a_view_can_be_looked_at(backend: impl Backend) {
    let views = backend.open().await.views;
    assert_eq!(checkpoint(&views, ROW, LOG).await, 0);
    taken(&views, 0, 1).await;
    views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 5).await.unwrap();
    assert_eq!(checkpoint(&views, ROW, LOG).await, 5);
    assert_eq!(checkpoint(&views, "a.v1.RowV2", LOG).await, 0);
    assert_eq!(checkpoint(&views, ROW, Uuid::from_u128(8)).await, 0);
    assert_eq!(rows(&views).await, owned(&[("a", "1")]), "looking changes nothing");
}

async fn commits_under_an_older_token_are_refused(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 1).await;
    views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 5).await.unwrap();
    assert_eq!(taken(&views, 9, 3).await.checkpoint, 5);
    assert_eq!(views.commit(VIEW, by(1, 1), set(&[("a", "2"), ("b", "2")]), 7).await, lost());
    assert_eq!(take(&views, &shape(ROW), 9, 2).await, lost());
    assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    assert_eq!(checkpoint(&views, ROW, LOG).await, 5);
    views.commit(VIEW, by(3, 1), set(&[("a", "3")]), 6).await.unwrap();
    assert_eq!(rows(&views).await, owned(&[("a", "3")]));
}

/// Whoever comes late takes nothing, whatever it would make of the view.
async fn a_view_is_not_taken_under_an_older_token(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 3).await;
    views.commit(VIEW, by(3, 1), set(&[("a", "1")]), 5).await.unwrap();
    for (shape, head) in [(shape(ROW), 9), (shape("a.v1.RowV0"), 9), (shape(ROW), 4), (wide(), 9)] {
        assert_eq!(take(&views, &shape, head, 2).await, lost(), "{shape} {head}");
        assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    }
    views.commit(VIEW, by(3, 1), set(&[("b", "2")]), 6).await.unwrap();
    // The tokens of another log say nothing about this one.
    let other = views.take(VIEW, Owner { log: Uuid::from_u128(8), shape: &shape(ROW) }, 9, 1).await.unwrap();
    assert_eq!(other.checkpoint, 0);
    assert_eq!(rows(&views).await, []);
    assert_eq!(views.commit(VIEW, by(3, 1), set(&[("a", "1")]), 7).await, lost());
}

async fn the_token_of_a_view_is_kept(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 7).await;
    opened.views.commit(VIEW, by(7, 1), set(&[("a", "1")]), 5).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(take(&views, &shape(ROW), 9, 6).await, lost());
    assert_eq!(views.commit(VIEW, by(6, 1), set(&[("a", "2")]), 6).await, lost());
    assert_eq!(taken(&views, 9, 7).await.checkpoint, 5);
    views.commit(VIEW, by(7, 1), set(&[("a", "3")]), 6).await.unwrap();
    assert_eq!(taken(&views, 9, 8).await.checkpoint, 6);
    assert_eq!(rows(&views).await, owned(&[("a", "3")]));
}

/// Number, state and checkpoint of each version.
async fn versions(views: &Arc<dyn ViewStore>) -> Vec<(u32, VersionState, u64)> {
    let versions = views.versions(VIEW).await.unwrap();
    versions.into_iter().map(|version| (version.number, version.state, version.checkpoint)).collect()
}

use VersionState::{Active, Building};

async fn other_columns_are_built_beside_the_old_ones(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 1).await;
    let old = vec![change("a", 3, Some(plain(b"old"))), change("b", 8, Some(plain(b"old")))];
    opened.views.commit(VIEW, by(1, 1), old, 5).await.unwrap();
    assert_eq!(take(&opened.views, &wide(), 9, 2).await.unwrap(), fed(2, 0, true));
    let views = backend.reopen(opened).await.views;
    assert_eq!(take(&views, &wide(), 9, 2).await.unwrap().version, 2, "it goes on with that");
    assert_eq!(versions(&views).await, [(1, Active, 5), (2, Building, 0)]);
    assert_eq!(views.commit(VIEW, by(2, 1), set(&[("c", "1")]), 6).await, lost(), "only the new one is fed");

    let new = || Some(NewRow::of(&Wide { text: "new".into(), ..Wide::default() }));
    views.commit(VIEW, by(2, 2), vec![change("a", 3, new()), change("c", 7, new())], 7).await.unwrap();
    assert_eq!(rows(&views).await, owned(&[("a", "old"), ("b", "old")]), "readers see the old one");
    assert_eq!(views.row(VIEW, &Key::from("c")).await.unwrap(), None);
    assert_eq!(checkpoint(&views, ROW, LOG).await, 7, "who waits, waits for the new one");
    let text = Value::from("new");
    let by_text = Selection { equals: Some(("text", &text)), ..Selection::ALL };
    assert_eq!(views.rows(VIEW, by_text).await.unwrap_err().code(), "VIEW_NO_COLUMN");

    // The old one is made from nothing behind position 8.
    views.commit(VIEW, by(2, 2), vec![change("b", 8, new())], 8).await.unwrap();
    assert_eq!(versions(&views).await, [(2, Active, 8)]);
    assert_eq!(views.rows(VIEW, by_text).await.unwrap().len(), 3);
    views.commit(VIEW, by(2, 2), vec![change("b", 9, None)], 9).await.unwrap();
    assert_eq!(views.rows(VIEW, Selection::ALL).await.unwrap().len(), 2);
    assert_eq!(take(&views, &wide(), 9, 3).await.unwrap(), fed(2, 9, false));
    assert_eq!(views.versions(VIEW).await.unwrap()[0].table, TABLE);
}

/// Programs of two releases take turns, or the new one is taken back.
async fn a_building_version_makes_room_for_another(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 1).await;
    views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 5).await.unwrap();
    assert_eq!(take(&views, &wide(), 9, 2).await.unwrap().version, 2);
    let mut narrow = wide();
    narrow.columns.truncate(2);
    assert_eq!(take(&views, &narrow, 9, 3).await.unwrap().version, 3);
    assert_eq!(versions(&views).await, [(1, Active, 5), (3, Building, 0)]);
    assert_eq!(views.entry(VIEW, 2, &Key::from("a")).await, lost());
    assert_eq!(taken(&views, 9, 4).await, fed(1, 5, false));
    assert_eq!(versions(&views).await, [(1, Active, 5)]);
    assert_eq!(take(&views, &wide(), 9, 5).await.unwrap().version, 4);
    assert_eq!(take(&views, &wide(), 4, 5).await.unwrap().version, 5, "it must not be ahead of the log");
    assert_eq!(versions(&views).await, [(5, Active, 0)]);
}

async fn a_view_is_rebuilt_beside_itself(backend: impl Backend) {
    let opened = backend.open().await;
    opened.views.rebuild(VIEW).await.unwrap();
    assert_eq!(versions(&opened.views).await, [], "there is nothing to rebuild");
    take(&opened.views, &wide(), 0, 1).await.unwrap();
    let row = |text: &str| Some(NewRow::of(&Wide { text: text.into(), ..Wide::default() }));
    opened.views.commit(VIEW, by(1, 1), vec![change("a", 4, row("old"))], 5).await.unwrap();
    opened.views.rebuild(VIEW).await.unwrap();
    opened.views.rebuild(VIEW).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(versions(&views).await, [(1, Active, 5), (3, Building, 0)]);
    views.commit(VIEW, by(1, 1), vec![], 6).await.unwrap();
    assert_eq!(views.commit(VIEW, by(1, 2), vec![], 6).await, lost(), "that one was given up");
    let beside = Taken { served: Some(Served { version: 1, checkpoint: 6 }), ..fed(3, 0, true) };
    assert_eq!(take(&views, &wide(), 9, 2).await.unwrap(), beside);
    assert_eq!(views.commit(VIEW, by(1, 3), vec![], 1).await, lost(), "the token is an older one");
    views.commit(VIEW, by(2, 3), vec![change("b", 3, row("new"))], 3).await.unwrap();
    let keys =
        async || views.rows(VIEW, Selection::ALL).await.unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    views.commit(VIEW, by(2, 1), vec![change("c", 7, row("live"))], 6).await.unwrap();
    assert_eq!(keys().await, ["a", "c"].map(Key::from), "the active one goes on");
    assert_eq!(checkpoint(&views, ROW, LOG).await, 6, "whoever waits, waits for that one");
    let known = async |version, key: &str| views.entry(VIEW, version, &Key::from(key)).await.unwrap().is_some();
    assert_eq!((known(1, "b").await, known(3, "b").await, known(3, "c").await), (false, true, false));

    views.commit(VIEW, by(2, 3), vec![change("c", 7, row("new"))], 7).await.unwrap();
    assert_eq!(versions(&views).await, [(1, Active, 6), (3, Building, 7)], "nobody has said that it is all");
    assert_eq!(views.switch(VIEW, by(1, 3), 7).await, Err(StoreError::LeaseLost { consumer: VIEW.into() }));
    assert_eq!(views.switch(VIEW, by(2, 2), 7).await, Err(StoreError::LeaseLost { consumer: VIEW.into() }));
    assert_eq!(views.switch(VIEW, by(2, 3), 6).await, Ok(false), "the active one is made from more");
    assert_eq!(keys().await, ["a", "c"].map(Key::from));
    for _ in ["at first", "again, after the answer was lost"] {
        assert_eq!(views.switch(VIEW, by(2, 3), 7).await, Ok(true));
    }
    assert_eq!(keys().await, ["b", "c"].map(Key::from));
    assert_eq!(versions(&views).await, [(3, Active, 7)]);
    assert_eq!(views.commit(VIEW, by(2, 1), vec![], 8).await, lost(), "that one is gone");
    views.commit(VIEW, by(2, 3), vec![], 8).await.unwrap();
    assert_eq!(take(&views, &wide(), 9, 3).await.unwrap(), fed(3, 8, false));
}

async fn a_view_without_rows_changes_its_columns_at_once(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 1).await;
    views.commit(VIEW, by(1, 1), vec![], 5).await.unwrap();
    assert_eq!(take(&views, &wide(), 9, 2).await.unwrap(), fed(2, 0, true));
    assert_eq!(versions(&views).await, [(2, Active, 0)]);
}

async fn closed_views_refuse_everything(backend: impl Backend) {
    let views = backend.open().await.views;
    taken(&views, 0, 1).await;
    views.close().await.unwrap();
    assert_eq!(take(&views, &shape(ROW), 0, 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.rows(VIEW, Selection::ALL).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.entry(VIEW, 1, &Key::from("a")).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.versions(VIEW).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.rebuild(VIEW).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.close().await, Ok(()), "closing again is fine");
}

async fn rows_are_read_by_plain_sql(backend: impl Backend) {
    let opened = backend.open().await;
    take(&opened.views, &wide(), 0, 1).await.unwrap();
    let all = extremes();
    let changes = all.iter().map(|(key, row)| change(key.clone(), 1, Some(NewRow::of(row)))).collect();
    opened.views.commit(VIEW, by(1, 1), changes, 1).await.unwrap();
    opened.views.commit(VIEW, by(1, 1), vec![change("6", 9, None)], 1).await.unwrap();
    let table = backend.view_table(TABLE);
    let sql = |text: &str| backend.view_sql(&text.replace("ROWS", &table));
    assert_eq!(sql("SELECT count(*), min(integer), max(integer) FROM ROWS WHERE color = 'COLOR_RED'"), "1|-1|-1");
    assert_eq!(sql("SELECT _key FROM ROWS WHERE \"order\" IS NULL ORDER BY _key"), "0\n4");
    assert_eq!(sql("SELECT _key FROM ROWS ORDER BY unsigned"), "0\n1\n2\n3\n5\n4");
    assert_eq!(sql("SELECT unsigned FROM ROWS WHERE unsigned < 2 ORDER BY 1"), "0\n1");
    assert_eq!(sql("SELECT unsigned FROM ROWS WHERE _key = '4'"), "18446744073709551615");
    assert_eq!(sql("SELECT _rest -> 'tags' ->> 0 FROM ROWS WHERE text = '日本🦀'"), "日本🦀");
    assert_eq!(sql("SELECT _rest FROM ROWS WHERE _key = '0'").replace(' ', ""), r#"{"tags":[""]}"#);
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

async fn indexes_of_users_survive_a_rebuild(backend: impl Backend) {
    let opened = backend.open().await;
    take(&opened.views, &wide(), 0, 1).await.unwrap();
    let table = backend.view_table(TABLE);
    let index = |name: &str, on: &str| backend.view_sql(&format!("CREATE INDEX {name} ON {table} ({on})"));
    index("by_text", "text");
    index("by_order", "\"order\", _key");
    opened.views.commit(VIEW, by(1, 1), vec![change("a", 1, Some(NewRow::of(&Wide::default())))], 1).await.unwrap();
    let mut other = wide();
    other.columns.retain(|column| column.name != "text");
    assert_eq!(take(&opened.views, &other, 9, 1).await.unwrap().version, 2);
    let mut row = NewRow::of(&Wide::default());
    row.values.remove(0);
    opened.views.commit(VIEW, by(1, 2), vec![change("a", 1, Some(row))], 1).await.unwrap();
    assert_eq!(versions(&opened.views).await, [(2, Active, 1)]);
    assert_eq!(backend.view_indexes(TABLE), ["by_order"], "the other one's column is gone");
    opened.views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

/// A database that does not give the table away tries again.
async fn what_users_made_of_a_table_stops_no_commit(backend: impl Backend) {
    let opened = backend.open().await;
    let views = &opened.views;
    take(views, &wide(), 0, 1).await.unwrap();
    let table = backend.view_table(TABLE);
    let theirs = backend.view_table("theirs");
    backend.view_sql(&format!("CREATE VIEW {theirs} AS SELECT _key FROM {table}"));
    let row = |key: &str, position| change(key, position, Some(NewRow::of(&Wide::default())));
    views.commit(VIEW, by(1, 1), vec![row("a", 1)], 1).await.unwrap();
    views.rebuild(VIEW).await.unwrap();
    take(views, &wide(), 9, 1).await.unwrap();
    views.commit(VIEW, by(1, 2), vec![row("a", 1), row("b", 2)], 2).await.unwrap();
    let switched = views.switch(VIEW, by(1, 2), 2).await.unwrap();
    views.commit(VIEW, by(1, if switched { 2 } else { 1 }), vec![row("c", 3)], 3).await.unwrap();
    backend.view_sql(&format!("DROP VIEW {theirs}"));
    views.commit(VIEW, by(1, 2), vec![row("c", 3)], 3).await.unwrap();
    assert_eq!(views.switch(VIEW, by(1, 2), 3).await, Ok(true));
    assert_eq!(versions(views).await, [(2, Active, 3)]);
    assert_eq!(views.rows(VIEW, Selection::ALL).await.unwrap().len(), 3);
    views.close().await.unwrap();
    opened.store.close().await.unwrap();
}

async fn a_view_whose_table_was_dropped_is_built_anew(backend: impl Backend) {
    let opened = backend.open().await;
    taken(&opened.views, 0, 1).await;
    opened.views.commit(VIEW, by(1, 1), set(&[("a", "1")]), 1).await.unwrap();
    backend.view_sql(&format!("DROP TABLE {}", backend.view_table(TABLE)));
    let views = backend.reopen(opened).await.views;
    assert_eq!(taken(&views, 9, 2).await, fed(2, 0, true));
    views.commit(VIEW, by(2, 2), set(&[("a", "1")]), 1).await.unwrap();
    assert_eq!(rows(&views).await, owned(&[("a", "1")]));
}
