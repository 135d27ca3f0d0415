//! A command on its way in.

use std::future::IntoFuture;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

use super::{App, SyncMode};
use crate::coordinator::outcome::Outcome;
use crate::error::{DEFAULT_WAIT, Error};
use crate::message::{Command, Payload};
use crate::proto;

/// A command that is sent when this is awaited.
#[derive(Debug)]
#[must_use = "a command is sent when this is awaited"]
pub struct SendCommand {
    app: App,
    cover: proto::Cover,
    page: proto::CommandPage,
    idempotency_key: String,
    sync: SyncMode,
    timeout: Option<Duration>,
}

impl SendCommand {
    pub(super) fn new<C: Command>(app: App, command: &C) -> Self {
        let cover = proto::Cover { domain: C::DOMAIN.to_owned(), key: command.root_key(), ..proto::Cover::default() };
        let page = proto::CommandPage { sequence: None, command: Some(Payload::command(command).to_any()) };
        Self { app, cover, page, idempotency_key: String::new(), sync: SyncMode::None, timeout: None }
    }

    /// Sent again under the same key, the command is not decided again: the first answer is returned.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// Refuses with `SEQUENCE_CONFLICT` unless this is the stream's next sequence; 0 means that it must be new.
    pub fn expecting(mut self, next_sequence: u32) -> Self {
        self.page.sequence = Some(next_sequence);
        self
    }

    /// Joins a conversation; without it a new one begins.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.cover.correlation_id = id.into();
        self
    }

    /// For whom to wait.
    pub fn sync(mut self, mode: SyncMode) -> Self {
        self.sync = mode;
        self
    }

    /// How long the decision, and then the waiting, may take; 30 seconds of waiting if nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn run(self) -> Result<Outcome, Error> {
        let book = proto::CommandBook {
            cover: Some(self.cover),
            pages: vec![self.page],
            idempotency_key: self.idempotency_key,
            // A timeout beyond the end of time is none.
            deadline: self.timeout.and_then(|timeout| SystemTime::now().checked_add(timeout)).map(Into::into),
            ..proto::CommandBook::default()
        };
        let outcome = self.app.execute(book).await?;
        self.app.wait(outcome, self.sync, self.timeout.unwrap_or(DEFAULT_WAIT)).await
    }
}

impl IntoFuture for SendCommand {
    type Output = Result<Outcome, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
