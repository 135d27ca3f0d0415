//! Records and outcomes as they travel.

use crate::coordinator::outcome::{CausedBook, Outcome, WaitFailure};
use crate::proto;
use crate::store::{Record, RecordKind};
use crate::telemetry::traceparent_text;

/// Records of one stream as a book; none if there are no records.
pub(super) fn book(records: Vec<Record>) -> Option<proto::EventBook> {
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

/// A book that follows from another one.
pub(super) fn caused(caused: CausedBook) -> Option<proto::EventBook> {
    book(caused.records)
}

impl From<Outcome> for proto::CommandResponse {
    fn from(outcome: Outcome) -> Self {
        let failure = |WaitFailure { component, code, message, .. }| proto::WaitFailure { component, code, message };
        Self {
            events: book(outcome.events),
            projections: Vec::new(),
            caused: outcome.caused.into_iter().filter_map(caused).collect(),
            failures: outcome.failures.into_iter().map(failure).collect(),
            duplicate: outcome.duplicate,
            position: outcome.position,
            waited_for: outcome.waited_for,
        }
    }
}
