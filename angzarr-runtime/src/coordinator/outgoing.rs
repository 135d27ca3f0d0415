//! What consumers send: commands with keys that make a retry harmless.

use std::collections::HashMap;
use std::sync::Arc;

use prost_types::Timestamp;
use tracing::Span;

use super::business::{BusinessCoordinator, Request};
use super::outcome::Outcome;
use crate::context::{Context, Decision};
use crate::error::{BadBook, Error};
use crate::id::{Purpose, Trigger, consumer_key, root_id};
use crate::message::Outgoing;
use crate::proto;
use crate::store::{Cause, Record, StreamId};
use crate::telemetry::span::{self, component_span};
use crate::telemetry::traceparent_text;

/// The aggregates of an application, by domain.
#[derive(Default)]
pub(crate) struct Router {
    pub(crate) aggregates: HashMap<&'static str, Arc<BusinessCoordinator>>,
}

impl Router {
    /// Has a book decided by the aggregate that owns its domain.
    pub(crate) async fn execute(&self, book: proto::CommandBook) -> Result<Outcome, Error> {
        let coordinator = self.owner(&book)?;
        let request = Request::parse(book, coordinator.logic.spec(), coordinator.now())?;
        coordinator.execute(request).await
    }

    /// Refuses a book that nobody could decide on.
    pub(crate) fn check(&self, book: &proto::CommandBook) -> Result<(), BadBook> {
        let coordinator = self.owner(book)?;
        Request::parse(book.clone(), coordinator.logic.spec(), coordinator.now()).map(drop)
    }

    /// What a book was answered with earlier; none if it was not.
    ///
    /// # Errors
    /// The refusal that is recorded. What loading can yield.
    pub(crate) async fn answered(&self, book: proto::CommandBook) -> Result<Option<Outcome>, Error> {
        let coordinator = self.owner(&book)?;
        // What is no request was never accepted.
        let Ok(request) = Request::parse(book, coordinator.logic.spec(), coordinator.now()) else { return Ok(None) };
        coordinator.answered(request).await
    }

    fn owner(&self, book: &proto::CommandBook) -> Result<&Arc<BusinessCoordinator>, BadBook> {
        let cover = book.cover.as_ref().ok_or(BadBook::NoCover)?;
        self.find(&cover.domain).ok_or_else(|| BadBook::UnknownDomain(cover.domain.clone()))
    }

    pub(crate) fn find(&self, domain: &str) -> Option<&Arc<BusinessCoordinator>> {
        self.aggregates.get(domain)
    }
}

/// The span in which a command that `consumer` sends because of a record is executed.
pub(super) fn orchestration(consumer: &'static str, record: &Record) -> Span {
    let span = component_span!("orchestration.execute", consumer, record.stream, record.trace);
    span::here(&span, record.trace.traceparent);
    span
}

/// The event, as what makes `consumer` act.
pub(super) fn trigger<'a>(consumer: &'a str, event: &'a Record) -> Trigger<'a> {
    let Record { sequence, part, .. } = *event;
    Trigger { consumer, domain: &event.stream.domain, root: event.stream.root, sequence, part }
}

/// The event, as the cause of what `consumer` does.
pub(super) fn cause(consumer: &'static str, event: &Record) -> Cause {
    Cause {
        domain: event.stream.domain.clone(),
        root: event.stream.root,
        sequence: event.sequence,
        part: event.part,
        component: consumer.into(),
        depth: super::links(event).saturating_add(1),
    }
}

/// The circumstances in which `consumer` handles an event, as of the event's stream: the same ones each time.
pub(super) fn context(consumer: &'static str, event: &Record) -> Context {
    context_of(consumer, event, event.stream.clone(), event.key.clone())
}

/// The same, as of a stream of a process manager's own.
pub(super) fn context_in(consumer: &'static str, event: &Record, stream: StreamId, key: Arc<str>) -> Context {
    context_of(consumer, event, stream, key).of_process()
}

fn context_of(consumer: &'static str, event: &Record, stream: StreamId, key: Arc<str>) -> Context {
    let (correlation_id, cause) = (event.trace.correlation_id.clone(), Some(cause(consumer, event)));
    Context::new(stream, key, correlation_id, cause, event.created_at, Decision::Step)
        .traced(span::current(event.trace.traceparent))
}

/// The command book that carries output `index` of what the event led to, as of the instant `at`. A fact is recorded under
/// its own id, so that it is the same one whoever reports it.
pub(super) fn command_book(
    consumer: &'static str,
    event: &Record,
    at: Timestamp,
    index: u32,
    outgoing: Outgoing,
) -> proto::CommandBook {
    let key = consumer_key(Purpose::Command, trigger(consumer, event), index);
    proto::CommandBook {
        cover: Some(proto::Cover {
            root: root_id(outgoing.domain, &outgoing.key).map(Into::into),
            domain: outgoing.domain.to_owned(),
            correlation_id: event.trace.correlation_id.to_string(),
            key: outgoing.key,
            tenant: String::new(),
        }),
        pages: vec![proto::CommandPage { command: Some(outgoing.payload.to_any()), ..Default::default() }],
        idempotency_key: outgoing.external_id.unwrap_or_else(|| key.to_string()),
        traceparent: traceparent_text(span::current(event.trace.traceparent)),
        origin: Some(proto::Origin { cause: Some((&cause(consumer, event)).into()), recorded_at: Some(at) }),
        ..proto::CommandBook::default()
    }
}
