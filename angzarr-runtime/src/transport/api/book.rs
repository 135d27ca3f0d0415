//! Records and outcomes as they travel.

use std::sync::Arc;

use uuid::Uuid;

use crate::app::Projected;
use crate::coordinator::business::root;
use crate::coordinator::elsewhere::Waited;
use crate::coordinator::outcome::{CausedBook, Outcome, WaitFailure};
use crate::error::{BadBook, Error};
use crate::message::Payload;
use crate::proto;
use crate::store::{Cause, Record, RecordKind, StreamId, Trace};
use crate::telemetry::{Traceparent, traceparent_text};

/// The stream that a cover names: by its root or, without one, by the natural id.
pub(super) fn stream(cover: Option<proto::Cover>) -> Result<StreamId, BadBook> {
    let cover = cover.ok_or(BadBook::NoCover)?;
    if !cover.tenant.is_empty() {
        return Err(BadBook::Reserved("cover.tenant"));
    }
    let root = root(&cover.domain, &cover)?;
    Ok(StreamId::new(cover.domain, root))
}

/// Records of one stream as a book; none if there are no records.
pub(in crate::transport) fn book(records: Vec<Record>) -> Option<proto::EventBook> {
    let (first, last) = (records.first()?, records.last()?);
    let cover = proto::Cover {
        root: Some(first.stream.root.into()),
        domain: first.stream.domain.to_string(),
        correlation_id: first.trace.correlation_id.to_string(),
        key: first.key.to_string(),
        ..proto::Cover::default()
    };
    let (first_sequence, next_sequence, position) = (first.sequence, last.sequence + 1, last.position);
    let pages = records.into_iter().map(page).collect();
    Some(proto::EventBook { cover: Some(cover), snapshot: None, pages, next_sequence, first_sequence, position })
}

fn page(record: Record) -> proto::EventPage {
    let kind = match record.kind {
        RecordKind::Event => proto::event_page::Kind::Event,
        RecordKind::Fact => proto::event_page::Kind::Fact,
        RecordKind::Compensation => proto::event_page::Kind::Compensation,
        RecordKind::Commands => proto::event_page::Kind::Commands,
        RecordKind::Deadline => proto::event_page::Kind::Deadline,
        RecordKind::Refusal => proto::event_page::Kind::Refusal,
    };
    proto::EventPage {
        sequence: record.sequence,
        created_at: Some(record.created_at),
        event: Some(record.payload.to_any()),
        position: record.position,
        correlation_id: record.trace.correlation_id.to_string(),
        cause: record.trace.cause.as_deref().map(Into::into),
        kind: kind.into(),
        part: record.part,
        parts: record.parts,
        occurred_at: record.occurred_at,
        traceparent: traceparent_text(record.trace.traceparent),
        ..proto::EventPage::default()
    }
}

/// The records of a book that another process on this log sends.
///
/// # Errors
/// [`BadBook`] if it is none.
pub(in crate::transport) fn records(book: proto::EventBook) -> Result<Vec<Record>, Error> {
    let cover = book.cover.ok_or(BadBook::NoCover)?;
    let root = Uuid::try_from(&cover.root.unwrap_or_default()).map_err(BadBook::BadRoot)?;
    let (stream, key) = (StreamId::new(cover.domain, root), Arc::<str>::from(cover.key));
    let mut records: Vec<Record> = Vec::with_capacity(book.pages.len());
    for (index, page) in book.pages.into_iter().enumerate() {
        let kind = RecordKind::from_number(page.kind.into()).ok_or(BadBook::Reserved("kind"))?;
        let cause = page.cause.map(Cause::try_from).transpose().map_err(BadBook::BadRoot)?.map(Arc::new);
        records.push(Record {
            stream: stream.clone(),
            key: key.clone(),
            sequence: page.sequence,
            position: page.position,
            kind,
            part: page.part,
            parts: page.parts,
            payload: Payload::from_any(page.event.ok_or(BadBook::NoCommand(index))?),
            created_at: page.created_at.unwrap_or_default(),
            occurred_at: page.occurred_at,
            trace: Trace {
                correlation_id: page.correlation_id.into(),
                cause,
                traceparent: Traceparent::parse(&page.traceparent),
            },
        });
    }
    Ok(records)
}

/// A book that follows from another one.
pub(super) fn caused(caused: CausedBook) -> Option<proto::EventBook> {
    book(caused.records)
}

impl From<WaitFailure> for proto::WaitFailure {
    fn from(WaitFailure { component, code, message, .. }: WaitFailure) -> Self {
        Self { component, code, message }
    }
}

impl From<Projected> for proto::Projection {
    fn from(Projected { projector, position, row }: Projected) -> Self {
        Self { projector: projector.to_owned(), position, row: row.map(|row| row.to_any()) }
    }
}

impl From<Outcome> for proto::CommandResponse {
    fn from(outcome: Outcome) -> Self {
        Self {
            events: book(outcome.events),
            projections: Vec::new(),
            caused: outcome.caused.into_iter().filter_map(caused).collect(),
            failures: outcome.failures.into_iter().map(Into::into).collect(),
            duplicate: outcome.duplicate,
            position: outcome.position,
            waited_for: outcome.waited_for,
            awaited: outcome.awaited,
        }
    }
}

impl From<Waited> for proto::AwaitResponse {
    fn from(Waited { waited_for, awaited, failures, ended }: Waited) -> Self {
        let ended =
            ended.map(|(component, message)| proto::WaitFailure { component, code: "NOT_PASSED".to_owned(), message });
        Self { waited_for, awaited, failures: failures.into_iter().map(Into::into).collect(), ended }
    }
}
