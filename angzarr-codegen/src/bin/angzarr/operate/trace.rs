//! `angzarr trace`.

mod tree;

use std::collections::BTreeMap;

use angzarr_runtime::prost::{Message, Name};
use angzarr_runtime::prost_types::Timestamp;
use angzarr_runtime::proto::event_page::Kind;
use angzarr_runtime::proto::{
    Cover, DeadLetter, DeadlineSet, EventBook, EventPage, ListDeadlinesRequest, PendingDeadline,
};
use clap::Args;

use super::messages::Messages;
use super::values::type_name;
use super::{Connection, Failed, Sidecar, dlq, events};
use crate::console::{Exit, print};
use tree::Tree;

/// How many deadlines a sidecar tells at most.
const MOST: u32 = 1_000;

#[derive(Args, Debug)]
pub(crate) struct Trace {
    #[command(flatten)]
    connection: Connection,
    /// Id of the conversation, as every event and every answer to a command carries it.
    correlation_id: String,
}

pub(super) async fn run(Trace { connection, correlation_id }: &Trace) -> Result<Exit, Failed> {
    let mut sidecar = connection.sidecar()?;
    let books = events::conversation(&mut sidecar, correlation_id).await?;
    if books.is_empty() {
        return Err(Failed::refused(format!("nothing was recorded in a conversation `{correlation_id}`")));
    }
    let dead_letters = dead_letters(&mut sidecar, correlation_id, &books).await?;
    let pending = pending(&mut sidecar, correlation_id, &books).await?;
    let tree = Tree { books, dead_letters, pending };
    if connection.is_for_programs() {
        print(&tree.json(correlation_id, &Messages::of(&mut sidecar).await?));
    } else {
        print(&tree.text().trim_end());
    }
    Ok(Exit::Done)
}

/// Those of events of a conversation, with their consumers.
async fn dead_letters(
    sidecar: &mut Sidecar,
    correlation_id: &str,
    books: &[EventBook],
) -> Result<Vec<(String, DeadLetter)>, Failed> {
    let first = books.iter().flat_map(|book| &book.pages).map(|page| page.position).min();
    // Behind everything that was before the conversation began.
    let before = first.and_then(|position| position.checked_sub(1));
    let mut found = Vec::new();
    for consumer in dlq::consumers(sidecar).await? {
        let letters = dlq::letters(sidecar, &consumer, before).await?.into_iter();
        let ours =
            letters.filter(|letter| dlq::record(letter).1.is_some_and(|page| page.correlation_id == correlation_id));
        found.extend(ours.map(|letter| (consumer.clone(), letter)));
    }
    Ok(found)
}

/// Deadlines that a conversation has set and that are still to come, as far as sidecars tell.
#[derive(Default)]
struct Pending {
    deadlines: Vec<PendingDeadline>,
    /// From when on, in seconds and nanoseconds, not all are told, by domain; only where there are too many.
    untold: BTreeMap<String, (i64, i32)>,
}

async fn pending(sidecar: &mut Sidecar, correlation_id: &str, books: &[EventBook]) -> Result<Pending, Failed> {
    let mut last: BTreeMap<&str, (i64, i32)> = BTreeMap::new();
    for book in books {
        let set = book.pages.iter().filter(|page| page.kind() == Kind::Deadline).filter_map(read::<DeadlineSet>);
        for at in set.filter_map(|set| set.at) {
            let domain = book.cover.as_ref().map_or("", |cover| &cover.domain);
            let last = last.entry(domain).or_default();
            *last = (at.seconds, at.nanos).max(*last);
        }
    }
    let mut found = Pending::default();
    for (domain, (seconds, nanos)) in last {
        let until = Some(Timestamp { seconds, nanos });
        let request = ListDeadlinesRequest { until, limit: MOST, domain: domain.to_owned() };
        let answer = sidecar.admin.list_deadlines(request).await;
        let all = sidecar.answer(answer)?.deadlines;
        // The earliest come first.
        let latest = all.last().and_then(|deadline| deadline.at).filter(|_| all.len() >= MOST as usize);
        found.untold.extend(latest.map(|at| (domain.to_owned(), (at.seconds, at.nanos))));
        let is_ours = |cover: &Cover| cover.correlation_id == correlation_id;
        found.deadlines.extend(all.into_iter().filter(|deadline| deadline.cover.as_ref().is_some_and(is_ours)));
    }
    Ok(found)
}

/// What a record of bookkeeping says.
fn read<M: Message + Name + Default>(page: &EventPage) -> Option<M> {
    let payload = page.event.as_ref().filter(|payload| type_name(payload) == M::full_name())?;
    M::decode(&*payload.value).ok()
}
