//! What led to what, in a conversation.

use std::collections::HashMap;

use angzarr_runtime::prost_types::{Any, Timestamp};
use angzarr_runtime::proto::event_page::Kind;
use angzarr_runtime::proto::{self, CommandsIssued, DeadLetter, DeadlineSet, EventBook, EventPage, Refusal};
use serde_json::{Value, json};

use super::super::dlq::Id;
use super::super::messages::Messages;
use super::super::table::plain;
use super::super::values::{count, event, event_json, short, shown, stream, type_name};
use super::{Pending, read};

/// A chain of causes beyond this is cut short: deadlines may set each other for ever.
const DEEPEST: usize = 200;

pub(super) struct Tree {
    /// In the order of the log.
    pub(super) books: Vec<EventBook>,
    /// With the consumers that could not handle their events.
    pub(super) dead_letters: Vec<(String, DeadLetter)>,
    pub(super) pending: Pending,
}

/// Domain, root, sequence, part.
type EventId<'a> = (&'a str, &'a [u8], u32, u32);

/// Which books follow from which events.
struct Links<'a> {
    tree: &'a Tree,
    caused: HashMap<EventId<'a>, Vec<&'a EventBook>>,
    /// Books that follow from nothing in the conversation.
    first: Vec<&'a EventBook>,
}

fn event_id<'a>(book: &'a EventBook, page: &EventPage) -> EventId<'a> {
    let (domain, root) = book.cover.as_ref().map_or(("", &[][..]), |cover| (&cover.domain, root(cover.root.as_ref())));
    (domain, root, page.sequence, page.part)
}

fn root(root: Option<&proto::Uuid>) -> &[u8] {
    root.map(|root| &*root.value).unwrap_or_default()
}

fn cause(book: &EventBook) -> Option<&proto::Cause> {
    book.pages.first()?.cause.as_ref()
}

/// When a book was recorded, in seconds and nanoseconds.
fn recorded(book: &EventBook) -> Option<(i64, i32)> {
    book.pages.first()?.created_at.map(|time| (time.seconds, time.nanos))
}

impl<'a> Links<'a> {
    fn of(tree: &'a Tree) -> Self {
        let pages = tree.books.iter().flat_map(|book| book.pages.iter().map(move |page| event_id(book, page)));
        let mut caused: HashMap<EventId<'_>, Vec<&EventBook>> = pages.map(|event| (event, Vec::new())).collect();
        let mut first = Vec::new();
        for book in &tree.books {
            let cause = cause(book).map(|by| (&*by.domain, root(by.root.as_ref()), by.sequence, by.part));
            match cause.and_then(|cause| caused.get_mut(&cause)) {
                Some(books) => books.push(book),
                None => first.push(book),
            }
        }
        for books in caused.values_mut() {
            // Who acted at one instant did so in any order.
            books.sort_by_key(|book| (recorded(book), cause(book).map(|cause| &*cause.component)));
        }
        Self { tree, caused, first }
    }

    fn caused(&self, book: &'a EventBook, page: &EventPage) -> &[&'a EventBook] {
        self.caused.get(&event_id(book, page)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Dead letters of an event; one that could not be upcast stands with its first part.
    fn dead_letters(&self, page: &EventPage) -> impl Iterator<Item = &'a (String, DeadLetter)> {
        let event = (page.position, page.part);
        self.tree.dead_letters.iter().filter(move |(_, letter)| {
            letter.event.is_some_and(|letter| (letter.position, letter.part.unwrap_or_default()) == event)
        })
    }

    /// Whether what a page has set is still to come; none if that is not told.
    fn is_pending(&self, book: &EventBook, name: &str, at: Option<Timestamp>) -> Option<bool> {
        let Pending { deadlines, untold } = &self.tree.pending;
        let own = book.cover.as_ref();
        let same = |cover: &proto::Cover| own.is_some_and(|own| own.domain == cover.domain && own.root == cover.root);
        if deadlines.iter().any(|one| one.name == name && one.cover.as_ref().is_some_and(same)) {
            return Some(true);
        }
        let from = own.and_then(|own| untold.get(&own.domain));
        let is_untold = from.zip(at).is_some_and(|(from, at)| (at.seconds, at.nanos) >= *from);
        (!is_untold).then_some(false)
    }
}

impl Tree {
    /// The tree, a line each.
    pub(super) fn text(&self) -> String {
        let links = Links::of(self);
        links.first.iter().map(|book| links.book_branch(book, 0).lines("", "")).collect()
    }

