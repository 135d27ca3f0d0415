//! Words for what travels, and back.

use std::str::FromStr;

use angzarr_runtime::prost_types::{Any, Timestamp};
use angzarr_runtime::proto::{self, event_page::Kind, stream_query::AsOf};
use serde_json::{Value, json};
use uuid::Uuid;

use super::messages::Messages;

/// A point in the life of a stream: a sequence, or a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Then(AsOf);

impl FromStr for Then {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(sequence) = text.parse() {
            return Ok(Self(AsOf::Sequence(sequence)));
        }
        time(text).map(|time| Self(AsOf::Time(time)))
    }
}

impl From<Then> for AsOf {
    fn from(then: Then) -> Self {
        then.0
    }
}

/// A time as people write it.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_str(text).map_err(|_| format!("`{text}` is no time; one is like 2030-01-31T12:00:00Z"))
}

/// A time, if there is one.
pub(super) fn shown(time: Option<Timestamp>) -> String {
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// A stream by what its users call it: `orders/17`; by its root if nobody has told.
pub(super) fn stream(cover: Option<&proto::Cover>) -> String {
    let Some(cover) = cover else { return String::new() };
    let name = if cover.key.is_empty() { root(cover.root.as_ref()) } else { cover.key.clone() };
    format!("{}/{name}", cover.domain)
}

pub(super) fn root(root: Option<&proto::Uuid>) -> String {
    root.and_then(|root| Uuid::try_from(root).ok()).map(|root| root.to_string()).unwrap_or_default()
}

/// The full name of what a payload is.
pub(super) fn type_name(payload: &Any) -> &str {
    payload.type_url.rsplit('/').next().unwrap_or_default()
}

/// The name of what a payload is, without its package.
pub(super) fn short(payload: Option<&Any>) -> String {
    payload.and_then(|payload| type_name(payload).rsplit('.').next()).unwrap_or_default().to_owned()
}

/// The event of a page, and what is special about it.
pub(super) fn event(page: &proto::EventPage) -> String {
    let name = short(page.event.as_ref());
    match page.kind() {
        Kind::Event => name,
        kind => format!("{name} ({})", kind_name(kind)),
    }
}

fn kind_name(kind: Kind) -> String {
    kind.as_str_name().to_lowercase()
}

/// An event as programs get it.
pub(super) fn event_json(cover: Option<&proto::Cover>, page: &proto::EventPage, messages: &Messages) -> Value {
    let cause = page.cause.as_ref().map(|cause| {
        json!({
            "component": cause.component, "domain": cause.domain, "root": root(cause.root.as_ref()),
            "sequence": cause.sequence, "part": cause.part,
        })
    });
    json!({
        "position": page.position,
        "domain": cover.map(|cover| &cover.domain),
        "key": cover.map(|cover| &cover.key),
        "root": cover.map(|cover| root(cover.root.as_ref())),
        "sequence": page.sequence,
        "part": page.part,
        "kind": kind_name(page.kind()),
        "type": page.event.as_ref().map(type_name),
        "recorded_at": page.created_at.map(|time| time.to_string()),
        "occurred_at": page.occurred_at.map(|time| time.to_string()),
        "correlation_id": page.correlation_id,
        "cause": cause,
        "data": page.event.as_ref().map(|event| messages.json(event)),
    })
}

/// A number and what is counted: `1 event`, `2 events`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn then_is_a_sequence_or_a_time() {
        assert_eq!("7".parse(), Ok(Then(AsOf::Sequence(7))));
        let noon = Timestamp { seconds: 1_896_091_200, nanos: 500_000_000 };
        assert_eq!("2030-01-31T12:00:00.5Z".parse(), Ok(Then(AsOf::Time(noon))));
        for wrong in ["", "yesterday", "-1", "2030-13-01T00:00:00Z", "4294967296"] {
            assert!(wrong.parse::<Then>().is_err(), "{wrong}");
        }
    }
}
