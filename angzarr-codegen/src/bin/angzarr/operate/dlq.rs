//! `angzarr dlq`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::str::FromStr;

use angzarr_runtime::proto::clear_park_request::Way;
use angzarr_runtime::proto::{self, DeadLetter, EventReference};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::messages::Messages;
use super::table::{plain, print_table};
use super::values::{count, event, event_json, root, shown, stream};
use super::{Connection, Failed, Sidecar};
use crate::console::{Exit, print, tell};

/// How many are asked for at a time.
const PAGE: u32 = 500;

#[derive(Args, Debug)]
pub(crate) struct Dlq {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all, or those of one consumer. Without the word, all.
    List {
        /// Full name of a component.
        #[arg(long)]
        consumer: Option<String>,
    },
    /// Show one: the event, the consumer, and every attempt.
    Show {
        /// As `angzarr dlq` prints it.
        id: Id,
    },
    /// Handle the events of its park in order, until the park is empty or one fails again.
    Replay {
        /// As `angzarr dlq` prints it.
        id: Id,
    },
    /// Take the first event out of its park, without handling it.
    Skip(Taking),
    /// Take all events out of its park, without handling them.
    Discard(Taking),
    /// The same, but first report the commands that would have followed as refused.
    DiscardAndCompensate(Taking),
    /// Remove a dead letter that has no park. What waits in a park stays there.
    Remove(Taking),
}

/// What cannot be taken back.
#[derive(Args, Debug)]
struct Taking {
    /// As `angzarr dlq` prints it.
    id: Id,
    /// Do not ask whether it is meant.
    #[arg(long)]
    yes: bool,
}

/// A dead letter: the consumer, and the event's position. Parts of an event that was upcast to several are numbered
/// behind that; an event that could not be upcast is `whole`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Id {
    consumer: String,
    event: EventReference,
}

impl Id {
    pub(super) fn of(consumer: &str, letter: &DeadLetter) -> Self {
        Self { consumer: consumer.to_owned(), event: letter.event.unwrap_or_default() }
    }
}

/// A dead letter, and the park that it stands at the head of. Where the event before it was taken out of a park, nobody has
/// tried to handle the next one: then there is a park without a dead letter.
struct Entry {
    id: Id,
    lane: String,
    /// How many events wait behind it, itself included; 0 if it is in no park.
    parked: u64,
    letter: Option<DeadLetter>,
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

pub(super) async fn run(Dlq { connection, action }: &Dlq) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    let sidecar = &mut sidecar;
    match action {
        None => list(connection, sidecar, None).await,
        Some(Action::List { consumer }) => list(connection, sidecar, consumer.as_deref()).await,
        Some(Action::Show { id }) => show(connection, sidecar, id).await,
        Some(Action::Replay { id }) => clear(connection, sidecar, id, Way::Replay).await,
        Some(Action::Skip(taking)) => take(connection, sidecar, taking, Way::Skip).await,
        Some(Action::Discard(taking)) => take(connection, sidecar, taking, Way::Discard).await,
        Some(Action::DiscardAndCompensate(taking)) => {
            take(connection, sidecar, taking, Way::DiscardAndCompensate).await
        }
        Some(Action::Remove(taking)) => remove(connection, sidecar, taking).await,
    }
}

/// Names of all consumers.
pub(super) async fn consumers(sidecar: &mut Sidecar) -> Result<Vec<String>, Failed> {
    let answer = sidecar.admin.list_consumers(proto::ListConsumersRequest {}).await;
    Ok(sidecar.answer(answer)?.consumers.into_iter().map(|consumer| consumer.name).collect())
}

