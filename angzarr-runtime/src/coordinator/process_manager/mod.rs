//! Events, deadlines and refusals become steps of a process: one book each, from which its commands are sent.

mod deadlines;
mod step;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use prost::Message;
use prost_types::Timestamp;
use tracing::Instrument;

use super::consumer::{Consumer, ConsumerKind, DueDeadlines, Lane};
use super::log::Log;
use super::outgoing::{Router, context_in};
use super::state::{self, Folded, Found};
use super::{check_chain, guarded_async, outgoing};
use crate::component::{Delivery, ProcessInput, ProcessManagerLogic, Subscription};
use crate::context::{Decision, Planned, PlannedDeadline};
use crate::error::{BadBook, Error};
use crate::failure::Failure;
use crate::id::{canonical_key, root_id};
use crate::message::{Emission, Outgoing, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{AsOf, Lease, Record, RecordKind, Store, StoreError, StreamId};
use crate::telemetry::measure::{self, Durations};
use crate::telemetry::span::{self, component_span};
use crate::telemetry::{Traceparent, traceparent_text};
use crate::view::Key;
use deadlines::Alarm;
use step::{Refused, Trigger};

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
    /// The deadlines that it would set, and, without a time, those it would cancel.
    pub deadlines: Vec<(String, Option<(Timestamp, Payload)>)>,
    /// Whether it would be the last step of the instance.
    pub completed: bool,
}

/// The coordinator of one process manager.
pub(crate) struct ProcessManagerCoordinator {
    pub(crate) logic: Arc<dyn ProcessManagerLogic>,
    router: Arc<Router>,
    log: Arc<Log>,
    delivery: Delivery,
    alarm: Alarm,
    /// How many triggers led to nothing since the start.
    ignored: AtomicU64,
    durations: Durations,
}

#[async_trait]
impl Consumer for ProcessManagerCoordinator {
    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn subscriptions(&self) -> &'static [Subscription] {
        self.logic.spec().subscriptions
    }

    fn kind(&self) -> ConsumerKind {
        ConsumerKind::ProcessManager
    }

    fn lane(&self, event: &Record) -> Result<Lane, Failure> {
        Ok(Arc::<str>::from(self.key(event)?).into())
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn react(&self, event: &Record, _lane: Lane) -> Result<(), Error> {
        let span = component_span!("pm.orchestrate", self.name(), event.stream, event.trace);
        span::go_on(&span, event.trace.traceparent);
        self.durations.measure(span, self.take_step(event)).await
    }

    /// Takes the refusals of the commands that it would have sent for granted.
    async fn compensate(&self, event: &Record) -> Result<(), Error> {
        let (stream, key) = self.instance(event)?;
        let trigger = Trigger::of(event)?;
        let folded = match self.load_for(&trigger, &stream).await? {
            Found::State(folded) => folded,
            Found::Recorded(_) => {
                let message = "its step is recorded, and its commands may have been accepted: replay it instead";
                return Err(Failure::new("NOT_COMPENSABLE", message).into());
            }
        };
        let (emissions, _) = self.decide(&trigger, &folded, &stream, &key).await?;
        let commands = emissions.into_iter().filter_map(|emission| match emission {
            Emission::Command(outgoing) => Some(outgoing),
            Emission::Event(_) => None,
        });
        let (mut steps, mut done) = (VecDeque::new(), Ok(()));
        for (index, outgoing) in (0..).zip(commands).filter(|(_, outgoing)| outgoing.is_command()) {
            let command = outgoing.payload.clone();
            let book = outgoing::command_book(self.name(), event, trigger.at(), index, outgoing);
            let refused = Refused { command, rejection: Rejection::discarded(), place: index, index, sent: &book };
            match self.report(event, refused).await {
                Ok(step) => steps.push_back(step),
                // The other commands have nothing to do with it.
                Err(error @ Error::Uncompensated { .. }) => done = done.and(Err(error)),
                Err(error) => return Err(error),
            }
        }
        self.send_all(steps).await?;
        done
    }

    fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    fn has_deadlines(&self) -> bool {
        !self.logic.spec().deadlines.is_empty()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.alarm.next()
    }

    async fn due(&self) -> Result<DueDeadlines, StoreError> {
        self.alarm.due(&self.log, self.logic.spec().domain).await
    }

    async fn forget(&self, deadline: &Record) -> Result<(), Error> {
        self.clear(deadline).await
    }

    fn store(&self) -> &dyn Store {
        &*self.log.store
    }

    async fn take(&self, _lease: &Lease) -> Result<u64, StoreError> {
        if self.has_deadlines() {
            self.alarm.look_at_once();
        }
        self.checkpoint().await
    }
}

