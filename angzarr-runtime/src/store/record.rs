//! What a store takes and gives.

use std::borrow::Cow;
use std::sync::Arc;

use prost_types::Timestamp;
use uuid::Uuid;

use super::StoreError;
use crate::message::Payload;
use crate::telemetry::Traceparent;

/// One stream: a root in a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// The domain.
    pub domain: Arc<str>,
    /// The root.
    pub root: Uuid,
}

impl StreamId {
    /// The stream of `root` in `domain`.
    pub fn new(domain: impl Into<Arc<str>>, root: Uuid) -> Self {
        Self { domain: domain.into(), root }
    }
}

/// One of the roots of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The root.
    pub root: Uuid,
    /// Its natural id.
    pub key: Arc<str>,
    /// How many records its stream holds, which is its next sequence; at least 1.
    pub next_sequence: u32,
}

/// What a record is; the numbers are those of `angzarr.v1.EventPage.Kind`, and stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Decided by the domain's own rules.
    Event = 0,
    /// Came from outside and was recorded without being judged.
    Fact = 1,
    /// Followed from the refusal of a command that one of the stream's events had led to.
    Compensation = 2,
    /// Commands that a process manager decided to send.
    Commands = 3,
    /// A deadline that a process manager set.
    Deadline = 4,
    /// A consumer's command that was refused here.
    Refusal = 5,
}

impl RecordKind {
    /// The kind with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        use RecordKind::{Commands, Compensation, Deadline, Event, Fact, Refusal};
        [Event, Fact, Compensation, Commands, Deadline, Refusal].into_iter().find(|kind| *kind as i64 == number)
    }

    /// Whether folds and consumers see it; the others are bookkeeping.
    pub fn is_event(self) -> bool {
        matches!(self, RecordKind::Event | RecordKind::Fact | RecordKind::Compensation)
    }
}

/// The event that made a component act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its domain.
    pub domain: Arc<str>,
    /// Its root.
    pub root: Uuid,
    /// Its sequence.
    pub sequence: u32,
    /// Its part, if it was upcast to several.
    pub part: u32,
    /// Full name of the component that acted.
    pub component: Cow<'static, str>,
    /// How many events led to each other up to this one, itself included; at least 1.
    pub depth: u32,
}

/// Where records come from: shared by all records of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The conversation.
    pub correlation_id: Arc<str>,
    /// What led to it; none for a client's command.
    pub cause: Option<Arc<Cause>>,
    /// Where it was in a distributed trace, if it was in one.
    pub traceparent: Option<Traceparent>,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its stream.
    pub stream: StreamId,
    /// Natural id of the stream's root.
    pub key: Arc<str>,
    /// Its place in the stream, from 0.
    pub sequence: u32,
    /// Its place in the log, from 1.
    pub position: u64,
    /// What it is.
    pub kind: RecordKind,
    /// Which of `parts` results of an upcast it is.
    pub part: u32,
    /// How many results the upcast had; 0 if it was not split.
    pub parts: u32,
    /// What it says.
    pub payload: Payload,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it happened, if that was told.
    pub occurred_at: Option<Timestamp>,
    /// Where it comes from.
    pub trace: Trace,
}

impl Record {
    /// Whether it belongs to the book of the record before it in the log. Books of one stream that follow each other have
    /// different times.
    pub(crate) fn continues(&self, before: &Record) -> bool {
        before.stream == self.stream
            && before.position + 1 == self.position
            && before.created_at == self.created_at
            && before.trace == self.trace
    }
}

/// A record to be appended.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecord {
    /// What it is.
    pub kind: RecordKind,
    /// What it says.
    pub payload: Payload,
    /// When it happened, if that differs from when it is recorded.
    pub occurred_at: Option<Timestamp>,
    /// Makes it a pending deadline of the stream, kept with the book.
    pub due: Option<Due>,
}

/// Records to be appended together.
#[derive(Clone, Debug, PartialEq)]
pub struct NewBook {
    /// The stream.
    pub stream: StreamId,
    /// Natural id of the stream's root.
    pub key: Arc<str>,
    /// The stream's next sequence; none accepts any.
    pub expected: Option<u32>,
    /// Under which the book is stored once.
    pub idempotency_key: Option<String>,
    /// What is stored; may be empty.
    pub records: Vec<NewRecord>,
    /// Names of deadlines of the stream that no longer stand, because they fired or are not wanted any more. They go
    /// before those that `records` set come.
    pub cleared: Vec<String>,
    /// When it is recorded.
    pub created_at: Timestamp,
    /// Where it comes from.
    pub trace: Trace,
}

