//! What consumers send: commands with keys that make a retry harmless.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use prost::Message;
use prost_types::Timestamp;
use tracing::Span;

use super::business::{BusinessCoordinator, Request};
use super::elsewhere::Routes;
use super::outcome::Outcome;
use crate::component::AggregateSpec;
use crate::context::{Context, Decision};
use crate::error::{BadBook, Error};
use crate::id::{Purpose, Trigger, consumer_key, root_id};
use crate::message::{Outgoing, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{Cause, Load, Record, RecordKind, Store, StoreError, StreamId};
use crate::telemetry::span::{self, component_span};
use crate::telemetry::traceparent_text;

/// The aggregates of an application, by domain, and the ways to those of other processes.
pub(crate) struct Router {
    pub(crate) aggregates: HashMap<&'static str, Arc<BusinessCoordinator>>,
    /// Domains of process managers, too.
    pub(crate) owned: BTreeSet<&'static str>,
    pub(crate) routes: Option<Arc<dyn Routes>>,
    pub(crate) store: Arc<dyn Store>,
}

/// Who decides on a book.
enum Owner<'a> {
    Here(&'a Arc<BusinessCoordinator>),
    Elsewhere(&'a dyn Routes),
}

impl Router {
    /// Has a book decided by the aggregate that owns its domain, wherever that is.
    pub(crate) async fn execute(&self, book: proto::CommandBook) -> Result<Outcome, Error> {
        match self.owner(&book)? {
            Owner::Here(coordinator) => decide(coordinator, book).await,
            Owner::Elsewhere(routes) => {
                Request::check_cover(&book)?;
                let domain = domain(&book)?.to_owned();
                routes.execute(&domain, book).await
            }
        }
    }

    /// The same, of a book that another process has sent on: it goes no further.
    #[cfg(feature = "grpc")]
    pub(crate) async fn execute_here(&self, book: proto::CommandBook) -> Result<Outcome, Error> {
        let domain = domain(&book)?;
        decide(self.find(domain).ok_or_else(|| self.unknown(domain))?, book).await
    }

    /// Refuses a book that nobody could decide on, as far as that is known here.
    pub(crate) fn check(&self, book: &proto::CommandBook) -> Result<(), BadBook> {
        match self.owner(book)? {
            Owner::Here(coordinator) => {
                Request::parse(book.clone(), coordinator.logic.spec(), coordinator.now()).map(drop)
            }
            Owner::Elsewhere(_) => Request::check_cover(book).map(drop),
        }
    }

    /// What a book was answered with earlier; none if it was not.
    ///
    /// # Errors
    /// The refusal that is recorded. What loading can yield.
    pub(crate) async fn answered(&self, book: proto::CommandBook) -> Result<Option<Outcome>, Error> {
        match self.owner(&book)? {
            Owner::Here(coordinator) => {
                // What is no request was never accepted.
                let Ok(request) = Request::parse(book, coordinator.logic.spec(), coordinator.now()) else {
                    return Ok(None);
                };
                coordinator.answered(request).await
            }
            // What was answered stands in the log, which is the same.
            Owner::Elsewhere(_) => {
                let Ok(root) = Request::check_cover(&book) else { return Ok(None) };
                let stream = StreamId::new(domain(&book)?, root);
                let load = Load { idempotency_key: Some(book.idempotency_key), from: u32::MAX, ..Load::of(stream) };
                let Some(records) = self.store.load(load).await?.recorded else { return Ok(None) };
                match refusal(&records)? {
                    Some(rejection) => Err(Error::Rejected(rejection)),
                    None => Ok(Some(Outcome { duplicate: true, ..Outcome::default() })),
                }
            }
        }
    }

    /// Reports a refusal to the aggregate whose event led to the command, wherever that is.
    ///
    /// # Errors
    /// [`Error::Uncompensated`] if it does not want to know. What deciding can yield.
    pub(crate) async fn compensate(&self, refused: proto::CompensateRequest) -> Result<(), Error> {
        let domain = refused.cover.as_ref().map(|cover| cover.domain.clone()).unwrap_or_default();
        match self.route(&domain) {
            Some(routes) => {
                let command = refused.command.clone().map(Payload::from_any);
                let rejection = refused.rejection.clone().unwrap_or_default().into();
                match routes.compensate(&domain, refused).await {
                    Err(error) if error.code() == UNCOMPENSATED => Err(uncompensated(command, rejection)),
                    reported => reported,
                }
            }
            None => self.compensate_here(refused).await.map(drop),
        }
    }

    /// The same, of a report that another process has sent on.
    pub(crate) async fn compensate_here(&self, refused: proto::CompensateRequest) -> Result<Outcome, Error> {
        let domain = refused.cover.as_ref().map(|cover| cover.domain.as_str()).unwrap_or_default();
        let command = refused.command.clone().map(Payload::from_any);
        let takes = |spec: &AggregateSpec| {
            command.as_ref().is_some_and(|command| spec.compensations.contains(&&*command.type_name))
        };
        let Some(source) = self.find(domain).filter(|found| takes(found.logic.spec())) else {
            return Err(uncompensated(command, refused.rejection.unwrap_or_default().into()));
        };
        let request = Request::compensation(refused, source.logic.spec(), source.now())?;
        source.execute(request).await
    }

    fn owner(&self, book: &proto::CommandBook) -> Result<Owner<'_>, BadBook> {
        let domain = domain(book)?;
        if let Some(coordinator) = self.find(domain) {
            return Ok(Owner::Here(coordinator));
        }
        let routes = self.route(domain).ok_or_else(|| self.unknown(domain))?;
        Ok(Owner::Elsewhere(&**routes))
    }

    /// What leads to the owner of a domain that nobody here owns.
    pub(crate) fn route(&self, domain: &str) -> Option<&Arc<dyn Routes>> {
        self.routes.as_ref().filter(|routes| !self.owned.contains(domain) && routes.lead_to(domain))
    }

    pub(crate) fn find(&self, domain: &str) -> Option<&Arc<BusinessCoordinator>> {
        self.aggregates.get(domain)
    }

    /// The mistake of naming a domain that nobody owns, as far as is known here.
    pub(crate) fn unknown(&self, domain: &str) -> BadBook {
        let here = self.aggregates.keys().map(|domain| (*domain).to_owned());
        let known: BTreeSet<String> = here.chain(self.routes.iter().flat_map(|routes| routes.domains())).collect();
        BadBook::UnknownDomain { domain: domain.to_owned(), known: known.into_iter().collect() }
    }
}

/// Of [`Error::Uncompensated`].
const UNCOMPENSATED: &str = "REJECTED_UNCOMPENSATED";

fn uncompensated(command: Option<Payload>, rejection: Rejection) -> Error {
    let command = command.map(|command| command.type_name.to_string()).unwrap_or_default();
    Error::Uncompensated { command, rejection }
}

async fn decide(coordinator: &Arc<BusinessCoordinator>, book: proto::CommandBook) -> Result<Outcome, Error> {
    let request = Request::parse(book, coordinator.logic.spec(), coordinator.now())?;
    coordinator.execute(request).await
}

fn domain(book: &proto::CommandBook) -> Result<&str, BadBook> {
    book.cover.as_ref().map(|cover| cover.domain.as_str()).ok_or(BadBook::NoCover)
}

/// The refusal that a book records, if it is one.
pub(crate) fn refusal(records: &[Record]) -> Result<Option<Rejection>, StoreError> {
    let Some(record) = records.first().filter(|record| record.kind == RecordKind::Refusal) else { return Ok(None) };
    let refusal = proto::Refusal::decode(record.payload.value.clone()).ok();
    let rejection = refusal.and_then(|refusal| refusal.rejection).ok_or_else(|| {
        let reason = format!("the refusal at position {} does not decode", record.position);
        StoreError::Damaged { reason }
    })?;
    Ok(Some(rejection.into()))
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
