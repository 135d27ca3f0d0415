//! Views beside the log, in the same schema.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::{Row, query, query_scalar};

use super::session::Sessions;
use super::{PostgresStore, number, text};
use crate::store::StoreError;
use crate::view::{Changes, Key, Owner, ViewStore};

/// Views in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresViews {
    sessions: Arc<Sessions>,
}

impl PostgresViews {
    /// The views that lie beside a log, over connections of their own.
    pub fn beside(log: &PostgresStore) -> Self {
        Self { sessions: Arc::new(Sessions::new(log.sessions.server().clone())) }
    }
}

#[async_trait]
impl ViewStore for PostgresViews {
    async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<u64, StoreError> {
        let (name, row_type) = (&text::encode(view), &text::encode(owner.row_type));
        let checkpoint: Option<i64> = self
            .sessions
            .run(|mut session| async move {
                let checkpoint = query_scalar("SELECT angzarr.take_view($1, $2, $3, $4, $5)")
                    .bind(&**name)
                    .bind(&**row_type)
                    .bind(owner.log)
                    .bind(number(head))
                    .bind(number(token))
                    .fetch_one(session.connection())
                    .await?;
                session.done(checkpoint)
            })
            .await?;
        checkpoint.map(i64::unsigned_abs).ok_or_else(|| StoreError::LeaseLost { consumer: view.to_owned() })
    }

    async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
        let (view, row_type) = (&text::encode(view), &text::encode(owner.row_type));
        self.sessions
            .run(|mut session| async move {
                let found: Option<i64> =
                    query_scalar("SELECT checkpoint FROM angzarr.views WHERE name = $1 AND row_type = $2 AND log = $3")
                        .bind(&**view)
                        .bind(&**row_type)
                        .bind(owner.log)
                        .fetch_optional(session.connection())
                        .await?;
                session.done(found.unwrap_or(0).unsigned_abs())
            })
            .await
    }

    async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let (view, key) = (&text::encode(view), key.to_string());
        let key = &text::encode(&key);
        self.sessions
            .run(|mut session| async move {
                let row: Option<Vec<u8>> = query_scalar(
                    "SELECT row FROM angzarr.view_rows
                     WHERE view = $1 AND hashtextextended(key, 0) = hashtextextended($2, 0) AND key = $2",
                )
                .bind(&**view)
                .bind(&**key)
                .fetch_optional(session.connection())
                .await?;
                session.done(row.map(Bytes::from))
            })
            .await
    }

    async fn rows(&self, view: &str) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let view = &text::encode(view);
        self.sessions
            .run(|mut session| async move {
                let rows = query("SELECT key, row FROM angzarr.view_rows WHERE view = $1 ORDER BY key")
                    .bind(&**view)
                    .fetch_all(session.connection())
                    .await?;
                let mut found = Vec::with_capacity(rows.len());
                for row in &rows {
                    let key = Key::parse(&text::decode(row.try_get(0)?));
                    found.push((key, Bytes::copy_from_slice(row.try_get(1)?)));
                }
                session.done(found)
            })
            .await
    }

    async fn commit(&self, view: &str, token: u64, changes: Changes, checkpoint: u64) -> Result<(), StoreError> {
        let name = &text::encode(view);
        let (keys, rows): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let keys: Vec<String> = keys.iter().map(|key| text::encode(&key.to_string()).into_owned()).collect();
        let rows: Vec<Option<&[u8]>> = rows.iter().map(Option::as_deref).collect();
        let (keys, rows) = (&keys, &rows);
        let held: bool = self
            .sessions
            .run(|mut session| async move {
                let held = query_scalar("SELECT angzarr.commit_view($1, $2, $3, $4, $5)")
                    .bind(&**name)
                    .bind(number(token))
                    .bind(keys)
                    .bind(rows)
                    .bind(number(checkpoint))
                    .fetch_one(session.connection())
                    .await?;
                session.done(held)
            })
            .await?;
        if held { Ok(()) } else { Err(StoreError::LeaseLost { consumer: view.to_owned() }) }
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.sessions.close().await;
        Ok(())
    }
}
