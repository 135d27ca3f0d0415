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

use std::sync::Arc;

use prost::Message;
use tokio::sync::{RwLock, oneshot};
use tracing::Instrument;

use super::log::Log;
use super::state::Folded;
use crate::component::AggregateLogic;
use crate::error::Error;
use crate::failure::Failure;
use crate::proto;
use crate::store::{Record, RecordKind, StoreError, StreamId};
use turns::{Pending, Turns};

pub(crate) use request::{Request, Source, Work, correlation_id};

/// What came of a command book.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// The events stored, in current versions; those of the first book if this one is a duplicate.
    pub events: Vec<Record>,
    /// Whether the idempotency key was recorded before.
    pub duplicate: bool,
    /// Position of the last record; 0 if nothing was stored.
    pub position: u64,
    /// Full names of the consumers that were waited for.
    pub waited_for: Vec<String>,
}

/// The coordinator of one aggregate.
pub(crate) struct BusinessCoordinator {
    pub(crate) logic: Arc<dyn AggregateLogic>,
    log: Arc<Log>,
    turns: Turns,
    /// Held for reading as long as rounds are held.
    busy: RwLock<()>,
}

impl BusinessCoordinator {
    pub(crate) fn new(logic: Arc<dyn AggregateLogic>, log: Arc<Log>) -> Self {
        Self { logic, log, turns: Turns::new(), busy: RwLock::new(()) }
    }

    /// Waits until no rounds are held.
    pub(crate) async fn idle(&self) {
        drop(self.busy.write().await);
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

    /// Whether the domain knows an event, in its current version or an old one.
    pub(crate) fn knows(&self, type_name: &str) -> bool {
        let spec = self.logic.spec();
        spec.events.contains(&type_name) || self.log.upcasts.is_old(spec.domain, type_name)
    }

    async fn take_turn(self: &Arc<Self>, request: Request) -> Result<Outcome, Error> {
        let stream = request.stream.clone();
        let (answer, answered) = oneshot::channel();
        let first = self.turns.enqueue(stream.root, Pending::new(request, answer));
        if first {
            tokio::spawn(self.clone().rounds(stream));
        }
        let lost = || Failure::new("ANSWER_LOST", "the round that was to answer ended early; see the log for why");
        answered.await.unwrap_or_else(|_| Err(lost().into()))
    }

    /// Holds rounds for one root until nobody waits any more.
    async fn rounds(self: Arc<Self>, stream: StreamId) {
        let _busy = self.busy.read().await;
        let running = self.turns.running(stream.root);
        let size = |folded: &Folded| self.logic.stateful().encoded_len(&folded.state);
        let mut warm = None;
        while let Some((batch, found)) = self.turns.next(stream.root, warm, size) {
            warm = round::hold(&self, &stream, batch, found).await;
        }
        running.done();
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
        Ok(Outcome { events, duplicate, position, waited_for: Vec::new() })
    }
}