impl ProcessManagerCoordinator {
    pub(crate) fn new(
        logic: Arc<dyn ProcessManagerLogic>,
        router: Arc<Router>,
        log: Arc<Log>,
        delivery: Delivery,
    ) -> Self {
        let labels = [("component", logic.spec().name)];
        let durations = Durations::new(log.measuring, measure::PROCESS_MANAGER, &labels);
        Self { logic, router, log, delivery, alarm: Alarm::default(), ignored: AtomicU64::new(0), durations }
    }

    /// The instance's natural id: what the handler names, or the conversation. In its canonical form, so that events of
    /// one instance share a lane however they spell it. A deadline is in the stream of its instance.
    fn key(&self, event: &Record) -> Result<String, Failure> {
        if event.kind == RecordKind::Deadline {
            return Ok(event.key.to_string());
        }
        let named = self.logic.key(&event.payload)?;
        let key = named.unwrap_or_else(|| Key::from(&*event.trace.correlation_id));
        Ok(canonical_key(&key.to_string()))
    }

    /// The stream of the instance that an event is for, and its natural id.
    fn instance(&self, event: &Record) -> Result<(StreamId, String), Error> {
        let (domain, key) = (self.logic.spec().domain, self.key(event)?);
        if event.kind == RecordKind::Deadline {
            return Ok((event.stream.clone(), key));
        }
        Ok((StreamId::new(domain, root_id(domain, &key).ok_or(BadBook::NoRoot)?), key))
    }

    async fn folded(&self, stream: &StreamId, as_of: AsOf) -> Result<Folded, Error> {
        state::folded_as_of(&self.log, self.logic.stateful(), self.name(), stream.clone(), as_of).await
    }

