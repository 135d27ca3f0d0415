//! The contract of `ViewStore`.

use angzarr_runtime::store::StoreError;
use angzarr_runtime::view::{Changes, Key, Owner, ViewStore};
use bytes::Bytes;
use std::sync::Arc;
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
        views_do_not_share_rows,
        the_checkpoint_of_a_view_can_be_looked_at,
        commits_under_an_older_token_are_refused,
        a_view_is_not_taken_under_an_older_token,
        the_token_of_a_view_is_kept,
        closed_views_refuse_everything;
    persistent:;
}

const VIEW: &str = "a.v1.app.View";
const ROW: &str = "a.v1.Row";
const LOG: Uuid = Uuid::from_u128(7);

fn owner(row_type: &str, log: Uuid) -> Owner<'_> {
    Owner { log, row_type }
}

fn set(rows: &[(&str, &str)]) -> Changes {
    rows.iter().map(|(key, row)| (Key::from(*key), Some(Bytes::from(row.as_bytes().to_vec())))).collect()
}

/// Rows as text.
async fn rows(views: &Arc<dyn ViewStore>) -> Vec<(String, String)> {
    let text = |row: Bytes| String::from_utf8(row.to_vec()).unwrap();
    views.rows(VIEW).await.unwrap().into_iter().map(|(key, row)| (key.to_string(), text(row))).collect()
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, row)| ((*key).to_owned(), (*row).to_owned())).collect()
}

async fn rows_and_checkpoint_are_kept_together(backend: impl Backend) {
    let opened = backend.open().await;
    assert_eq!(opened.views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap(), 0);
    opened.views.commit(VIEW, 1, set(&[("a", "1"), ("b", "")]), 9).await.unwrap();
    opened.views.commit(VIEW, 1, Changes::new(), 12).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 12, 1).await.unwrap(), 12);
    assert_eq!(rows(&views).await, owned(&[("a", "1"), ("b", "")]));
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap(), Some(Bytes::from_static(b"1")));
    assert_eq!(views.row(VIEW, &Key::from("b")).await.unwrap(), Some(Bytes::new()));
    assert_eq!(views.row(VIEW, &Key::from("c")).await.unwrap(), None);
}

/// Fills a view, asks for its checkpoint with something changed, and expects it to be empty, for good.
async fn emptied(backend: impl Backend, row_type: &str, log: Uuid, head: u64) {
    let opened = backend.open().await;
    opened.views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    opened.views.commit(VIEW, 1, set(&[("a", "1")]), 9).await.unwrap();
    assert_eq!(opened.views.take(VIEW, owner(ROW, LOG), 9, 1).await.unwrap(), 9, "as it was, it is kept");
    assert_eq!(opened.views.take(VIEW, owner(row_type, log), head, 1).await.unwrap(), 0);
    assert_eq!(rows(&opened.views).await, []);
    opened.views.commit(VIEW, 1, set(&[("b", "2")]), 3).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(views.take(VIEW, owner(row_type, log), head, 1).await.unwrap(), 3);
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
    views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    views.commit(VIEW, 1, set(&[("a", "1"), ("b", "1"), ("c", "1")]), 1).await.unwrap();
    let changes = vec![
        (Key::from("a"), None),
        (Key::from("b"), Some(Bytes::from_static(b"2"))),
        (Key::from("never there"), None),
    ];
    views.commit(VIEW, 1, changes, 2).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(rows(&views).await, owned(&[("b", "2"), ("c", "1")]));
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap(), None);
}

