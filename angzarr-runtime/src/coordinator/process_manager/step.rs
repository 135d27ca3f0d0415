//! One step of an instance: decided once, recorded as one book.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use prost::Message;
use prost_types::Timestamp;
use uuid::Uuid;

use super::ProcessManagerCoordinator;
use crate::context::{Planned, PlannedDeadline};
use crate::coordinator::outgoing::{cause, command_book, trigger};
use crate::coordinator::state::{self, Folded, Found};
use crate::coordinator::{ATTEMPTS, give_way};
use crate::error::Error;
use crate::id::{self, Purpose, consumer_key};
use crate::message::{Emission, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{Due, Load, Loaded, NewBook, NewRecord, Record, RecordKind, StoreError, StreamId, Trace};
use crate::telemetry::span;

/// What an instance takes a step for.
pub(super) struct Trigger<'a> {
    /// The event, the record that set the deadline, or the one that sent the command that was refused.
    pub(super) record: &'a Record,
    /// The deadline that has passed.
    pub(super) deadline: Option<Passed>,
    pub(super) refused: Option<Refused<'a>>,
}

/// A deadline that has passed.
pub(super) struct Passed {
    pub(super) name: String,
    pub(super) at: Timestamp,
    pub(super) payload: Payload,
}

/// A command that was refused.
pub(super) struct Refused<'a> {
    pub(super) command: Payload,
    pub(super) rejection: Rejection,
    /// Which one it was of those that were sent together.
    pub(super) place: u32,
    /// The number with which its key was made.
    pub(super) index: u32,
    pub(super) sent: &'a proto::CommandBook,
}

impl<'a> Trigger<'a> {
    /// An event, or a deadline.
    pub(super) fn of(record: &'a Record) -> Result<Self, StoreError> {
        let deadline = match record.kind {
            RecordKind::Deadline => Some(deadline(record)?),
            _ => None,
        };
        Ok(Self { record, deadline, refused: None })
    }

    /// The instant at which it happened. What a deadline leads to counts from when it was due, not from when it was set.
    pub(super) fn at(&self) -> Timestamp {
        self.deadline.as_ref().map_or(self.record.created_at, |passed| passed.at)
    }

    pub(super) fn is_event(&self) -> bool {
        self.deadline.is_none() && self.refused.is_none()
    }

    /// The number of the first command that its step leads to.
    pub(super) fn first_index(&self) -> u32 {
        self.refused.as_ref().map_or(0, |refused| first_index(refused.place))
    }

    /// Under which its step is recorded once. A compensation has the values of the command that it compensates.
    pub(super) fn key(&self, name: &str) -> Uuid {
        let Some(Refused { index, sent, .. }) = &self.refused else {
            return consumer_key(Purpose::Step, trigger(name, self.record), 0);
        };
        let cause = sent.origin.as_ref().and_then(|origin| origin.cause.clone());
        let cause = cause.and_then(|cause| crate::store::Cause::try_from(cause).ok());
        let values = match &cause {
            Some(cause) => id::Trigger {
                consumer: name,
                domain: &cause.domain,
                root: cause.root,
                sequence: cause.sequence,
                part: cause.part,
            },
            None => trigger(name, self.record),
        };
        consumer_key(Purpose::Compensation, values, *index)
    }
}

/// The number of the first command that the refusal of another leads to. Those that were sent together have one cause, so
/// what each of them leads to has numbers of its own.
pub(super) fn first_index(place: u32) -> u32 {
    place.saturating_add(1).saturating_mul(1 << 16)
}

/// The deadline that a record set.
fn deadline(record: &Record) -> Result<Passed, StoreError> {
    let damaged =
        || StoreError::Damaged { reason: format!("the deadline at position {} makes no sense", record.position) };
    let set = proto::DeadlineSet::decode(record.payload.value.clone()).map_err(|_| damaged())?;
    let (Some(at), Some(event)) = (set.at, set.event) else { return Err(damaged()) };
    Ok(Passed { name: set.name, at, payload: Payload::from_any(event) })
}