    pub(super) fn json(&self, correlation_id: &str, messages: &Messages) -> Value {
        let links = Links::of(self);
        let books: Vec<Value> = links.first.iter().map(|book| links.book_json(book, messages, 0)).collect();
        json!({ "correlation_id": correlation_id, "books": books })
    }
}

/// A line, and what hangs below it.
struct Branch {
    line: String,
    below: Vec<Branch>,
}

impl Branch {
    /// The lines with what leads to them: before the first one, and before all others.
    fn lines(&self, first: &str, others: &str) -> String {
        let mut text = format!("{first}{}\n", plain(&self.line));
        for (index, branch) in self.below.iter().enumerate() {
            let (turn, past) = if index + 1 == self.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            text += &branch.lines(&format!("{others}{turn}"), &format!("{others}{past}"));
        }
        text
    }
}

impl<'a> Links<'a> {
    fn book_branch(&self, book: &'a EventBook, depth: usize) -> Branch {
        let recorded = book.pages.first().and_then(|page| page.created_at);
        let by = cause(book).map(|cause| format!("{} ─► ", cause.component)).unwrap_or_default();
        let line = format!("{by}{}  {}", stream(book.cover.as_ref()), shown(recorded));
        let below = if depth < DEEPEST {
            book.pages.iter().map(|page| self.page_branch(book, page, depth)).collect()
        } else {
            vec![Branch { line: "…".to_owned(), below: Vec::new() }]
        };
        Branch { line, below }
    }

    fn page_branch(&self, book: &'a EventBook, page: &EventPage, depth: usize) -> Branch {
        let letters = self.dead_letters(page).map(|(consumer, letter)| {
            let last = letter.attempts.last();
            let why = last.map(|last| format!(": {}, {}", last.code, last.reason)).unwrap_or_default();
            let attempts = count(letter.attempts.len() as u64, "attempt");
            Branch {
                line: format!("dead letter {} after {attempts}{why}", Id::of(consumer, letter)),
                below: Vec::new(),
            }
        });
        let caused = self.caused(book, page).iter().map(|book| self.book_branch(book, depth + 1));
        Branch { line: format!("#{} {}", page.sequence, self.said(book, page)), below: letters.chain(caused).collect() }
    }

    /// What a record says.
    fn said(&self, book: &EventBook, page: &EventPage) -> String {
        let said = match page.kind() {
            Kind::Event | Kind::Fact | Kind::Compensation => None,
            Kind::Commands => read(page).map(commands),
            Kind::Deadline => read(page).map(|set: DeadlineSet| {
                let DeadlineSet { name, at, event } = set;
                let Some(at) = at else { return format!("deadline {name} is cancelled") };
                let stands = match self.is_pending(book, &name, Some(at)) {
                    Some(true) => " (pending)",
                    Some(false) => "",
                    None => " (perhaps pending)",
                };
                format!("deadline {name} at {at}: {}{stands}", short(event.as_ref()))
            }),
            Kind::Refusal => read(page).map(|Refusal { rejection, command }| {
                let proto::Rejection { code, message, .. } = rejection.unwrap_or_default();
                format!("refused {}: {code}, {message}", short(command.as_ref()))
            }),
        };
        said.unwrap_or_else(|| event(page))
    }

    fn book_json(&self, book: &'a EventBook, messages: &Messages, depth: usize) -> Value {
        let pages = book.pages.iter().filter(|_| depth < DEEPEST);
        let records: Vec<Value> = pages.map(|page| self.page_json(book, page, messages, depth)).collect();
        json!({ "component": cause(book).map(|cause| &cause.component), "records": records })
    }

