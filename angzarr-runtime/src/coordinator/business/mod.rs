//! Commands become events.
//!
//! Commands of one root take turns: a *round* takes what has gathered for it, decides each on the state that the earlier
//! ones leave, and appends all their books at once, before the first is known to be stored. Nobody is answered
//! before that. The state stays warm between rounds; what keeps it honest is that every append names its
//! sequence, and that an answer without an append is given only after the store was asked.

mod decide;
mod request;
mod round;
mod turns;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use prost_types::Timestamp;
use tokio::sync::oneshot;
use tracing::Span;

use super::give_way;
use super::log::Log;
use super::outcome::Outcome;
use super::outgoing::refusal;
use super::state;
use crate::component::AggregateLogic;
use crate::error::{BadBook, Error};
use crate::failure::Failure;
use crate::message::Payload;
use crate::store::{AsOf, Load, Record, RecordKind, StoreError, StreamId};
use crate::telemetry::measure::{self, Durations};
use crate::telemetry::span::{self, component_span};
use decide::{Answer, Step, plan};
use turns::{Pending, Running, Turns, WARM_BYTES};

#[cfg(feature = "grpc")]
pub(crate) use request::root;
pub(crate) use request::{Request, Source, Work, check_texts, correlation_id};

/// What a command would lead to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Speculation {
    /// The events that it would store, in current versions.
    pub events: Vec<Payload>,
    /// The sequence of the first of them; of the next event, if there is none.
    pub first_sequence: u32,
}

/// What comes of a request.
pub(crate) enum Reply {
    /// Of one that stores something.
    Stored(Outcome),
    /// Of a query.
    Found(Payload),
}

/// The coordinator of one aggregate.
pub(crate) struct BusinessCoordinator {
    pub(crate) logic: Arc<dyn AggregateLogic>,
    log: Arc<Log>,
    turns: Arc<Turns>,
    durations: Durations,
}

impl BusinessCoordinator {
    /// Keeps at most so many bytes of states warm.
    pub(crate) fn new(logic: Arc<dyn AggregateLogic>, log: Arc<Log>, warm: usize) -> Self {
        let spec = logic.spec();
        let labels = [("component", spec.name), ("domain", spec.domain)];
        let durations = Durations::new(log.measuring, measure::COMMAND, &labels);
        Self { logic, log, turns: Arc::new(Turns::new(WARM_BYTES.min(warm))), durations }
    }

