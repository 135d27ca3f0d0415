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

/// How many events wait in each lane.
async fn parks(sidecar: &mut Sidecar, consumer: &str) -> Result<BTreeMap<String, u64>, Failed> {
    let answer = sidecar.admin.list_parks(proto::ListParksRequest { consumer: consumer.to_owned() }).await;
    Ok(sidecar.answer(answer)?.parks.into_iter().map(|park| (park.lane, park.events)).collect())
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
    let messages = if connection.is_for_programs() { Some(Messages::of(sidecar).await?) } else { None };
    let mut rows = Vec::new();
    for consumer in consumers {
        let parks = parks(sidecar, &consumer).await?;
        for letter in letters(sidecar, &consumer, None).await? {
            let parked = parks.get(&letter.lane).copied().unwrap_or_default();
            if let Some(messages) = &messages {
                print(&letter_json(&consumer, &letter, parked, messages));
                continue;
            }
            let (cover, page) = record(&letter);
            let last = letter.attempts.last();
            rows.push([
                Id::of(&consumer, &letter).to_string(),
                page.map(event).unwrap_or_default(),
                stream(cover),
                last.map(|last| last.code.clone()).unwrap_or_default(),
                letter.attempts.len().to_string(),
                shown(last.and_then(|last| last.at)),
                parked.to_string(),
            ]);
        }
    }
    if messages.is_none() {
        print_table(["ID", "EVENT", "STREAM", "CODE", "ATTEMPTS", "LAST", "PARKED"], rows);
    }
    Ok(Exit::Done)
}

fn letter_json(consumer: &str, letter: &DeadLetter, parked: u64, messages: &Messages) -> Value {
    let (cover, page) = record(letter);
    json!({
        "id": Id::of(consumer, letter).to_string(),
        "consumer": consumer,
        "lane": letter.lane,
        "parked": parked,
        "attempts": letter.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
        "event": page.map(|page| event_json(cover, page, messages)),
    })
}

fn attempt_json(attempt: &proto::Attempt) -> Value {
    json!({ "at": attempt.at.map(|at| at.to_string()), "code": attempt.code, "reason": attempt.reason })
}

/// The dead letter of this id.
async fn find(sidecar: &mut Sidecar, id: &Id) -> Result<DeadLetter, Failed> {
    // An event that is no part of anything comes behind all parts of the one before it.
    let before = id.event.position.checked_sub(1).map(|position| EventReference { position, part: None });
    let request = proto::ListDeadLettersRequest { consumer: id.consumer.clone(), after: before, limit: PAGE };
    let answer = sidecar.admin.list_dead_letters(request).await;
    let mut letters = sidecar.answer(answer)?.dead_letters.into_iter();
    letters
        .find(|letter| letter.event == Some(id.event))
        .ok_or_else(|| Failed::refused(format!("there is no dead letter {id}; `angzarr dlq` lists all")))
}

async fn show(connection: &Connection, sidecar: &mut Sidecar, id: &Id) -> Result<Exit, Failed> {
    let letter = find(sidecar, id).await?;
    let parked = parks(sidecar, &id.consumer).await?.get(&letter.lane).copied().unwrap_or_default();
    let messages = Messages::of(sidecar).await?;
    if connection.is_for_programs() {
        print(&letter_json(&id.consumer, &letter, parked, &messages));
        return Ok(Exit::Done);
    }
    let (cover, page) = record(&letter);
    let page = page.cloned().unwrap_or_default();
    let parked = if parked == 0 { "not parked".to_owned() } else { format!("{} parked", count(parked, "event")) };
    let cause = page.cause.as_ref().map(|cause| {
        let (component, domain, sequence) = (&cause.component, &cause.domain, cause.sequence);
        format!("{component} on {domain}/{} #{sequence}", root(cause.root.as_ref()))
    });
    let stream = format!("{} #{}, position {}", stream(cover), page.sequence, page.position);
    let data = page.event.as_ref().map(|event| messages.json(event)).unwrap_or_default();
    for (what, said) in [
        ("consumer", id.consumer.clone()),
        ("lane", format!("{} ({parked})", letter.lane)),
        ("event", event(&page)),
        ("stream", stream),
        ("recorded", shown(page.created_at)),
        ("correlation", page.correlation_id.clone()),
        ("cause", cause.unwrap_or_else(|| "a client's command".to_owned())),
        ("data", data.to_string()),
    ] {
        print(&format!("{what:<13}{}", plain(&said)));
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
    find(sidecar, id).await?;
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