async fn rows_come_in_the_order_of_their_keys(backend: impl Backend) {
    let opened = backend.open().await;
    opened.views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    let keys = [
        Key::from(["b", "a"]),
        Key::from("b/a"),
        Key::from(r"b\"),
        Key::from([r"\", "/"]),
        Key::from(""),
        Key::from(["", ""]),
        Key::from("ä"),
        Key::from("日本"),
        Key::from("🦀"),
        Key::from("a"),
        Key::from("B"),
    ];
    let changes = keys.iter().map(|key| (key.clone(), Some(Bytes::from(key.to_string())))).collect();
    opened.views.commit(VIEW, 1, changes, 1).await.unwrap();
    let views = backend.reopen(opened).await.views;
    for key in &keys {
        assert_eq!(views.row(VIEW, key).await.unwrap(), Some(Bytes::from(key.to_string())), "{key}");
    }
    let mut sorted = keys.to_vec();
    sorted.sort_by_key(ToString::to_string);
    let found: Vec<_> = views.rows(VIEW).await.unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, sorted);
}

async fn views_do_not_share_rows(backend: impl Backend) {
    let views = backend.open().await.views;
    for (view, row) in [(VIEW, "1"), ("a.v1.app.Other", "2")] {
        views.take(view, owner(ROW, LOG), 0, 1).await.unwrap();
        views.commit(view, 1, set(&[("a", row)]), 5).await.unwrap();
    }
    assert_eq!(views.take("a.v1.app.Other", owner(ROW, Uuid::from_u128(8)), 5, 1).await.unwrap(), 0);
    assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    assert_eq!(views.rows("a.v1.app.Other").await.unwrap(), []);
    assert_eq!(views.rows("unknown").await.unwrap(), []);
}

async fn the_checkpoint_of_a_view_can_be_looked_at(backend: impl Backend) {
    let views = backend.open().await.views;
    assert_eq!(views.checkpoint(VIEW, owner(ROW, LOG)).await.unwrap(), 0);
    views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    views.commit(VIEW, 1, set(&[("a", "1")]), 5).await.unwrap();
    assert_eq!(views.checkpoint(VIEW, owner(ROW, LOG)).await.unwrap(), 5);
    assert_eq!(views.checkpoint(VIEW, owner("a.v1.RowV2", LOG)).await.unwrap(), 0);
    assert_eq!(views.checkpoint(VIEW, owner(ROW, Uuid::from_u128(8))).await.unwrap(), 0);
    assert_eq!(rows(&views).await, owned(&[("a", "1")]), "looking changes nothing");
}

async fn commits_under_an_older_token_are_refused(backend: impl Backend) {
    let views = backend.open().await.views;
    views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    views.commit(VIEW, 1, set(&[("a", "1")]), 5).await.unwrap();
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 9, 3).await.unwrap(), 5);
    let lost = Err(StoreError::LeaseLost { consumer: VIEW.to_owned() });
    assert_eq!(views.commit(VIEW, 1, set(&[("a", "2"), ("b", "2")]), 7).await, lost);
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 9, 2).await.map(drop), lost);
    assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    assert_eq!(views.checkpoint(VIEW, owner(ROW, LOG)).await.unwrap(), 5);
    views.commit(VIEW, 3, set(&[("a", "3")]), 6).await.unwrap();
    assert_eq!(rows(&views).await, owned(&[("a", "3")]));
}

/// Whoever comes late takes nothing, whatever it would make of the view.
async fn a_view_is_not_taken_under_an_older_token(backend: impl Backend) {
    let views = backend.open().await.views;
    views.take(VIEW, owner(ROW, LOG), 0, 3).await.unwrap();
    views.commit(VIEW, 3, set(&[("a", "1")]), 5).await.unwrap();
    let lost = Err(StoreError::LeaseLost { consumer: VIEW.to_owned() });
    for (row_type, head) in [(ROW, 9), ("a.v1.RowV0", 9), (ROW, 4)] {
        assert_eq!(views.take(VIEW, owner(row_type, LOG), head, 2).await, lost, "{row_type} {head}");
        assert_eq!(rows(&views).await, owned(&[("a", "1")]));
    }
    views.commit(VIEW, 3, set(&[("b", "2")]), 6).await.unwrap();
    // The tokens of another log say nothing about this one.
    assert_eq!(views.take(VIEW, owner(ROW, Uuid::from_u128(8)), 9, 1).await, Ok(0));
    assert_eq!(rows(&views).await, []);
    assert_eq!(views.commit(VIEW, 3, set(&[("a", "1")]), 7).await, lost.map(drop));
}

async fn the_token_of_a_view_is_kept(backend: impl Backend) {
    let opened = backend.open().await;
    opened.views.take(VIEW, owner(ROW, LOG), 0, 7).await.unwrap();
    opened.views.commit(VIEW, 7, set(&[("a", "1")]), 5).await.unwrap();
    let views = backend.reopen(opened).await.views;
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 9, 6).await.unwrap_err().code(), "LEASE_LOST");
    assert_eq!(views.commit(VIEW, 6, set(&[("a", "2")]), 6).await.unwrap_err().code(), "LEASE_LOST");
    views.commit(VIEW, 7, set(&[("a", "3")]), 6).await.unwrap();
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 9, 8).await.unwrap(), 6);
    assert_eq!(rows(&views).await, owned(&[("a", "3")]));
}

async fn closed_views_refuse_everything(backend: impl Backend) {
    let views = backend.open().await.views;
    views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap();
    views.close().await.unwrap();
    assert_eq!(views.take(VIEW, owner(ROW, LOG), 0, 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.commit(VIEW, 1, set(&[("a", "1")]), 1).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.row(VIEW, &Key::from("a")).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.rows(VIEW).await.unwrap_err(), StoreError::Closed);
    assert_eq!(views.close().await, Ok(()), "closing again is fine");
}
