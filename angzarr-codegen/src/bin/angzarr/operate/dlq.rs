//! `angzarr dlq`.

mod entries;

use std::io::{BufRead, IsTerminal, Write};

use angzarr_runtime::proto;
use angzarr_runtime::proto::clear_park_request::Way;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::messages::Messages;
use super::table::{plain, print_table};
use super::values::{count, event, event_json, root, shown, stream};
use super::{Connection, Failed, Sidecar};
use crate::console::{Exit, print, tell};
use entries::{Entry, entries, find};
pub(super) use entries::{Id, consumers, letters, record};

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
    let is_meant = asked(&format!("{id}: {what}?"), &mut std::io::stderr(), &mut std::io::stdin().lock());
    if !is_meant {
        tell(&"nothing was changed");
    }
    Ok(is_meant)
}

/// Whether a question is answered with yes. If it cannot be shown, no answer can be meant.
fn asked(question: &str, to: &mut impl Write, from: &mut impl BufRead) -> bool {
    let mut answer = String::new();
    let shown = write!(to, "{question} [y/N] ").and_then(|()| to.flush());
    let answered = shown.and_then(|()| from.read_line(&mut answer));
    answered.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (answer, is_meant) in [("y\n", true), ("yes\n", true), ("n\n", false), ("\n", false), ("", false)] {
            let mut shown = Vec::new();
            assert_eq!(asked("a.B:17: forget it?", &mut shown, &mut answer.as_bytes()), is_meant, "{answer:?}");
            assert_eq!(shown, b"a.B:17: forget it? [y/N] ");
        }
    }
}
