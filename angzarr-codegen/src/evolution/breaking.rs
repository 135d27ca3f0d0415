//! The comparison of two locks: what is stored, and the rules by which it is found.

use angzarr_model::ir::{Model, TypeName};
use angzarr_model::{Code, Diagnostic, Span, codes};

use super::fields::Comparison;
use super::filling;
use super::lock::{Domain, Id, KeyPart, Lock, Stored, Use};
use super::types::same_text;

/// Findings, with the places of the new protos.
pub(super) struct Findings<'a> {
    model: &'a Model,
    found: Vec<Diagnostic>,
}

/// The place of what is not there any more.
const NOWHERE: Span = Span(u32::MAX);

impl<'a> Findings<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Findings { model, found: Vec::new() }
    }

    pub(super) fn report(&mut self, code: Code, span: Span, message: String) {
        self.found.push(Diagnostic::new(code, span, message));
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Where a message is declared.
    pub(super) fn message(&self, name: &str) -> Span {
        self.model.messages.iter().find(|message| message.name.0 == name).map_or(NOWHERE, |message| message.span)
    }

    /// Where a field is declared; where the message is, if it has none of that number.
    pub(super) fn field(&self, message: &str, number: u32) -> Span {
        let found = self.model.messages.iter().find(|one| one.name.0 == message);
        let field = found.and_then(|one| one.fields.iter().find(|field| field.number == number));
        field.map(|field| field.span).or(found.map(|one| one.span)).unwrap_or(NOWHERE)
    }

    /// Whether a field of this number has a new name only: no other field took the name that it had.
    fn renamed(&self, message: &str, before: &str) -> bool {
        let found = self.model.messages.iter().find(|one| one.name.0 == message);
        found.is_none_or(|one| one.fields.iter().all(|field| field.name != before))
    }

    /// Whether the fields of a path have new names only; the message is that which the path begins in.
    fn renamed_path(&self, message: &str, before: &str, now: &str) -> bool {
        let mut message = message.to_owned();
        before.split('.').zip(now.split('.')).all(|(before, now)| {
            let same = before == now || self.renamed(&message, before);
            let inside = self.model.messages.iter().find(|one| one.name.0 == message);
            let field = inside.and_then(|one| one.fields.iter().find(|field| field.name == now));
            message = field.map(|field| field.spelling.clone()).unwrap_or_default();
            same
        })
    }

    /// Where a component is declared.
    fn component(&self, full_name: &str) -> Span {
        let mut components = self.model.components.iter();
        components.find(|component| component.full_name == full_name).map_or(NOWHERE, |component| component.span)
    }

    /// Where a component's handler of an input is declared.
    fn handler(&self, full_name: &str, input: &str) -> Span {
        let component = self.model.components.iter().find(|component| component.full_name == full_name);
        let handlers = component.into_iter().flat_map(|component| &component.handlers);
        let input = TypeName(input.to_owned());
        handlers.into_iter().find(|handler| handler.input == input).map_or(NOWHERE, |handler| handler.span)
    }
}

/// Reports what `now` would break of `before`.
pub(super) fn compare(before: &Lock, now: &Lock, found: &mut Findings<'_>) {
    for (name, domain) in &before.domains {
        match now.domains.get(name) {
            Some(current) => same_domain(name, domain, current, now, found),
            None => domain_gone(name, domain, now, found),
        }
    }
    // Of a domain that is gone, one finding is enough.
    let there = |stored: &Stored| stored.kept == Use::Command || now.domains.contains_key(&stored.domain);
    let stored = before.stored.iter().filter(|(_, stored)| there(stored));
    // What was stored under an older name has the same shape, and is there to stay as well.
    let names = stored.flat_map(|(name, stored)| {
        stored.stored_as.iter().chain([name]).map(move |stored_as| (stored_as, name, stored))
    });
    let kept: Vec<(&String, &String)> = names
        .filter(|(stored_as, _, stored)| still_stored(stored_as, stored, now, found))
        .filter_map(|(stored_as, name, _)| Some((name, now.reader(stored_as)?.0)))
        .collect();
    for (name, stored) in &before.stored {
        if let (Some(key), Some((reader, Stored { idempotency_key: Some(current), .. }))) =
            (&stored.idempotency_key, now.reader(name))
        {
            same_idempotency_key(reader, key, current, found);
        }
    }
    filling::compare(before, now, found);
    consumers(before, now, found);
    let mut comparison = Comparison::new(before, now, found);
    kept.into_iter().for_each(|(name, reader)| comparison.stored(name, reader));
}