    fn page_json(&self, book: &'a EventBook, page: &EventPage, messages: &Messages, depth: usize) -> Value {
        let caused = self.caused(book, page).iter().map(|book| self.book_json(book, messages, depth + 1));
        let letters = self.dead_letters(page).map(|(consumer, letter)| {
            let last = letter.attempts.last();
            json!({
                "id": Id::of(consumer, letter).to_string(), "attempts": letter.attempts.len(),
                "code": last.map(|last| &last.code), "reason": last.map(|last| &last.reason),
            })
        });
        let mut one = event_json(book.cover.as_ref(), page, messages);
        one["dead_letters"] = letters.collect();
        one["caused"] = caused.collect();
        if let Some(data) = self.data(book, page, messages) {
            one["data"] = data;
        }
        one
    }

    /// What bookkeeping says; the sidecar describes its users' messages only.
    fn data(&self, book: &EventBook, page: &EventPage, messages: &Messages) -> Option<Value> {
        let message = |any: &Any| json!({ "type": type_name(any), "data": messages.json(any) });
        match page.kind() {
            Kind::Event | Kind::Fact | Kind::Compensation => None,
            Kind::Commands => read(page).map(|CommandsIssued { books, completed }| {
                let sent = books.iter().flat_map(|book| {
                    let to = stream(book.cover.as_ref());
                    book.pages
                        .iter()
                        .map(move |page| json!({ "to": to, "command": page.command.as_ref().map(message) }))
                });
                json!({ "commands": sent.collect::<Vec<_>>(), "completed": completed })
            }),
            Kind::Deadline => read(page).map(|DeadlineSet { name, at, event }| {
                let (pending, at) = (self.is_pending(book, &name, at), at.map(|at| at.to_string()));
                json!({ "name": name, "due_at": at, "pending": pending, "deadline": event.as_ref().map(message) })
            }),
            Kind::Refusal => read(page).map(|Refusal { rejection, command }| {
                let proto::Rejection { code, message: text, .. } = rejection.unwrap_or_default();
                json!({ "code": code, "message": text, "command": command.as_ref().map(message) })
            }),
        }
    }
}

/// What a process manager sent.
fn commands(CommandsIssued { books, completed }: CommandsIssued) -> String {
    let sent = books.iter().flat_map(|book| {
        let to = stream(book.cover.as_ref());
        book.pages.iter().map(move |page| format!("sends {} to {to}", short(page.command.as_ref())))
    });
    let sent: Vec<String> = sent.chain(completed.then(|| "is completed".to_owned())).collect();
    if sent.is_empty() { "does nothing".to_owned() } else { sent.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_is_not_told_of_may_be_pending() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let cover = proto::Cover { domain: "checkout".to_owned(), key: "1".to_owned(), ..proto::Cover::default() };
        let told = proto::PendingDeadline {
            cover: Some(cover.clone()),
            name: "told".to_owned(),
            at: at(20),
            ..proto::PendingDeadline::default()
        };
        let pages = [("done", 10), ("told", 20), ("later", 20)].map(|(name, seconds)| {
            let set = DeadlineSet { name: name.to_owned(), at: at(seconds), event: None };
            let event = Any::from_msg(&set).ok();
            EventPage { event, kind: Kind::Deadline.into(), ..EventPage::default() }
        });
        let book = EventBook { cover: Some(cover), pages: pages.into(), ..EventBook::default() };
        let untold = [("checkout".to_owned(), (20, 0))].into();
        let pending = Pending { deadlines: vec![told], untold };
        let tree = Tree { books: vec![book.clone()], dead_letters: Vec::new(), pending };
        let links = Links::of(&tree);
        let said: Vec<String> = book.pages.iter().map(|page| links.said(&book, page)).collect();
        assert_eq!(
            said,
            [
                "deadline done at 1970-01-01T00:00:10Z: ",
                "deadline told at 1970-01-01T00:00:20Z:  (pending)",
                "deadline later at 1970-01-01T00:00:20Z:  (perhaps pending)",
            ]
        );
    }
}
