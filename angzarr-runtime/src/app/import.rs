//! History from elsewhere.

use std::future::IntoFuture;

use futures_util::future::BoxFuture;
use prost_types::Timestamp;
use tracing::Span;
use uuid::Uuid;

use super::App;
use crate::coordinator::business::{Request, Source, Work, check_texts, correlation_id};
use crate::coordinator::outcome::Outcome;
use crate::error::{BadBook, Error};
use crate::id::{canonical_key, root_id};
use crate::message::{Event, Payload};
use crate::store::{NewRecord, RecordKind, StreamId, Trace};
use crate::time;

/// Events that are appended as one book when this is awaited. No handler decides on them; old and retired types are
/// taken too.
#[derive(Debug)]
#[must_use = "events are imported when this is awaited"]
pub struct Import {
    app: App,
    domain: String,
    key: String,
    expected: Option<u32>,
    idempotency_key: Option<String>,
    correlation_id: String,
    records: Vec<NewRecord>,
}

impl Import {
    pub(super) fn new(app: App, domain: String, key: String) -> Self {
        let (correlation_id, records) = (String::new(), Vec::new());
        Self { app, domain, key, expected: None, idempotency_key: None, correlation_id, records }
    }

    /// Adds an event; without `occurred_at`, which is kept in whole microseconds, it counts as happening when it is
    /// recorded.
    pub fn event<E: Event>(mut self, event: &E, occurred_at: Option<Timestamp>) -> Self {
        let occurred_at = occurred_at.map(|at| time::from_micros(time::to_micros(&at)));
        self.records.push(NewRecord {
            kind: RecordKind::Event,
            payload: Payload::event(event),
            occurred_at,
            due: None,
        });
        self
    }

    /// Refuses with `SEQUENCE_CONFLICT` unless this is the stream's next sequence; 0 means that it must be new.
    pub fn expecting(mut self, next_sequence: u32) -> Self {
        self.expected = Some(next_sequence);
        self
    }

    /// Imported again under the same key, nothing is stored.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into()).filter(|key| !key.is_empty());
        self
    }

    /// Joins a conversation; without it a new one begins.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = id.into();
        self
    }

    async fn run(self) -> Result<Outcome, Error> {
        let owner = self.app.inner.router.find(&self.domain).cloned();
        let owner = owner.ok_or_else(|| self.app.inner.router.unknown(&self.domain))?;
        let root = root_id(&self.domain, &self.key).ok_or(BadBook::NoRoot)?;
        check_texts(&self.key, &self.correlation_id, self.idempotency_key.as_deref().unwrap_or_default())?;
        if self.records.is_empty() {
            return Err(BadBook::Empty.into());
        }
        owner.check_import(self.records.iter().map(|record| &record.payload)).await?;
        let request = Request {
            stream: StreamId::new(self.domain, root),
            key: canonical_key(&self.key).into(),
            expected: self.expected,
            idempotency_key: self.idempotency_key,
            work: Work::Import(self.records),
            trace: Trace { correlation_id: correlation_id(self.correlation_id), cause: None, traceparent: None },
            span: Span::none(),
            source: Source::Client,
            deadline: None,
            occurred_at: None,
            arrived: owner.now(),
            seed: Uuid::nil(),
        };
        let _open = self.app.open().await?;
        owner.execute(request).await
    }
}

impl IntoFuture for Import {
    type Output = Result<Outcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
