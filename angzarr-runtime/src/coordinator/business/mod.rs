//! Commands become events: load, decide, append; on a conflict, again.

mod decide;
mod request;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use prost::Message;
use tokio::sync::Mutex;
use tracing::Instrument;

use super::log::Log;
use super::state::{self, Folded, Found};
use crate::component::AggregateLogic;
use crate::error::{BadBook, Error};
use crate::message::Payload;
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{NewBook, NewRecord, Record, RecordKind, StoreError, StreamId};
use decide::Decision;

pub(crate) use request::{Request, Source, correlation_id};

/// How often a command is decided at most while other writers are faster.
const ATTEMPTS: u32 = 16;

/// Streams share this many locks.
const LOCKS: usize = 1024;

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
    // Commands of one root take turns here, so that within one process they do not conflict. The check by
    // sequence stays: it is what holds against other writers.
    turns: Vec<Mutex<()>>,
}

impl BusinessCoordinator {
    pub(crate) fn new(logic: Arc<dyn AggregateLogic>, log: Arc<Log>) -> Self {
        Self { logic, log, turns: std::iter::repeat_with(Mutex::default).take(LOCKS).collect() }
    }

    /// Decides on a request and stores what follows.
    pub(crate) async fn execute(&self, request: Request) -> Result<Outcome, Error> {
        let span = tracing::info_span!(
            "aggregate.handle",
            domain = self.logic.spec().domain,
            correlation_id = %request.trace.correlation_id
        );
        async {
            let _turn = self.turn(&request.stream).await;
            for _ in 0..ATTEMPTS {
                if request.deadline.is_some_and(|deadline| SystemTime::now() > deadline) {
                    return Err(Error::DeadlineExceeded);
                }
                match self.attempt(&request).await {
                    Err(Error::Store(StoreError::Conflict { .. })) if request.expected.is_none() => {}
                    result => return result,
                }
            }
            Err(Error::Contention { attempts: ATTEMPTS })
        }
        .instrument(span)
        .await
    }

    async fn attempt(&self, request: &Request) -> Result<Outcome, Error> {
        let spec = self.logic.spec();
        let key = request.idempotency_key.as_deref();
        let mut folded = match state::load(&self.log, self.logic.stateful(), spec.name, &request.stream, key).await? {
            Found::Recorded(records) => return self.recorded(records),
            Found::State(folded) => folded,
        };
        if let Some(expected) = request.expected
            && expected != folded.next_sequence
        {
            return Err(StoreError::Conflict { expected, actual: folded.next_sequence }.into());
        }
        match decide::decide(&*self.logic, &mut folded.state, request)? {
            Decision::Append(records) => self.append(request, folded, records).await,
            Decision::Refuse { command, rejection } => {
                if request.source != Source::Client {
                    return self.record_refusal(request, &folded, command, rejection).await;
                }
                Err(Error::Rejected(rejection))
            }
        }
    }

    async fn append(&self, request: &Request, mut folded: Folded, records: Vec<NewRecord>) -> Result<Outcome, Error> {
        if records.is_empty() && request.idempotency_key.is_none() {
            return Ok(outcome(Vec::new(), false));
        }
        let appended = self.log.append(request.book(folded.next_sequence, records)).await?;
        if appended.duplicate {
            return self.recorded(appended.records);
        }
        if let Some(last) = appended.records.last() {
            folded.next_sequence = last.sequence + 1;
            state::snapshot_if_due(&self.log, self.logic.stateful(), self.logic.spec().name, &request.stream, &folded)
                .await;
        }
        Ok(outcome(appended.records, false))
    }

    async fn record_refusal(
        &self,
        request: &Request,
        folded: &Folded,
        command: Payload,
        rejection: Rejection,
    ) -> Result<Outcome, Error> {
        let refusal = proto::Refusal { rejection: Some(rejection.clone().into()), command: Some(command.to_any()) };
        let record = NewRecord { kind: RecordKind::Refusal, payload: Payload::named(&refusal), occurred_at: None };
        let appended = self.log.append(request.book(folded.next_sequence, vec![record])).await?;
        if appended.duplicate { self.recorded(appended.records) } else { Err(Error::Rejected(rejection)) }
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
        let position = records.last().map_or(0, |record| record.position);
        let mut current = Vec::new();
        for record in records {
            self.log.upcasts.current(record, &mut current)?;
        }
        Ok(Outcome { position, ..outcome(current, true) })
    }

    /// Appends history that was decided elsewhere.
    pub(crate) async fn import(&self, book: NewBook) -> Result<Outcome, Error> {
        let spec = self.logic.spec();
        if book.records.is_empty() {
            return Err(BadBook::Empty.into());
        }
        for record in &book.records {
            let type_name = &*record.payload.type_name;
            if !spec.events.contains(&type_name) && !self.log.upcasts.is_old(spec.domain, type_name) {
                let bad = BadBook::UnknownEvent { domain: spec.domain.into(), type_name: type_name.into() };
                return Err(bad.into());
            }
        }
        let _turn = self.turn(&book.stream).await;
        let appended = self.log.append(book).await?;
        // What was imported may be of old types; the answer is in current ones.
        let duplicate = appended.duplicate;
        Ok(Outcome { duplicate, ..self.recorded(appended.records)? })
    }

    async fn turn(&self, stream: &StreamId) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        stream.root.hash(&mut hasher);
        let slot = usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or_default();
        self.turns[slot].lock().await
    }
}

fn outcome(events: Vec<Record>, duplicate: bool) -> Outcome {
    let position = events.last().map_or(0, |record| record.position);
    Outcome { events, duplicate, position, waited_for: Vec::new() }
}
