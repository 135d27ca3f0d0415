//! Events become steps of a process: one book each, from which its commands are sent.

use std::sync::Arc;

use async_trait::async_trait;
use prost::Message;
use tracing::Instrument;

use super::consumer::Consumer;
use super::log::Log;
use super::outgoing::{Router, cause, command_book, context_in, trigger};
use super::state::{self, Folded, Found};
use super::{ATTEMPTS, guarded_async};
use crate::component::{Delivery, ProcessInput, ProcessManagerLogic, Subscription};
use crate::error::{BadBook, Error};
use crate::failure::Failure;
use crate::id::{Purpose, canonical_key, consumer_key, root_id};
use crate::message::{Emission, Outgoing, Payload};
use crate::proto;
use crate::store::{AsOf, Lease, NewBook, NewRecord, Record, RecordKind, StoreError, StreamId, Trace};
use crate::time;
use crate::view::Key;

/// What a process manager would do because of an event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpeculatedStep {
    /// Natural id of its instance.
    pub key: String,
    /// The events that it would store.
    pub events: Vec<Payload>,
    /// The commands and facts that it would send.
    pub commands: Vec<Outgoing>,
}

/// The coordinator of one process manager.
pub(crate) struct ProcessManagerCoordinator {
    pub(crate) logic: Arc<dyn ProcessManagerLogic>,
    pub(crate) router: Arc<Router>,
    pub(crate) log: Arc<Log>,
    pub(crate) delivery: Delivery,
}

#[async_trait]
impl Consumer for ProcessManagerCoordinator {
    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn subscriptions(&self) -> &'static [Subscription] {
        self.logic.spec().subscriptions
    }

    fn is_projector(&self) -> bool {
        false
    }

    fn lane(&self, event: &Record) -> Result<String, Failure> {
        self.key(event)
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn react(&self, event: &Record) -> Result<(), Error> {
        let span = tracing::info_span!("pm.orchestrate", process_manager = self.name(), correlation_id = %event.trace.correlation_id);
        async {
            for record in self.step(event).await? {
                if record.kind == RecordKind::Commands {
                    self.send(&record).await?;
                }
            }
            Ok(())
        }
        .instrument(span)
        .await
    }

    async fn checkpoint(&self) -> Result<u64, StoreError> {
        self.log.store.checkpoint(self.name()).await
    }

    async fn take(&self, _lease: &Lease) -> Result<u64, StoreError> {
        self.checkpoint().await
    }

    async fn commit(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        self.log.store.save_checkpoint(lease, position).await
    }
}

impl ProcessManagerCoordinator {
    /// The instance's natural id: what the handler names, or the conversation. In its canonical form, so that events of
    /// one instance share a lane however they spell it.
    fn key(&self, event: &Record) -> Result<String, Failure> {
        let named = self.logic.key(&event.payload)?;
        let key = named.unwrap_or_else(|| Key::from(&*event.trace.correlation_id));
        Ok(canonical_key(&key.to_string()))
    }

    /// The stream of the instance that an event is for, and its natural id.
    fn instance(&self, event: &Record) -> Result<(StreamId, String), Error> {
        let (domain, key) = (self.logic.spec().domain, self.key(event)?);
        Ok((StreamId::new(domain, root_id(domain, &key).ok_or(BadBook::NoRoot)?), key))
    }

    /// What to store and to send because of an event; nothing if it finds no instance and does not start one.
    async fn decide(
        &self,
        event: &Record,
        folded: &Folded,
        stream: &StreamId,
        key: &str,
    ) -> Result<Vec<Emission>, Failure> {
        let spec = self.logic.spec();
        if folded.next_sequence == 0 && !spec.starts.contains(&&*event.payload.type_name) {
            tracing::debug!(process_manager = spec.name, key, position = event.position, "no instance");
            return Ok(Vec::new());
        }
        let cx = context_in(spec.name, event, stream.clone(), key);
        let reaction = self.logic.react(&folded.state, ProcessInput::Event(&event.payload), &cx);
        guarded_async(spec.name, self.delivery.timeout, reaction).await
    }