impl NewBook {
    /// How large a book may be: each engine takes that in one piece, and well within the time for which an answer is
    /// waited. What counts is everything in it that has no fixed size, and for each of its records 256 bytes and what its
    /// trace has.
    pub const MAX_BYTES: usize = 64 << 20;

    /// What every store asks before it looks at anything else.
    pub(super) fn check_size(&self) -> Result<(), StoreError> {
        let bytes = self.bytes();
        if bytes > Self::MAX_BYTES { Err(StoreError::BookTooLarge { bytes }) } else { Ok(()) }
    }

    fn bytes(&self) -> usize {
        let Self { stream, key, idempotency_key, records, cleared, trace, .. } = self;
        let cause = trace.cause.as_ref().map_or(0, |cause| cause.domain.len() + cause.component.len());
        let each = 256 + trace.correlation_id.len() + cause;
        let names = stream.domain.len() + key.len() + idempotency_key.as_ref().map_or(0, String::len);
        let record = |NewRecord { payload, due, .. }: &NewRecord| {
            each + payload.type_name.len() + payload.value.len() + due.as_ref().map_or(0, |due| due.name.len())
        };
        names + cleared.iter().map(String::len).sum::<usize>() + records.iter().map(record).sum::<usize>()
    }
}

impl Appended {
    /// Whether a book was stored as it was given: no error, no duplicate.
    pub fn is_stored<E>(result: &Result<Self, E>) -> bool {
        matches!(result, Ok(appended) if !appended.duplicate)
    }
}

/// When a record is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Unique within the stream: a deadline that is set again is moved.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// A deadline that is still to come, or due.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// Its name and time.
    pub due: Due,
    /// The record that set it.
    pub record: Record,
}

/// The answer to an append.
#[derive(Clone, Debug, PartialEq)]
pub struct Appended {
    /// The records of the book, or of the first book under its key; as stored, not upcast.
    pub records: Vec<Record>,
    /// Whether the key was recorded before, so that nothing was written now.
    pub duplicate: bool,
}

/// What to load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Of which stream.
    pub stream: StreamId,
    /// Look first whether a book is recorded under this key.
    pub idempotency_key: Option<String>,
    /// Start from the stream's snapshot if it has this fingerprint.
    pub fingerprint: Option<Vec<u8>>,
    /// Leave out the records before this sequence.
    pub from: u32,
    /// As if it had been loaded then.
    pub as_of: AsOf,
}

impl Load {
    /// All records of a stream, as it is now.
    pub fn of(stream: StreamId) -> Self {
        Self { stream, idempotency_key: None, fingerprint: None, from: 0, as_of: AsOf::Now }
    }
}

/// A point in the life of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AsOf {
    /// All that there is.
    #[default]
    Now,
    /// Up to this sequence, and with it.
    Sequence(u32),
    /// Up to the first record that was recorded after this time, and without it. So what is seen is always a beginning
    /// of the stream, even where a clock was put back.
    Time(Timestamp),
}

/// A stream as loaded at one instant.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The book recorded under the key, if there is one; then the rest is empty.
    pub recorded: Option<Vec<Record>>,
    /// The snapshot, if it fits the fingerprint and is not ahead of the stream.
    pub snapshot: Option<Snapshot>,
    /// The records after the snapshot, or all of them; as stored, not upcast.
    pub records: Vec<Record>,
    /// The stream's next sequence as of then; 0 if it did not exist.
    pub next_sequence: u32,
}

impl Snapshot {
    /// Tells a snapshot that was cut short or altered: protobuf itself decodes any prefix that ends between two fields.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(super) fn checksum(&self) -> Uuid {
        let Self { sequence, fingerprint, state } = self;
        let name = state.type_name.as_bytes();
        let bytes = [fingerprint.as_slice(), &sequence.to_be_bytes(), name, &[0], &state.value].concat();
        Uuid::new_v5(&crate::id::ANGZARR, &bytes)
    }
}

/// A folded state.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The last sequence that was folded.
    pub sequence: u32,
    /// What it was folded with.
    pub fingerprint: Vec<u8>,
    /// The state.
    pub state: Payload,
}