    /// The present instant, by the log's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.log.clock.now()
    }

    /// How many states it keeps in memory between rounds, and how many bytes they have.
    pub(crate) fn warm(&self) -> (usize, usize) {
        self.turns.warm()
    }

    /// Waits until no rounds are held.
    pub(crate) async fn idle(&self) {
        self.turns.idle().await;
    }

    /// Decides on a request, or takes an import, and stores what follows. That happens even if the caller goes away meanwhile.
    pub(crate) async fn execute(self: &Arc<Self>, request: Request) -> Result<Outcome, Error> {
        let (span, request) = self.handling(request);
        match self.durations.measure(span, self.take_turn(request)).await? {
            Reply::Stored(outcome) => Ok(outcome),
            Reply::Found(_) => Err(mismatched()),
        }
    }

    /// The span of a request, and the request as a part of it.
    fn handling(&self, request: Request) -> (Span, Box<Request>) {
        let mut request = Box::new(request);
        let span = component_span!("aggregate.handle", self.logic.spec().name, request.stream, request.trace);
        request.trace.traceparent = span::go_on(&span, request.trace.traceparent);
        request.span = span.clone();
        (span, request)
    }

    /// What is recorded under the key of a request; none if it has none, or nothing is.
    pub(crate) async fn answered(&self, request: Request) -> Result<Option<Outcome>, Error> {
        let idempotency_key = request.idempotency_key.clone();
        let load = Load { idempotency_key, from: u32::MAX, ..Load::of(request.stream.clone()) };
        let Some(records) = self.log.store.load(load).await?.recorded else { return Ok(None) };
        match self.recorded(&request, records).await? {
            Reply::Stored(outcome) => Ok(Some(outcome)),
            Reply::Found(_) => Err(mismatched()),
        }
    }

    /// Answers a query: on the present state in its turn, behind the commands that came before it; else on the state of
    /// then.
    pub(crate) async fn query(self: &Arc<Self>, request: Request, as_of: AsOf) -> Result<Payload, Error> {
        let (span, request) = self.handling(request);
        let reply = Durations::default().measure(span, self.reply(request, as_of)).await?;
        match reply {
            Reply::Found(answer) => Ok(answer),
            Reply::Stored(_) => Err(mismatched()),
        }
    }

    async fn reply(self: &Arc<Self>, request: Box<Request>, as_of: AsOf) -> Result<Reply, Error> {
        match as_of {
            AsOf::Now => self.take_turn(request).await,
            then => match self.supposed(&request, then).await? {
                Step::Answer(answer) => self.answer(answer),
                Step::Append { .. } => Err(mismatched()),
            },
        }
    }

    /// What a request would have led to then, with nothing stored and no warm state touched.
    pub(crate) async fn speculate(&self, request: &Request, as_of: AsOf) -> Result<Speculation, Error> {
        match self.supposed(request, as_of).await? {
            Step::Append { book, .. } => {
                let events = book.records.into_iter().map(|record| record.payload).collect();
                Ok(Speculation { events, first_sequence: book.expected.unwrap_or_default() })
            }
            Step::Answer(Answer::Unchanged { next_sequence }) => {
                Ok(Speculation { events: Vec::new(), first_sequence: next_sequence })
            }
            Step::Answer(answer) => self.answer(answer).and(Err(mismatched())),
        }
    }

    /// The step of a single request on a state that is loaded for it.
    async fn supposed(&self, request: &Request, as_of: AsOf) -> Result<Step, Error> {
        let (logic, name) = (&*self.logic, self.logic.spec().name);
        let stream = request.stream.clone();
        let mut folded = state::folded_as_of(&self.log, logic.stateful(), name, stream, as_of).await?;
        let mut planned = plan(logic, &mut folded, self.now(), std::iter::once(request)).await;
        planned.steps.pop().ok_or_else(mismatched)
    }

    /// An answer that stores nothing, for whoever asked.
    fn answer(&self, answer: Answer) -> Result<Reply, Error> {
        match answer {
            Answer::Unchanged { .. } => Ok(Reply::Stored(Outcome::default())),
            Answer::Found(found) => Ok(Reply::Found(found)),
            Answer::Rejected(rejection) => Err(Error::Rejected(rejection)),
            Answer::Conflict { expected, actual } => Err(StoreError::Conflict { expected, actual }.into()),
            Answer::Failed(failure) => Err(failure.into()),
        }
    }

    /// Checks that the domain knows events that were decided elsewhere, and can read them.
    pub(crate) async fn check_import(&self, events: impl Iterator<Item = &Payload>) -> Result<(), Error> {
        let spec = self.logic.spec();
        let mut old = Vec::new();
        for event in events.filter(|event| !spec.events.contains(&&*event.type_name)) {
            if !self.log.upcasts.is_old(spec.domain, &event.type_name) {
                let (domain, type_name) = (spec.domain.to_owned(), event.type_name.to_string());
                return Err(BadBook::UnknownEvent { domain, type_name }.into());
            }
            old.push(event.clone());
        }
        Ok(self.log.upcasts.check(spec.domain, old).await?)
    }

    async fn take_turn(self: &Arc<Self>, request: Box<Request>) -> Result<Reply, Error> {
        let stream = request.stream.clone();
        let lost = || Failure::new("ANSWER_LOST", "the round that was to answer ended early; see the log for why");
        let (answer, answered) = oneshot::channel();
        let room = self.turns.room().await.ok_or_else(lost)?;
        if let Some(running) = Turns::enqueue(&self.turns, stream.root, Pending::new(request, answer, room)) {
            let mut rounds = Box::pin(self.clone().rounds(stream, running));
            // The first step is the caller's: for whoever is alone with a warm root it is often the whole of it. The rest
            // has a task of its own, so that nobody depends on how, or whether, this future is polled.
            if poll_fn(|cx| Poll::Ready(rounds.as_mut().poll(cx))).await.is_pending() {
                tokio::spawn(rounds);
            }
        }
        answered.await.unwrap_or_else(|_| Err(lost().into()))
    }

    /// Holds rounds for one root until nobody waits any more.
    async fn rounds(self: Arc<Self>, stream: StreamId, mut running: Running) {
        let mut warm = running.warm();
        loop {
            let batch = running.next();
            if !batch.is_empty() {
                let again;
                (warm, again) = round::hold(&self, &stream, batch, warm).await;
                let outrun = again.iter().map(|pending| pending.attempts).max();
                running.again(again);
                give_way(outrun.unwrap_or_default()).await;
                continue;
            }
            let size = warm.as_ref().map_or(0, |warm| self.logic.stateful().encoded_len(&warm.state));
            match running.end(warm, size) {
                Ok(()) => return,
                Err(not_yet) => warm = not_yet,
            }
        }
    }

    /// The answer that was given when the key was recorded.
    async fn recorded(&self, request: &Request, records: Vec<Record>) -> Result<Reply, Error> {
        if let (Some(fact), Some(key)) = (request.fact(), &request.idempotency_key)
            && !self.records_fact(fact, &records).await?
        {
            return Err(BadBook::ExternalIdTaken(key.clone()).into());
        }
        if let Some(rejection) = refusal(&records)? {
            return Err(Error::Rejected(rejection));
        }
        self.outcome(records, true).await
    }

    /// Whether a book is that of a fact of this type, be it in an old version.
    async fn records_fact(&self, fact: &Payload, records: &[Record]) -> Result<bool, Error> {
        let Some(first) = records.first().filter(|record| record.kind == RecordKind::Fact) else { return Ok(false) };
        let current = self.log.upcasts.all_current(vec![first.clone()]).await?;
        Ok(current.iter().all(|record| record.payload.type_name == fact.type_name))
    }

    /// The answer to what was stored just now.
    async fn stored(&self, records: Vec<Record>) -> Result<Reply, Error> {
        let position = records.last().map_or(0, |record| record.position);
        match self.outcome(records, false).await {
            // Nobody may take it for an error of the import itself, and do that again.
            Err(Error::Failed(failure)) => {
                let message = format!("everything is stored, up to position {position}, but not read: {failure}");
                Err(Failure::new("EVENTS_UNREAD", message).into())
            }
            outcome => outcome,
        }
    }

    async fn outcome(&self, records: Vec<Record>, duplicate: bool) -> Result<Reply, Error> {
        let position = records.last().map_or(0, |record| record.position);
        let events = self.log.upcasts.all_current(records).await?;
        Ok(Reply::Stored(Outcome { events, duplicate, position, ..Outcome::default() }))
    }
}

/// The failure of a round that answers something else than was asked; no round does.
fn mismatched() -> Error {
    Failure::new("ANSWER_LOST", "the round answered something else than was asked").into()
}