impl ProcessManagerCoordinator {
    /// The recorded step that something leads to: decided now, or the one of an earlier attempt.
    pub(super) async fn step(&self, trigger: &Trigger<'_>) -> Result<Vec<Record>, Error> {
        let name = self.logic.spec().name;
        let (stream, key) = match &trigger.refused {
            // It was sent from the stream of its instance.
            Some(_) if trigger.record.kind == RecordKind::Commands => {
                (trigger.record.stream.clone(), trigger.record.key.to_string())
            }
            _ => self.instance(trigger.record)?,
        };
        let idempotency_key = trigger.key(name).to_string();
        for attempt in 0..ATTEMPTS {
            give_way(attempt).await;
            let folded = match self.load_for(trigger, &stream).await? {
                Found::Recorded(records) => {
                    self.expect(&records);
                    return Ok(records);
                }
                Found::State(folded) => folded,
            };
            if trigger.deadline.is_some() && self.pending(trigger.record).await?.is_none() {
                return Ok(Vec::new());
            }
            // What is ignored is recorded as an empty step: delivered again, it stays ignored even if the instance exists
            // by then.
            let ignored = self.ignores(trigger, &folded);
            let (emissions, planned) = self.decide(trigger, &folded, &stream, &key).await?;
            let (events, books) = sorted(name, trigger, emissions);
            // What nobody could be asked is not recorded: a mended handler may decide something else.
            books.iter().try_for_each(|book| self.router.check(book))?;
            let records = records(events, books, &planned);
            match self.append(trigger, &stream, &key, &idempotency_key, folded, records, &planned).await {
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                result => {
                    if let (Ok(_), Some(why)) = (&result, ignored) {
                        self.ignored.fetch_add(1, Ordering::Relaxed);
                        let position = trigger.record.position;
                        tracing::debug!(process_manager = name, key, position, why, "ignored");
                    }
                    return result;
                }
            }
        }
        Err(Error::Contention { attempts: ATTEMPTS })
    }

    /// The state of an instance, or the step that is recorded already.
    pub(super) async fn load_for(&self, trigger: &Trigger<'_>, stream: &StreamId) -> Result<Found, Error> {
        let (name, logic) = (self.logic.spec().name, self.logic.stateful());
        state::load(&self.log, logic, name, stream, Some(&trigger.key(name).to_string())).await
    }

    #[expect(clippy::too_many_arguments, reason = "what one attempt to take a step has in hand")]
    async fn append(
        &self,
        trigger: &Trigger<'_>,
        stream: &StreamId,
        key: &str,
        idempotency_key: &str,
        mut folded: Folded,
        records: Vec<NewRecord>,
        planned: &Planned,
    ) -> Result<Vec<Record>, Error> {
        let name = self.logic.spec().name;
        for record in records.iter().filter(|record| record.kind.is_event()) {
            state::fold(self.logic.stateful(), name, &mut folded.state, &record.payload)?;
        }
        let fired = trigger.deadline.iter().map(|passed| passed.name.clone());
        let cancelled = planned.deadlines.iter().map(|deadline| deadline.name.clone());
        let book = NewBook {
            stream: stream.clone(),
            key: key.into(),
            expected: Some(folded.next_sequence),
            idempotency_key: Some(idempotency_key.to_owned()),
            records,
            cleared: fired.chain(cancelled).collect(),
            created_at: self.log.clock.now(),
            trace: Trace {
                correlation_id: trigger.record.trace.correlation_id.clone(),
                cause: Some(Arc::new(cause(name, trigger.record))),
                traceparent: span::current(trigger.record.trace.traceparent),
            },
        };
        let appended = self.log.store.append(book).await?;
        self.expect(&appended.records);
        if let Some(last) = appended.records.last().filter(|_| !appended.duplicate) {
            folded.next_sequence = last.sequence + 1;
            folded.completed |= planned.completed;
            state::snapshot_if_due(&self.log, self.logic.stateful(), name, stream, &mut folded).await;
        }
        Ok(appended.records)
    }

    /// Knows when the deadlines of a step are due that is recorded, by whichever process that was.
    fn expect(&self, records: &[Record]) {
        let deadlines = records.iter().filter(|record| record.kind == RecordKind::Deadline);
        deadlines.filter_map(|record| deadline(record).ok()).for_each(|set| self.alarm.set(&set.at));
    }