fn domain_gone(name: &str, domain: &Domain, now: &Lock, found: &mut Findings<'_>) {
    let owner = &domain.owner;
    let became = now.domains.iter().find(|(_, other)| &other.owner == owner);
    let fate = match became {
        Some((other, _)) => format!("`{owner}` owns \"{other}\" instead"),
        None => format!("it was owned by `{owner}`"),
    };
    let message = format!("the domain \"{name}\" is gone: {fate}; streams lie under the name of their domain for ever");
    found.report(codes::DOMAIN_CHANGED, found.component(owner), message);
}

fn same_domain(name: &str, before: &Domain, now: &Domain, lock: &Lock, found: &mut Findings<'_>) {
    let owner = found.component(&now.owner);
    if before.kind != now.kind {
        let message = format!(
            "the domain \"{name}\" was one of {}s and is one of {}s now; they give ids to streams in different ways",
            before.kind, now.kind
        );
        found.report(codes::DOMAIN_CHANGED, owner, message);
        return;
    }
    if before.namespace != now.namespace {
        let message = format!(
            "root ids of \"{name}\" were made in the namespace {} and are in {} now; streams would not be found",
            before.namespace, now.namespace
        );
        found.report(codes::ROOT_CHANGED, owner, message);
    }
    // A fact or an event may have another name now.
    let reader = |name| lock.reader(name).map_or(name, |(reader, _)| reader);
    for (message, root) in &before.roots {
        if let Some((message, current)) = now.roots.get_key_value(reader(message)) {
            same_root(message, root, current, found);
        }
    }
    for (event, parts) in &before.keys {
        if let Some((event, current)) = now.keys.get_key_value(reader(event)) {
            same_key(&now.owner, event, (parts, current), found);
        }
    }
}

/// Whether an id is in the same field as before, and has the same text.
fn same_id(message: &str, before: &Id, now: &Id, found: &Findings<'_>) -> bool {
    let renamed = || before.number == now.number && found.renamed(message, &before.name);
    (before.name == now.name || renamed()) && same_text(&before.ty, &now.ty)
}

fn same_root(message: &str, before: &Id, now: &Id, found: &mut Findings<'_>) {
    if same_id(message, before, now, found) {
        return;
    }
    let text = format!(
        "the root of `{message}` was `{} {}` and is `{} {}` now; it would lead to other streams than before",
        before.ty, before.name, now.ty, now.name
    );
    found.report(codes::ROOT_CHANGED, found.field(message, now.number), text);
}

fn same_idempotency_key(message: &str, before: &Id, now: &Id, found: &mut Findings<'_>) {
    if same_id(message, before, now, found) {
        return;
    }
    let text = format!(
        "a `{message}` that is delivered again was known by `{} {}` and is by `{} {}` now; it would be recorded twice",
        before.ty, before.name, now.ty, now.name
    );
    found.report(codes::IDEMPOTENCY_KEY_CHANGED, found.field(message, now.number), text);
}

