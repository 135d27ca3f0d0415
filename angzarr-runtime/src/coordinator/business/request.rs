//! A command book, checked.

use std::sync::Arc;
use std::time::SystemTime;

use prost_types::Timestamp;
use tracing::Span;
use uuid::Uuid;

use crate::component::{AggregateSpec, Input, is_encoding};
use crate::context::{Context, Decision};
use crate::error::BadBook;
use crate::id::{self, root_id};
use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, NewBook, NewRecord, StreamId, Trace};
use crate::telemetry::{Traceparent, span};
use crate::time;

/// How many bytes natural ids, correlation ids and idempotency keys have at most. They stand beside every record, and in
/// indices.
const LONGEST: usize = 1024;

/// Who asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// Somebody outside.
    Client,
    /// A consumer, because of an event that was recorded at this instant.
    Consumer { recorded_at: Timestamp },
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    /// Decide on these, in order.
    Decide(Vec<Input>),
    /// Store these as they are.
    Import(Vec<NewRecord>),
    /// Answer this, storing nothing.
    Query(Payload),
}

/// Something to be done by one aggregate, for one root.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) stream: StreamId,
    pub(crate) key: Arc<str>,
    pub(crate) expected: Option<u32>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) work: Work,
    pub(crate) trace: Trace,
    /// In which it is handled.
    pub(crate) span: Span,
    pub(crate) source: Source,
    pub(crate) deadline: Option<SystemTime>,
    /// When a fact happened, if that is known.
    pub(crate) occurred_at: Option<Timestamp>,
    /// When it arrived.
    pub(crate) arrived: Timestamp,
    /// Seed of ids if there is no key.
    pub(crate) seed: Uuid,
}

impl Request {
    /// Checks a book against what its aggregate takes.
    pub(crate) fn parse(book: proto::CommandBook, spec: &AggregateSpec, arrived: Timestamp) -> Result<Self, BadBook> {
        let stream = StreamId::new(spec.domain, Self::check_cover(&book)?);
        let cover = book.cover.ok_or(BadBook::NoCover)?;
        let key = if cover.key.is_empty() { stream.root.to_string() } else { id::canonical_key(&cover.key) };
        let (expected, occurred_at) = (book.pages[0].sequence, book.pages[0].occurred_at);
        let occurred_at = occurred_at.map(|at| time::from_micros(time::to_micros(&at)));
        let idempotency_key = Some(book.idempotency_key).filter(|key| !key.is_empty());
        let (cause, source) = origin(book.origin)?;
        Ok(Self {
            stream,
            key: key.into(),
            expected,
            work: Work::Decide(inputs(book.pages, spec, idempotency_key.is_some())?),
            idempotency_key,
            trace: Trace {
                correlation_id: correlation_id(cover.correlation_id),
                cause,
                // What is none is no reason to refuse a book, as the W3C wants it.
                traceparent: Traceparent::parse(&book.traceparent),
            },
            span: Span::none(),
            source,
            deadline: book.deadline.map(|deadline| SystemTime::try_from(deadline).unwrap_or(SystemTime::UNIX_EPOCH)),
            occurred_at,
            arrived,
            seed: Uuid::new_v4(),
        })
    }

    /// What can be said of a book whatever its aggregate takes; gives its root.
    pub(crate) fn check_cover(book: &proto::CommandBook) -> Result<Uuid, BadBook> {
        let cover = book.cover.as_ref().ok_or(BadBook::NoCover)?;
        if !cover.tenant.is_empty() {
            return Err(BadBook::Reserved("cover.tenant"));
        }
        if book.pages.is_empty() {
            return Err(BadBook::Empty);
        }
        check_texts(&cover.key, &cover.correlation_id, &book.idempotency_key)?;
        root(&cover.domain, cover)
    }

    /// What an aggregate is asked to decide on when a command was refused that its event had led to.
    pub(crate) fn compensation(
        refused: proto::CompensateRequest,
        spec: &AggregateSpec,
        arrived: Timestamp,
    ) -> Result<Self, BadBook> {
        let cover = refused.cover.ok_or(BadBook::NoCover)?;
        let stream = StreamId::new(spec.domain, root(spec.domain, &cover)?);
        let key = if cover.key.is_empty() { stream.root.to_string() } else { id::canonical_key(&cover.key) };
        let command = Payload::from_any(refused.command.ok_or(BadBook::NoCommand(0))?);
        let rejection = refused.rejection.unwrap_or_default().into();
        let (cause, source) = origin(refused.origin)?;
        if source == Source::Client || refused.idempotency_key.is_empty() {
            return Err(BadBook::Reserved("origin"));
        }
        Ok(Self {
            stream,
            key: key.into(),
            expected: None,
            idempotency_key: Some(refused.idempotency_key),
            work: Work::Decide(vec![Input::Refusal { command, rejection }]),
            trace: Trace {
                correlation_id: correlation_id(cover.correlation_id),
                cause,
                traceparent: Traceparent::parse(&refused.traceparent),
            },
            span: Span::none(),
            source,
            deadline: None,
            occurred_at: None,
            arrived,
            seed: Uuid::nil(),
        })
    }

    /// A request of a client that names no key: nothing of it will be stored.
    pub(crate) fn passing(domain: &'static str, key: &str, work: Work, arrived: Timestamp) -> Result<Self, BadBook> {
        Ok(Self {
            stream: StreamId::new(domain, root_id(domain, key).ok_or(BadBook::NoRoot)?),
            key: id::canonical_key(key).into(),
            expected: None,
            idempotency_key: None,
            work,
            trace: Trace { correlation_id: correlation_id(String::new()), cause: None, traceparent: None },
            span: Span::none(),
            source: Source::Client,
            deadline: None,
            occurred_at: None,
            arrived,
            seed: Uuid::new_v4(),
        })
    }