    /// The next sequence of a deadline's stream, if it was neither moved nor cancelled since it was set; that it has fired
    /// is known by the key of its step.
    async fn pending(&self, deadline: &Record) -> Result<Option<u32>, Error> {
        let name = |record: &Record| proto::DeadlineSet::decode(record.payload.value.clone()).map(|set| set.name).ok();
        let load = Load { from: deadline.sequence.saturating_add(1), ..Load::of(deadline.stream.clone()) };
        let Loaded { records, next_sequence, .. } = self.log.store.load(load).await?;
        let mut changed = records.iter().filter(|record| record.kind == RecordKind::Deadline);
        Ok((!changed.any(|record| name(record) == name(deadline))).then_some(next_sequence))
    }

    /// Takes a pending deadline away without firing it. Whoever has the lease by now may set it anew meanwhile, and that
    /// one stays.
    pub(super) async fn clear(&self, deadline: &Record) -> Result<(), Error> {
        for attempt in 0..ATTEMPTS {
            give_way(attempt).await;
            let Some(expected) = self.pending(deadline).await? else { return Ok(()) };
            match self.log.store.append(self.clearing(deadline, expected)?).await {
                Err(StoreError::Conflict { .. }) => {}
                cleared => return Ok(cleared.map(drop)?),
            }
        }
        Err(Error::Contention { attempts: ATTEMPTS })
    }

    fn clearing(&self, deadline: &Record, expected: u32) -> Result<NewBook, StoreError> {
        let name = self.logic.spec().name;
        let passed = super::step::deadline(deadline)?;
        Ok(NewBook {
            stream: deadline.stream.clone(),
            key: deadline.key.clone(),
            expected: Some(expected),
            idempotency_key: None,
            records: Vec::new(),
            cleared: vec![passed.name],
            created_at: self.log.clock.now(),
            trace: Trace {
                correlation_id: deadline.trace.correlation_id.clone(),
                cause: Some(Arc::new(cause(name, deadline))),
                traceparent: span::current(deadline.trace.traceparent),
            },
        })
    }
}

/// The events of a step, and its commands.
fn sorted(
    name: &'static str,
    trigger: &Trigger<'_>,
    emissions: Vec<Emission>,
) -> (Vec<Payload>, Vec<proto::CommandBook>) {
    let (mut events, mut books) = (Vec::new(), Vec::new());
    for emission in emissions {
        match emission {
            Emission::Event(payload) => events.push(payload),
            Emission::Command(outgoing) => {
                let index = trigger.first_index().saturating_add(u32::try_from(books.len()).unwrap_or(u32::MAX));
                books.push(command_book(name, trigger.record, trigger.at(), index, outgoing));
            }
        }
    }
    (events, books)
}

/// The book of a step: its own events, then one record with every command, then one for each deadline that it changes.
fn records(events: Vec<Payload>, books: Vec<proto::CommandBook>, planned: &Planned) -> Vec<NewRecord> {
    let record = |kind, payload| NewRecord { kind, payload, occurred_at: None, due: None };
    let mut records: Vec<_> = events.into_iter().map(|event| record(RecordKind::Event, event)).collect();
    if !books.is_empty() || planned.completed {
        let issued = proto::CommandsIssued { books, completed: planned.completed };
        records.push(record(RecordKind::Commands, Payload::named(&issued)));
    }
    let last_of_each = planned
        .deadlines
        .iter()
        .enumerate()
        .filter(|(index, deadline)| planned.deadlines[index + 1..].iter().all(|later| later.name != deadline.name));
    for (_, PlannedDeadline { name, due }) in last_of_each {
        let (at, event) = due.as_ref().map(|(at, payload)| (*at, payload.to_any())).unzip();
        let set = proto::DeadlineSet { name: name.clone(), at, event };
        let due = at.map(|at| Due { name: name.clone(), at });
        records.push(NewRecord { due, ..record(RecordKind::Deadline, Payload::named(&set)) });
    }
    records
}