/// All dead letters of a consumer, of events behind a position.
pub(super) async fn letters(
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

/// All that a consumer could not handle, in the order of the log.
async fn entries(sidecar: &mut Sidecar, consumer: &str) -> Result<Vec<Entry>, Failed> {
    let answer = sidecar.admin.list_parks(proto::ListParksRequest { consumer: consumer.to_owned() }).await;
    let parks = sidecar.answer(answer)?.parks.into_iter();
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
pub(super) fn record(letter: &DeadLetter) -> (Option<&proto::Cover>, Option<&proto::EventPage>) {
    let book = letter.record.as_ref();
    (book.and_then(|book| book.cover.as_ref()), book.and_then(|book| book.pages.first()))
}

async fn list(connection: &Connection, sidecar: &mut Sidecar, only: Option<&str>) -> Result<Exit, Failed> {
    let consumers = match only {
        Some(consumer) => vec![consumer.to_owned()],
        None => consumers(sidecar).await?,
    };
    let mut all = Vec::new();
    for consumer in consumers {
        all.extend(entries(sidecar, &consumer).await?);
    }
    if connection.is_for_programs() {
        let messages = Messages::of(sidecar).await?;
        all.iter().for_each(|entry| print(&entry_json(entry, &messages)));
        return Ok(Exit::Done);
    }
    let rows = all.into_iter().map(|Entry { id, parked, letter, .. }| {
        let letter = letter.unwrap_or_default();
        let ((cover, page), last) = (record(&letter), letter.attempts.last());
        [
            id.to_string(),
            page.map(event).unwrap_or_default(),
            stream(cover),
            last.map(|last| last.code.clone()).unwrap_or_default(),
            letter.attempts.len().to_string(),
            shown(last.and_then(|last| last.at)),
            parked.to_string(),
        ]
    });
    print_table(["ID", "EVENT", "STREAM", "CODE", "ATTEMPTS", "LAST", "PARKED"], rows.collect());
    Ok(Exit::Done)
}

fn entry_json(Entry { id, lane, parked, letter }: &Entry, messages: &Messages) -> Value {
    let (cover, page) = letter.as_ref().map(record).unwrap_or_default();
    let attempts = letter.iter().flat_map(|letter| &letter.attempts);
    json!({
        "id": id.to_string(),
        "consumer": id.consumer,
        "lane": lane,
        "parked": parked,
        "attempts": attempts.map(attempt_json).collect::<Vec<_>>(),
        "event": page.map(|page| event_json(cover, page, messages)),
    })
}

fn attempt_json(attempt: &proto::Attempt) -> Value {
    json!({ "at": attempt.at.map(|at| at.to_string()), "code": attempt.code, "reason": attempt.reason })
}

/// What has this id.
async fn find(sidecar: &mut Sidecar, id: &Id) -> Result<Entry, Failed> {
    let found = entries(sidecar, &id.consumer).await?.into_iter().find(|entry| entry.id == *id);
    found.ok_or_else(|| Failed::refused(format!("there is no dead letter {id}; `angzarr dlq` lists all")))
}

async fn show(connection: &Connection, sidecar: &mut Sidecar, id: &Id) -> Result<Exit, Failed> {
    let entry = find(sidecar, id).await?;
    let messages = Messages::of(sidecar).await?;
    if connection.is_for_programs() {
        print(&entry_json(&entry, &messages));
        return Ok(Exit::Done);
    }
    let Entry { lane, parked, letter, .. } = entry;
    let parked = if parked == 0 { "not parked".to_owned() } else { format!("{} parked", count(parked, "event")) };
    for (what, said) in [("consumer", id.consumer.clone()), ("lane", format!("{lane} ({parked})"))] {
        print_field(what, &said);
    }
    let Some(letter) = letter else {
        tell(&"\nIt waits behind an event that was taken out, and nobody has tried to handle it since.");
        return Ok(Exit::Done);
    };
    let (cover, page) = record(&letter);
    let page = page.cloned().unwrap_or_default();
    let cause = page.cause.as_ref().map(|cause| {
        let (component, domain, sequence) = (&cause.component, &cause.domain, cause.sequence);
        format!("{component} on {domain}/{} #{sequence}", root(cause.root.as_ref()))
    });
    let stream = format!("{} #{}, position {}", stream(cover), page.sequence, page.position);
    let data = page.event.as_ref().map(|event| messages.json(event)).unwrap_or_default();
    for (what, said) in [
        ("event", event(&page)),
        ("stream", stream),
        ("recorded", shown(page.created_at)),
        ("correlation", page.correlation_id.clone()),
        ("cause", cause.unwrap_or_else(|| "a client's command".to_owned())),
        ("data", data.to_string()),
    ] {
        print_field(what, &said);
    }
    print(&"");
    let attempts = letter.attempts.into_iter().enumerate();
    let rows = attempts.map(|(n, attempt)| [(n + 1).to_string(), shown(attempt.at), attempt.code, attempt.reason]);
    print_table(["ATTEMPT", "AT", "CODE", "REASON"], rows.collect());
    if !page.correlation_id.is_empty() {
        tell(&format!("\n`angzarr trace {}` shows what it belongs to.", plain(&page.correlation_id)));
    }
    Ok(Exit::Done)
}

fn print_field(what: &str, said: &str) {
    print(&format!("{what:<13}{}", plain(said)));
}

/// Works at the park of a dead letter's lane.
async fn clear(connection: &Connection, sidecar: &mut Sidecar, id: &Id, way: Way) -> Result<Exit, Failed> {
    let lane = find(sidecar, id).await?.lane;
    let request = proto::ClearParkRequest { consumer: id.consumer.clone(), lane: lane.clone(), way: way.into() };
    let answer = sidecar.admin.clear_park(request).await;
    let proto::ClearParkResponse { events, failed, attempt } = sidecar.answer(answer)?;
    let failed = failed.map(|event| Id { consumer: id.consumer.clone(), event });
    if connection.is_for_programs() {
        print(&json!({
            "consumer": id.consumer, "lane": lane, "left": events,
            "failed": failed.as_ref().map(ToString::to_string), "attempt": attempt.as_ref().map(attempt_json),
        }));
    } else {
        print(&format!("{} left the park of lane {}", count(events, "event"), plain(&lane)));
    }
    let Some(failed) = failed else { return Ok(Exit::Done) };
    let proto::Attempt { code, reason, .. } = attempt.unwrap_or_default();
    let failure = angzarr_codegen::Failure::new(format!("{failed} failed again: {}", plain(&reason)));
    Err(Failed::Refused(failure.coded(code).helped("the lane stays parked; mend the cause and replay it again")))
}

async fn take(connection: &Connection, sidecar: &mut Sidecar, taking: &Taking, way: Way) -> Result<Exit, Failed> {
    let what = match way {
        Way::Skip => "leave the first event of its park unhandled",
        Way::Discard => "leave all events of its park unhandled",
        _ => "leave all events of its park unhandled, and report the commands that would have followed as refused",
    };
    if !confirmed(taking, what)? {
        return Ok(Exit::Done);
    }
    clear(connection, sidecar, &taking.id, way).await
}

async fn remove(connection: &Connection, sidecar: &mut Sidecar, taking: &Taking) -> Result<Exit, Failed> {
    let id = &taking.id;
    let Entry { parked, .. } = find(sidecar, id).await?;
    if parked > 0 {
        // Without it, the park would still be there, and nothing would say why.
        let failure = angzarr_codegen::Failure::new(format!("{id} stands at the head of a park"));
        return Err(Failed::Refused(failure.helped("replay, skip or discard what is in the park")));
    }
    if !confirmed(taking, "forget this dead letter")? {
        return Ok(Exit::Done);
    }
    let request = proto::RemoveDeadLetterRequest { consumer: id.consumer.clone(), event: Some(id.event) };
    let answer = sidecar.admin.remove_dead_letter(request).await;
    sidecar.answer(answer)?;
    if connection.is_for_programs() {
        print(&json!({ "id": id.to_string(), "done": "removed" }));
    } else {
        print(&format!("{id} is removed"));
    }
    Ok(Exit::Done)
}

/// Asks whether it is meant, where somebody can answer.
fn confirmed(Taking { id, yes }: &Taking, what: &str) -> Result<bool, Failed> {
    if *yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failed::Usage(format!("this would {what}; nobody can be asked here, so say it with `--yes`")));
    }
    let mut error = std::io::stderr();
    // If it cannot be shown, the answer cannot be meant.
    let asked = write!(error, "{id}: {what}? [y/N] ").and_then(|()| error.flush());
    let mut answer = String::new();
    let answered = asked.and_then(|()| std::io::stdin().read_line(&mut answer));
    let is_meant = answered.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
    if !is_meant {
        tell(&"nothing was changed");
    }
    Ok(is_meant)
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
