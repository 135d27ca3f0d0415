//! Commands and facts on their way in.

use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use prost_types::Timestamp;

use super::{App, SyncMode};
use crate::coordinator::outcome::Outcome;
use crate::error::{DEFAULT_WAIT, Error};
use crate::message::{Command, Fact, Payload};
use crate::proto;
use crate::telemetry::{Traceparent, traceparent_text};

/// A book of one page, and for whom to wait once it is stored.
#[derive(Debug)]
struct Sending {
    app: App,
    cover: proto::Cover,
    page: proto::CommandPage,
    idempotency_key: String,
    traceparent: Option<Traceparent>,
    sync: SyncMode,
    timeout: Option<Duration>,
}

impl Sending {
    fn new(app: App, domain: &str, key: String, payload: &Payload) -> Self {
        let cover = proto::Cover { domain: domain.to_owned(), key, ..proto::Cover::default() };
        let page = proto::CommandPage { command: Some(payload.to_any()), ..proto::CommandPage::default() };
        let (idempotency_key, traceparent) = (String::new(), None);
        Self { app, cover, page, idempotency_key, traceparent, sync: SyncMode::None, timeout: None }
    }

    async fn run(self) -> Result<Outcome, Error> {
        let book = proto::CommandBook {
            cover: Some(self.cover),
            pages: vec![self.page],
            idempotency_key: self.idempotency_key,
            traceparent: traceparent_text(self.traceparent),
            // A timeout beyond the end of time is none.
            deadline: self.timeout.and_then(|timeout| SystemTime::now().checked_add(timeout)).map(Into::into),
            ..proto::CommandBook::default()
        };
        let outcome = self.app.execute(book).await?;
        self.app.wait(outcome, self.sync, self.timeout.unwrap_or(DEFAULT_WAIT)).await
    }
}

/// A command that is sent when this is awaited.
#[derive(Debug)]
#[must_use = "a command is sent when this is awaited"]
pub struct SendCommand(Sending);

impl SendCommand {
    pub(super) fn new<C: Command>(app: App, command: &C) -> Self {
        Self(Sending::new(app, C::DOMAIN, command.root_key(), &Payload::command(command)))
    }

    /// Sent again under the same key, the command is not decided again: the first answer is returned.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.0.idempotency_key = key.into();
        self
    }

    /// Refuses with `SEQUENCE_CONFLICT` unless this is the stream's next sequence; 0 means that it must be new.
    pub fn expecting(mut self, next_sequence: u32) -> Self {
        self.0.page.sequence = Some(next_sequence);
        self
    }

    /// Joins a conversation; without it a new one begins.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.0.cover.correlation_id = id.into();
        self
    }

    /// Goes on from here in a distributed trace; without it, from where the present span is, if spans are collected for
    /// OpenTelemetry.
    pub fn traceparent(mut self, traceparent: Traceparent) -> Self {
        self.0.traceparent = Some(traceparent);
        self
    }

    /// For whom to wait.
    pub fn sync(mut self, mode: SyncMode) -> Self {
        self.0.sync = mode;
        self
    }

    /// How long the decision, and then the waiting, may take; 30 seconds of waiting if nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for SendCommand {
    type Output = Result<Outcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.run())
    }
}

/// A fact that is recorded when this is awaited, once under its external id.
#[derive(Debug)]
#[must_use = "a fact is recorded when this is awaited"]
pub struct RecordFact(Sending);

impl RecordFact {
    pub(super) fn new<F: Fact>(app: App, fact: &F) -> Self {
        let sending = Sending::new(app, F::DOMAIN, fact.root_key(), &Payload::event(fact));
        Self(Sending { idempotency_key: fact.external_id(), ..sending })
    }

    /// When it happened, which is kept in whole microseconds; without it, it counts as happening when it is recorded.
    pub fn occurred_at(mut self, time: Timestamp) -> Self {
        self.0.page.occurred_at = Some(time);
        self
    }

    /// Joins a conversation; without it a new one begins.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.0.cover.correlation_id = id.into();
        self
    }

    /// Goes on from here in a distributed trace; without it, from where the present span is, if spans are collected for
    /// OpenTelemetry.
    pub fn traceparent(mut self, traceparent: Traceparent) -> Self {
        self.0.traceparent = Some(traceparent);
        self
    }

    /// For whom to wait.
    pub fn sync(mut self, mode: SyncMode) -> Self {
        self.0.sync = mode;
        self
    }

    /// How long until it is decided what follows, and then the waiting, may take; 30 seconds of waiting if nothing is
    /// said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for RecordFact {
    type Output = Result<Outcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.run())
    }
}
