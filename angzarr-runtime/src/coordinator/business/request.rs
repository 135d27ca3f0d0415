//! A command book, checked.

use std::sync::Arc;
use std::time::SystemTime;

use prost_types::Timestamp;
use uuid::Uuid;

use crate::component::{AggregateSpec, Input};
use crate::context::Context;
use crate::error::BadBook;
use crate::id::{self, root_id};
use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, NewBook, NewRecord, StreamId, Trace};
use crate::time;

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
}

/// Something to be done by one aggregate, for one root.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) stream: StreamId,
    pub(crate) key: Arc<str>,
    pub(crate) expected: Option<u32>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) work: Work,
    pub(crate) trace: Trace,
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
    pub(crate) fn parse(book: proto::CommandBook, spec: &AggregateSpec) -> Result<Self, BadBook> {
        let cover = book.cover.ok_or(BadBook::NoCover)?;
        if !cover.tenant.is_empty() {
            return Err(BadBook::Reserved("cover.tenant"));
        }
        if book.pages.is_empty() {
            return Err(BadBook::Empty);
        }
        let stream = StreamId::new(spec.domain, root(spec.domain, &cover)?);
        let key = if cover.key.is_empty() { stream.root.to_string() } else { id::canonical_key(&cover.key) };
        let expected = book.pages[0].sequence;
        let (cause, source) = origin(book.origin)?;
        Ok(Self {
            stream,
            key: key.into(),
            expected,
            idempotency_key: Some(book.idempotency_key).filter(|key| !key.is_empty()),
            work: Work::Decide(inputs(book.pages, spec)?),
            trace: Trace { correlation_id: correlation_id(cover.correlation_id), cause },
            source,
            deadline: book.deadline.map(|deadline| SystemTime::try_from(deadline).unwrap_or(SystemTime::UNIX_EPOCH)),
            occurred_at: None,
            arrived: time::now(),
            seed: Uuid::new_v4(),
        })
    }

    /// The circumstances of its decision; the same ones each time it is made.
    pub(super) fn context(&self) -> Context {
        let (now, decision) = match (&self.source, &self.idempotency_key) {
            (Source::Consumer { recorded_at }, Some(key)) => (*recorded_at, key.parse().unwrap_or(self.seed)),
            (Source::Consumer { recorded_at }, None) => (*recorded_at, self.seed),
            (Source::Client, Some(key)) => {
                (self.arrived, id::client_decision(&self.stream.domain, self.stream.root, key))
            }
            (Source::Client, None) => (self.arrived, self.seed),
        };
        let cause = self.trace.cause.as_deref().cloned();
        Context::new(
            self.stream.clone(),
            self.key.to_string(),
            self.trace.correlation_id.to_string(),
            cause,
            now,
            decision,
        )
    }

    /// The book to append if the stream's next sequence is `next`.
    pub(super) fn book(&self, next: u32, records: Vec<NewRecord>) -> NewBook {
        NewBook {
            stream: self.stream.clone(),
            key: self.key.clone(),
            expected: Some(next),
            idempotency_key: self.idempotency_key.clone(),
            records,
            cleared: Vec::new(),
            created_at: time::now(),
            trace: self.trace.clone(),
        }
    }
}

/// The given correlation id, or a new one: ordered by time, so that the index of the log grows at one end.
pub(crate) fn correlation_id(given: String) -> Arc<str> {
    if given.is_empty() { Uuid::now_v7().to_string().into() } else { given.into() }
}

fn root(domain: &str, cover: &proto::Cover) -> Result<Uuid, BadBook> {
    let derived = root_id(domain, &cover.key);
    let Some(given) = &cover.root else { return derived.ok_or(BadBook::NoRoot) };
    let given = Uuid::try_from(given).map_err(BadBook::BadRoot)?;
    match derived {
        Some(derived) if derived != given => Err(BadBook::RootMismatch(cover.key.clone())),
        _ => Ok(given),
    }
}

fn inputs(pages: Vec<proto::CommandPage>, spec: &AggregateSpec) -> Result<Vec<Input>, BadBook> {
    let mut inputs = Vec::with_capacity(pages.len());
    for (index, page) in pages.into_iter().enumerate() {
        let command = Payload::from_any(page.command.ok_or(BadBook::NoCommand(index))?);
        if !spec.commands.contains(&&*command.type_name) {
            let (domain, type_name) = (spec.domain.to_owned(), command.type_name.to_string());
            return Err(BadBook::UnknownCommand { domain, type_name });
        }
        inputs.push(Input::Command(command));
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