    /// Why a trigger leads to nothing, if it does: there is no instance and it starts none, or the instance has ended.
    fn ignores(&self, trigger: &Trigger<'_>, folded: &Folded) -> Option<&'static str> {
        if folded.completed && trigger.refused.is_none() {
            return Some("the instance has ended");
        }
        let starts = || self.logic.spec().starts.contains(&&*trigger.record.payload.type_name);
        (folded.next_sequence == 0 && !(trigger.is_event() && starts())).then_some("no instance")
    }

    /// What to store and to send; nothing if there is no instance and the event does not start one, or if the instance has
    /// come to its end, unless a command that it sent was refused.
    async fn decide(
        &self,
        trigger: &Trigger<'_>,
        folded: &Folded,
        stream: &StreamId,
        key: &str,
    ) -> Result<(Vec<Emission>, Planned), Failure> {
        let (spec, event) = (self.logic.spec(), trigger.record);
        if self.ignores(trigger, folded).is_some() {
            return Ok((Vec::new(), Planned::default()));
        }
        let mut cx =
            context_in(spec.name, event, stream.clone(), key.into()).at(trigger.at()).before(folded.next_sequence);
        if trigger.refused.is_some() {
            // Commands that were sent together have one cause.
            cx = cx.deciding(Decision::Known(trigger.key(spec.name)));
        }
        let input = match &trigger.refused {
            Some(Refused { command, rejection, .. }) => ProcessInput::Refusal { command, rejection },
            None => match &trigger.deadline {
                Some(passed) => ProcessInput::Deadline(&passed.payload),
                None => ProcessInput::Event(&event.payload),
            },
        };
        let reaction = self.logic.react(&folded.state, input, &cx);
        let emissions = guarded_async(spec.name, self.delivery.timeout, reaction).await?;
        Ok((emissions, cx.into_planned()))
    }

    /// The step that an event would lead to, or would have led to then; nothing is stored.
    pub(crate) async fn speculate(&self, event: &Record, as_of: AsOf) -> Result<SpeculatedStep, Error> {
        let (stream, key) = self.instance(event)?;
        let folded = self.folded(&stream, as_of).await?;
        let (emissions, planned) = self.decide(&Trigger::of(event)?, &folded, &stream, &key).await?;
        let deadline = |PlannedDeadline { name, due }| (name, due);
        let deadlines = planned.deadlines.into_iter().map(deadline).collect();
        let (mut events, mut commands) = (Vec::new(), Vec::new());
        for emission in emissions {
            match emission {
                Emission::Event(payload) => events.push(payload),
                Emission::Command(outgoing) => commands.push(outgoing),
            }
        }
        Ok(SpeculatedStep { key, events, commands, deadlines, completed: planned.completed })
    }

    /// Records the step and sends what it decided.
    async fn take_step(&self, event: &Record) -> Result<(), Error> {
        let records = self.step(&Trigger::of(event)?).await?;
        self.send_all(VecDeque::from([Step { records, first_index: 0 }])).await
    }

    /// Sends what steps decided; refusals lead to steps of their own.
    async fn send_all(&self, mut steps: VecDeque<Step>) -> Result<(), Error> {
        let mut done = Ok(());
        while let Some(Step { records, first_index }) = steps.pop_front() {
            for record in records.iter().filter(|record| record.kind == RecordKind::Commands) {
                // One that answers each refusal with a command that is refused would never come to an end.
                check_chain(record)?;
                for (place, book) in (0..).zip(issued(record)?) {
                    let command = book.pages.first().and_then(|page| page.command.clone()).map(Payload::from_any);
                    let executing = async { self.router.execute(sent_from_here(&book)).await };
                    match executing.instrument(outgoing::orchestration(self.name(), record)).await {
                        Ok(_) => {}
                        Err(Error::Rejected(rejection)) => {
                            let Some(command) = command else { continue };
                            let index = first_index.saturating_add(place);
                            let refused = Refused { command, rejection, place, index, sent: &book };
                            match self.report(record, refused).await {
                                Ok(step) => steps.push_back(step),
                                // The other commands have nothing to do with it.
                                Err(error @ Error::Uncompensated { .. }) => done = done.and(Err(error)),
                                Err(error) => return Err(error),
                            }
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        done
    }

    /// Takes the step that a refusal leads to; `record` is what led to the command.
    async fn report(&self, record: &Record, refused: Refused<'_>) -> Result<Step, Error> {
        if !self.logic.spec().compensations.contains(&&*refused.command.type_name) {
            let Refused { command, rejection, .. } = refused;
            return Err(Error::Uncompensated { command: command.type_name.to_string(), rejection });
        }
        let trigger = Trigger { record, deadline: None, refused: Some(refused) };
        Ok(Step { records: self.step(&trigger).await?, first_index: trigger.first_index() })
    }
}

/// A step that is recorded, and whose commands are to be sent.
struct Step {
    records: Vec<Record>,
    /// The number with which the key of the first command was made.
    first_index: u32,
}

/// A book that was recorded, as it is sent from the present span.
fn sent_from_here(book: &proto::CommandBook) -> proto::CommandBook {
    let traceparent = traceparent_text(span::current(Traceparent::parse(&book.traceparent)));
    proto::CommandBook { traceparent, ..book.clone() }
}

fn issued(record: &Record) -> Result<Vec<proto::CommandBook>, StoreError> {
    let issued = proto::CommandsIssued::decode(record.payload.value.clone()).map_err(|error| {
        let reason = format!("the commands at position {} do not decode: {error}", record.position);
        StoreError::Damaged { reason }
    })?;
    Ok(issued.books)
}
