//! Dead letters and parks, and what they are called.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use angzarr_runtime::proto::{self, DeadLetter, EventReference};

use super::super::{Failed, Sidecar};

/// How many are asked for at a time.
const PAGE: u32 = 500;

/// A dead letter: the consumer, and the event's position. Parts of an event that was upcast to several are numbered
/// behind that; an event that could not be upcast is `whole`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Id {
    pub(super) consumer: String,
    pub(super) event: EventReference,
}

impl Id {
    pub(crate) fn of(consumer: &str, letter: &DeadLetter) -> Self {
        Self { consumer: consumer.to_owned(), event: letter.event.unwrap_or_default() }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { consumer, event: EventReference { position, part } } = self;
        match part {
            Some(0) => write!(f, "{consumer}:{position}"),
            Some(part) => write!(f, "{consumer}:{position}.{part}"),
            None => write!(f, "{consumer}:{position}.whole"),
        }
    }
}

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no dead letter; `angzarr dlq` lists them");
        let (consumer, event) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (position, part) = event.split_once('.').unwrap_or((event, "0"));
        let part = if part == "whole" { None } else { Some(part.parse().map_err(|_| wrong())?) };
        let position = position.parse().map_err(|_| wrong())?;
        Ok(Self { consumer: consumer.to_owned(), event: EventReference { position, part } })
    }
}

/// A dead letter, and the park that it stands at the head of. Where the event before it was taken out of a park, nobody has
/// tried to handle the next one: then there is a park without a dead letter.
pub(super) struct Entry {
    pub(super) id: Id,
    pub(super) lane: String,
    /// How many events wait behind it, itself included; 0 if it is in no park.
    pub(super) parked: u64,
    pub(super) letter: Option<DeadLetter>,
}

/// What has this id.
pub(super) async fn find(sidecar: &mut Sidecar, id: &Id) -> Result<Entry, Failed> {
    let found = entries(sidecar, &id.consumer).await?.into_iter().find(|entry| entry.id == *id);
    found.ok_or_else(|| Failed::refused(format!("there is no dead letter {id}; `angzarr dlq` lists all")))
}

/// Names of all consumers.
pub(crate) async fn consumers(sidecar: &mut Sidecar) -> Result<Vec<String>, Failed> {
    let answer = sidecar.admin.list_consumers(proto::ListConsumersRequest {}).await;
    Ok(sidecar.answer(answer)?.consumers.into_iter().map(|consumer| consumer.name).collect())
}

/// All dead letters of a consumer, of events behind a position.
pub(crate) async fn letters(
    sidecar: &mut Sidecar,
    consumer: &str,
    position: Option<u64>,
) -> Result<Vec<DeadLetter>, Failed> {
    // Behind all parts of what is there.
    let mut after = position.map(|position| EventReference { position, part: None });
    let mut found: Vec<DeadLetter> = Vec::new();
    loop {
        let request = proto::ListDeadLettersRequest { consumer: consumer.to_owned(), after, limit: PAGE };
        let answer = sidecar.admin.list_dead_letters(request).await;
        let page = sidecar.answer(answer)?.dead_letters;
        let is_last = page.len() < PAGE as usize;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
        after = found.last().and_then(|letter| letter.event);
    }
}

/// All parks of a consumer.
async fn parks(sidecar: &mut Sidecar, consumer: &str) -> Result<Vec<proto::Park>, Failed> {
    let mut found: Vec<proto::Park> = Vec::new();
    loop {
        let after = found.last().map(|park| park.lane.clone()).unwrap_or_default();
        let request = proto::ListParksRequest { consumer: consumer.to_owned(), after, limit: PAGE };
        let answer = sidecar.admin.list_parks(request).await;
        let page = sidecar.answer(answer)?.parks;
        let is_last = page.len() < PAGE as usize;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}

/// All that a consumer could not handle, in the order of the log.
pub(super) async fn entries(sidecar: &mut Sidecar, consumer: &str) -> Result<Vec<Entry>, Failed> {
    let parks = parks(sidecar, consumer).await?.into_iter();
    let first = |park: &proto::Park| park.first.unwrap_or_default();
    let mut parks: BTreeMap<(String, EventOrder), proto::Park> =
        parks.map(|park| ((park.lane.clone(), EventOrder::of(first(&park))), park)).collect();
    let mut entries = Vec::new();
    for letter in letters(sidecar, consumer, None).await? {
        let (id, lane) = (Id::of(consumer, &letter), letter.lane.clone());
        let park = parks.remove(&(lane.clone(), EventOrder::of(id.event)));
        entries.push(Entry { id, lane, parked: park.map_or(0, |park| park.events), letter: Some(letter) });
    }
    entries.extend(parks.into_values().map(|park| {
        let id = Id { consumer: consumer.to_owned(), event: first(&park) };
        Entry { id, lane: park.lane, parked: park.events, letter: None }
    }));
    entries.sort_by_key(|entry| EventOrder::of(entry.id.event));
    Ok(entries)
}

/// The order of the log; what could not be upcast comes behind all parts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct EventOrder(u64, u32);

impl EventOrder {
    fn of(EventReference { position, part }: EventReference) -> Self {
        Self(position, part.unwrap_or(u32::MAX))
    }
}

/// The record of a dead letter, and its stream.
pub(crate) fn record(letter: &DeadLetter) -> (Option<&proto::Cover>, Option<&proto::EventPage>) {
    let book = letter.record.as_ref();
    (book.and_then(|book| book.cover.as_ref()), book.and_then(|book| book.pages.first()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_printed() {
        for (text, part) in [("a.B:17", Some(0)), ("a.B:17.2", Some(2)), ("a.B:17.whole", None)] {
            let id: Id = text.parse().unwrap();
            assert_eq!(id.event, EventReference { position: 17, part });
            assert_eq!(id.to_string(), text);
        }
        for wrong in ["", "17", "a.B:", "a.B:x", "a.B:1.y"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }
}
