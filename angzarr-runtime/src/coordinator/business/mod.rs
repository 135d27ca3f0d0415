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

use prost::Message;
use tokio::sync::oneshot;
use tracing::Instrument;

use super::log::Log;
use super::outcome::Outcome;
use crate::component::AggregateLogic;
use crate::error::{BadBook, Error};
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::store::{Record, RecordKind, StoreError, StreamId};
use turns::{Pending, Running, Turns};

pub(crate) use request::{Request, Source, Work, correlation_id};

/// The coordinator of one aggregate.
pub(crate) struct BusinessCoordinator {
    pub(crate) logic: Arc<dyn AggregateLogic>,
    log: Arc<Log>,
    turns: Arc<Turns>,
}

impl BusinessCoordinator {
    pub(crate) fn new(logic: Arc<dyn AggregateLogic>, log: Arc<Log>) -> Self {
        Self { logic, log, turns: Arc::new(Turns::new()) }
    }

    /// Waits until no rounds are held.
    pub(crate) async fn idle(&self) {
        self.turns.idle().await;
    }

    /// Decides on a request, or takes an import, and stores what follows. That happens even if the caller goes away meanwhile.
    pub(crate) async fn execute(self: &Arc<Self>, request: Request) -> Result<Outcome, Error> {
        let span = tracing::info_span!(
            "aggregate.handle",
            domain = self.logic.spec().domain,
            correlation_id = %request.trace.correlation_id
        );
        self.take_turn(request).instrument(span).await
    }

    /// Checks that the domain knows an event that was decided elsewhere, and can read it.
    pub(crate) fn check_import(&self, event: &Payload) -> Result<(), Error> {
        let spec = self.logic.spec();
        if spec.events.contains(&&*event.type_name) {
            return Ok(());
        }
        if !self.log.upcasts.is_old(spec.domain, &event.type_name) {
            let (domain, type_name) = (spec.domain.to_owned(), event.type_name.to_string());
            return Err(BadBook::UnknownEvent { domain, type_name }.into());
        }
        Ok(self.log.upcasts.check(spec.domain, event)?)
    }

    async fn take_turn(self: &Arc<Self>, request: Request) -> Result<Outcome, Error> {
        let stream = request.stream.clone();
        let lost = || Failure::new("ANSWER_LOST", "the round that was to answer ended early; see the log for why");
        let (answer, answered) = oneshot::channel();
        let room = self.turns.room().await.ok_or_else(lost)?;
        if let Some(running) = Turns::enqueue(&self.turns, stream.root, Pending::new(request, answer, room)) {
            // The first step is the caller's: for whoever is alone with a warm root it is often the whole of it. The rest
            // has a task of its own, so that nobody depends on how, or whether, this future is polled.
            let mut rounds = Box::pin(self.clone().rounds(stream, running));
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
                running.again(again);
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
    fn recorded(&self, records: Vec<Record>) -> Result<Outcome, Error> {
        if let Some(record) = records.first()
            && record.kind == RecordKind::Refusal
        {
            let refusal = proto::Refusal::decode(record.payload.value.clone()).ok();
            let rejection = refusal.and_then(|refusal| refusal.rejection).ok_or_else(|| {
                let reason = format!("the refusal at position {} does not decode", record.position);
                StoreError::Damaged { reason }
            })?;
            return Err(Error::Rejected(rejection.into()));
        }
        self.outcome(records, true)
    }

    fn outcome(&self, records: Vec<Record>, duplicate: bool) -> Result<Outcome, Error> {
        let position = records.last().map_or(0, |record| record.position);
        let mut events = Vec::with_capacity(records.len());
        for record in records {
            self.log.upcasts.current(record, &mut events)?;
        }
        Ok(Outcome { events, duplicate, position, ..Outcome::default() })
    }
}