    /// The step that an event would lead to, or would have led to then; nothing is stored.
    pub(crate) async fn speculate(&self, event: &Record, as_of: AsOf) -> Result<SpeculatedStep, Error> {
        let (stream, key) = self.instance(event)?;
        let (logic, name) = (self.logic.stateful(), self.logic.spec().name);
        let folded = state::folded_as_of(&self.log, logic, name, stream.clone(), as_of).await?;
        let mut step = SpeculatedStep { key: key.clone(), events: Vec::new(), commands: Vec::new() };
        for emission in self.decide(event, &folded, &stream, &key).await? {
            match emission {
                Emission::Event(payload) => step.events.push(payload),
                Emission::Command(outgoing) => step.commands.push(outgoing),
            }
        }
        Ok(step)
    }

    /// The recorded step that this event leads to: decided now, or the one of an earlier attempt.
    async fn step(&self, event: &Record) -> Result<Vec<Record>, Error> {
        let spec = self.logic.spec();
        let (stream, key) = self.instance(event)?;
        let idempotency_key = consumer_key(Purpose::Step, trigger(spec.name, event), 0).to_string();
        for _ in 0..ATTEMPTS {
            let folded = match state::load(&self.log, self.logic.stateful(), spec.name, &stream, Some(&idempotency_key))
                .await?
            {
                Found::Recorded(records) => return Ok(records),
                Found::State(folded) => folded,
            };
            // An event that is ignored is recorded as an empty step: delivered again, it stays ignored even if the instance
            // exists by then.
            let emissions = self.decide(event, &folded, &stream, &key).await?;
            let records = records(spec.name, event, emissions);
            match self.append(event, &stream, &key, &idempotency_key, folded, records).await {
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                result => return result,
            }
        }
        Err(Error::Contention { attempts: ATTEMPTS })
    }

    async fn append(
        &self,
        event: &Record,
        stream: &StreamId,
        key: &str,
        idempotency_key: &str,
        mut folded: Folded,
        records: Vec<NewRecord>,
    ) -> Result<Vec<Record>, Error> {
        let name = self.logic.spec().name;
        for record in records.iter().filter(|record| record.kind.is_event()) {
            state::fold(self.logic.stateful(), name, &mut folded.state, &record.payload)?;
        }
        let book = NewBook {
            stream: stream.clone(),
            key: key.into(),
            expected: Some(folded.next_sequence),
            idempotency_key: Some(idempotency_key.to_owned()),
            records,
            cleared: Vec::new(),
            created_at: time::now(),
            trace: Trace {
                correlation_id: event.trace.correlation_id.clone(),
                cause: Some(Arc::new(cause(name, event))),
            },
        };
        let appended = self.log.store.append(book).await?;
        if let Some(last) = appended.records.last().filter(|_| !appended.duplicate) {
            folded.next_sequence = last.sequence + 1;
            state::snapshot_if_due(&self.log, self.logic.stateful(), name, stream, &mut folded).await;
        }
        Ok(appended.records)
    }

    /// Sends the commands of a COMMANDS record, in order.
    async fn send(&self, record: &Record) -> Result<(), Error> {
        let issued = proto::CommandsIssued::decode(record.payload.value.clone()).map_err(|error| {
            let reason = format!("the commands at position {} do not decode: {error}", record.position);
            StoreError::Damaged { reason }
        })?;
        for book in issued.books {
            match self.router.execute(book).await {
                Ok(_) => {}
                Err(Error::Rejected(rejection)) => tracing::warn!(
                    process_manager = self.name(), position = record.position, %rejection,
                    "a command of a process was refused; the refusal stands in the target's stream"
                ),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The book of a step: its own events, then one record with every command.
fn records(name: &str, event: &Record, emissions: Vec<Emission>) -> Vec<NewRecord> {
    let record = |kind, payload| NewRecord { kind, payload, occurred_at: None, due: None };
    let (mut records, mut books) = (Vec::new(), Vec::new());
    for emission in emissions {
        match emission {
            Emission::Event(payload) => records.push(record(RecordKind::Event, payload)),
            Emission::Command(outgoing) => {
                let index = u32::try_from(books.len()).unwrap_or(u32::MAX);
                books.push(command_book(name, event, index, outgoing));
            }
        }
    }
    if !books.is_empty() {
        let issued = proto::CommandsIssued { books };
        records.push(record(RecordKind::Commands, Payload::named(&issued)));
    }
    records
}