    /// The fact to be recorded, if it is that; a fact is alone in its book.
    pub(super) fn fact(&self) -> Option<&Payload> {
        match &self.work {
            Work::Decide(inputs) => inputs.iter().find_map(|input| match input {
                Input::Fact(fact) => Some(fact),
                Input::Command(_) | Input::Refusal { .. } => None,
            }),
            Work::Import(_) | Work::Query(_) => None,
        }
    }

    /// The circumstances of its decision on a stream with this next sequence; otherwise the same ones each time it is made.
    pub(super) fn context(&self, next_sequence: u32) -> Context {
        let now = match &self.source {
            Source::Consumer { recorded_at } => *recorded_at,
            Source::Client => self.arrived,
        };
        let decision = match (&self.source, &self.idempotency_key) {
            (_, None) => self.seed,
            // Only the keys of commands are made by consumers; a fact's comes from elsewhere, whoever sends it.
            (Source::Consumer { .. }, Some(key)) if self.fact().is_none() => key.parse().unwrap_or(self.seed),
            (_, Some(key)) => id::client_decision(&self.stream.domain, self.stream.root, key),
        };
        let cause = self.trace.cause.as_deref().cloned();
        Context::new(
            self.stream.clone(),
            self.key.clone(),
            self.trace.correlation_id.clone(),
            cause,
            now,
            Decision::Known(decision),
        )
        .before(next_sequence)
        .recording(self.fact().and(self.idempotency_key.as_deref()))
        .traced(span::current(self.trace.traceparent))
    }

    /// The book to append now if the stream's next sequence is `next`.
    pub(super) fn book(&self, now: Timestamp, next: u32, records: Vec<NewRecord>) -> NewBook {
        NewBook {
            stream: self.stream.clone(),
            key: self.key.clone(),
            expected: Some(next),
            idempotency_key: self.idempotency_key.clone(),
            records,
            cleared: Vec::new(),
            created_at: now,
            trace: self.trace.clone(),
        }
    }
}

/// Refuses texts that are too long to stand beside every record.
pub(crate) fn check_texts(key: &str, correlation_id: &str, idempotency_key: &str) -> Result<(), BadBook> {
    let texts = [("cover.key", key), ("cover.correlation_id", correlation_id), ("idempotency_key", idempotency_key)];
    match texts.into_iter().find(|(_, text)| text.len() > LONGEST) {
        Some((field, text)) => Err(BadBook::FieldTooLong { field, bytes: text.len(), limit: LONGEST }),
        None => Ok(()),
    }
}

/// The given correlation id, or a new one: ordered by time, so that the index of the log grows at one end.
pub(crate) fn correlation_id(given: String) -> Arc<str> {
    if given.is_empty() { Uuid::now_v7().to_string().into() } else { given.into() }
}

/// The root that a cover names, by itself or by its natural id.
pub(crate) fn root(domain: &str, cover: &proto::Cover) -> Result<Uuid, BadBook> {
    let derived = root_id(domain, &cover.key);
    let Some(given) = &cover.root else { return derived.ok_or(BadBook::NoRoot) };
    let given = Uuid::try_from(given).map_err(BadBook::BadRoot)?;
    match derived {
        Some(derived) if derived != given => Err(BadBook::RootMismatch(cover.key.clone())),
        _ => Ok(given),
    }
}

fn inputs(pages: Vec<proto::CommandPage>, spec: &AggregateSpec, keyed: bool) -> Result<Vec<Input>, BadBook> {
    let alone = pages.len() == 1;
    let mut inputs = Vec::with_capacity(pages.len());
    for (index, page) in pages.into_iter().enumerate() {
        let payload = Payload::from_any(page.command.ok_or(BadBook::NoCommand(index))?);
        let type_name = || payload.type_name.to_string();
        let (is_fact, is_command) =
            (spec.facts.contains(&&*payload.type_name), spec.commands.contains(&&*payload.type_name));
        if (is_fact || is_command) && !is_encoding(&payload.value) {
            return Err(BadBook::Malformed(type_name()));
        }
        if is_fact {
            if !alone {
                return Err(BadBook::FactNotAlone(type_name()));
            }
            if !keyed {
                return Err(BadBook::NoExternalId(type_name()));
            }
            if page.sequence.is_some() {
                return Err(BadBook::Reserved("sequence of a fact"));
            }
            inputs.push(Input::Fact(payload));
        } else if is_command {
            if page.occurred_at.is_some() {
                return Err(BadBook::Reserved("occurred_at of a command"));
            }
            if index > 0 && page.sequence.is_some() {
                return Err(BadBook::Reserved("sequence of a page behind the first"));
            }
            inputs.push(Input::Command(payload));
        } else {
            return Err(BadBook::UnknownCommand { domain: spec.domain.to_owned(), type_name: type_name() });
        }
    }
    Ok(inputs)
}

fn origin(origin: Option<proto::Origin>) -> Result<(Option<Arc<Cause>>, Source), BadBook> {
    let Some(origin) = origin else { return Ok((None, Source::Client)) };
    let (Some(cause), Some(recorded_at)) = (origin.cause, origin.recorded_at) else {
        return Err(BadBook::Reserved("origin"));
    };
    let cause = Cause::try_from(cause).map_err(BadBook::BadRoot)?;
    Ok((Some(Arc::new(cause)), Source::Consumer { recorded_at }))
}