/// Reports what seems to have a new name: it has the kind of one that is gone, and events or the domain of it.
fn consumers(before: &Lock, now: &Lock, found: &mut Findings<'_>) {
    let owns = |lock: &Lock, owner: &str, domain: &str| lock.domains.get(domain).is_some_and(|one| one.owner == owner);
    for (name, gone) in before.consumers.iter().filter(|(name, _)| !now.consumers.contains_key(*name)) {
        for (other, new) in now.consumers.iter().filter(|(other, _)| !before.consumers.contains_key(*other)) {
            let same_domain =
                before.domains.keys().any(|domain| owns(before, name, domain) && owns(now, other, domain));
            let same_event = new.events.iter().any(|event| gone.events.contains(event));
            if gone.kind == new.kind && (same_domain || same_event) {
                let message = format!(
                    "the {} `{name}` is gone and `{other}` is new; if it is the same, it begins at the start of the log, \
                     since where a consumer stands is kept under its full name",
                    new.kind
                );
                found.report(codes::CONSUMER_RENAMED, found.component(other), message);
            }
        }
    }
}

fn same_key(owner: &str, event: &str, (parts, current): (&[KeyPart], &[KeyPart]), found: &mut Findings<'_>) {
    let same = |(part, other): (&KeyPart, &KeyPart)| {
        let renamed = || part.numbers == other.numbers && found.renamed_path(event, &part.path, &other.path);
        (part.path == other.path || renamed()) && same_text(&part.ty, &other.ty)
    };
    if parts.len() == current.len() && parts.iter().zip(current).all(same) {
        return;
    }
    let message = format!(
        "`{owner}` found its instance for `{event}` by {} and does by {} now; instances that exist would not be found",
        spelt(parts),
        spelt(current)
    );
    found.report(codes::KEY_CHANGED, found.handler(owner, event), message);
}

fn spelt(key: &[KeyPart]) -> String {
    if key.is_empty() {
        return "the correlation id".to_owned();
    }
    key.iter().map(|part| format!("`{} {}`", part.ty, part.path)).collect::<Vec<_>>().join(", ")
}

/// Whether a message is still what it was stored as, so that its shape matters. If not, that is reported.
fn still_stored(name: &str, before: &Stored, lock: &Lock, found: &mut Findings<'_>) -> bool {
    let Some((_, now)) = lock.reader(name) else {
        // A command that was sent and answered is never sent again.
        if before.kept != Use::Command {
            gone(name, before, lock, found);
        }
        return false;
    };
    if before.kept == Use::Command {
        return true;
    }
    let (what, domain) = (article(before.kept.words()), &before.domain);
    let event = |kept: Use| matches!(kept, Use::Event | Use::Fact);
    let (code, message) = if before.kept != now.kept && !(event(before.kept) && event(now.kept)) {
        (codes::REUSED, format!("`{name}` was {what} of \"{domain}\" and is {} now", article(now.kept.words())))
    } else if before.domain != now.domain {
        let message = format!(
            "`{name}` was {what} of \"{domain}\" and is one of \"{}\" now; the streams of \"{domain}\" still hold it",
            now.domain
        );
        (codes::DOMAIN_CHANGED, message)
    } else {
        return true;
    };
    found.report(code, found.message(name), message);
    false
}

/// Reports something stored that nothing reads.
fn gone(name: &str, before: &Stored, lock: &Lock, found: &mut Findings<'_>) {
    let (what, domain) = (article(before.kept.words()), &before.domain);
    let sent = lock.domains.values().any(|domain| domain.roots.contains_key(name));
    let (code, message) = if sent {
        (codes::REUSED, format!("`{name}` was {what} of \"{domain}\" and is a command or query now"))
    } else if before.kept == Use::Deadline {
        let message =
            format!("the deadline `{name}` of \"{domain}\" has no handler any more; those that are set would fail");
        (codes::STORED_GONE, message)
    } else {
        let message = format!(
            "`{name}`, {what} of \"{domain}\", is neither written nor upcast any more; stored ones could not be read"
        );
        (codes::STORED_GONE, message)
    };
    // Where it is declared still, or else who should know of it.
    let owner = lock.domains.get(domain).map_or(NOWHERE, |domain| found.component(&domain.owner));
    let declared = found.message(name);
    found.report(code, if declared == NOWHERE { owner } else { declared }, message);
}

fn article(what: &str) -> String {
    let vowel = what.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {what}", if vowel { "an" } else { "a" })
}
