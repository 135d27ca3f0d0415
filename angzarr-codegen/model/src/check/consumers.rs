//! What consumers listen to is stored by somebody, and what they send is taken by somebody.

use crate::ir::{Component, ComponentKind, Handler, HandlerKind, Model, Role, TypeName};
use crate::names::{last_segment, nearest};
use crate::relations::Relations;
use crate::{Diagnostic, Diagnostics, codes};

pub(super) fn consumers(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    for component in &model.components {
        for handler in &component.handlers {
            match handler.kind {
                HandlerKind::Event => {
                    input(component, handler, relations, found);
                    outputs(component, handler, relations, found);
                }
                HandlerKind::Compensation => {
                    compensation(model, component, handler, relations, found);
                    outputs(component, handler, relations, found);
                }
                HandlerKind::Deadline => {
                    deadline(component, handler, relations, found);
                    outputs(component, handler, relations, found);
                }
                HandlerKind::Command | HandlerKind::Fact | HandlerKind::Query | HandlerKind::Upcast => {}
            }
        }
        if component.generate {
            uncompensated(model, component, relations, found);
        }
    }
}

fn input(component: &Component, handler: &Handler, relations: &Relations<'_>, found: &mut Diagnostics) {
    if !relations.writers(&handler.input).is_empty() || relations.undecided(&handler.input) {
        return;
    }
    let name = &handler.input.0;
    let listener = super::name(component, handler);
    let (reason, owner) = if let Some(upcaster) = relations.upcasters(&handler.input).first() {
        let current = current(relations, &handler.input).map(|current| format!(" of `{}`", current.0));
        let reason = format!("an old version{}", current.unwrap_or_default());
        (reason, Some((upcaster.handler.span, "upcast here")))
    } else if let Some(taker) = relations.takers(&handler.input).first() {
        ("a command".to_owned(), Some((taker.handler.span, "taken as a command here")))
    } else if let Some(answerer) = relations.answerers(&handler.input).first() {
        ("a query".to_owned(), Some((answerer.handler.span, "answered here")))
    } else if relations.message(&handler.input).is_some_and(|message| message.union.is_some()) {
        ("a union; its members are the events".to_owned(), None)
    } else {
        let events = relations.events().map(|(event, _)| event.0.as_str());
        let near = nearest_sibling(name, events);
        let message = format!(
            "nothing in this run stores `{name}`, which `{listener}` listens to{}",
            seek(relations, &handler.input)
        );
        found.add(Diagnostic::new(codes::NO_OWNER, handler.span, message).suggest(near));
        return;
    };
    let message = format!("`{listener}` listens to `{name}`, which is {reason}");
    let listens = Diagnostic::new(codes::NOT_AN_EVENT, handler.span, message);
    found.add(match owner {
        Some((place, label)) => listens.with(place, label),
        None => listens,
    });
}

/// A name without a version behind it, like the `V2` of `OrderPlacedV2`.
fn unversioned(name: &str) -> &str {
    let bare = name.trim_end_matches(|character: char| character.is_ascii_digit());
    if bare.len() < name.len() { bare.strip_suffix('V').unwrap_or(name) } else { name }
}

/// The name in the same package that is most like this one: that a message exists does not mean that it is the one that
/// was meant.
fn nearest_sibling<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let package = |name: &str| name.len() - last_segment(name).len();
    let siblings = known.filter(|other| other.get(..package(other)) == name.get(..package(name)));
    let siblings: Vec<&str> = siblings.collect();
    // Another version of the same message is nearer than any other name.
    let version = siblings.iter().find(|other| unversioned(other) == unversioned(name) && **other != name);
    if let Some(version) = version {
        return Some(version);
    }
    let near = nearest(last_segment(name), siblings.iter().map(|other| last_segment(other)))?;
    siblings.into_iter().find(|other| last_segment(other) == near)
}

/// Follows the first result of each upcast, as far as there is one.
fn current<'a>(relations: &Relations<'a>, old: &TypeName) -> Option<&'a TypeName> {
    let mut seen: Vec<&TypeName> = Vec::new();
    let mut next = old;
    loop {
        let claim = relations.upcasters(next).first()?;
        let result = claim.handler.output.payload()?.members().first()?;
        if !relations.writers(&result.ty).is_empty() {
            return Some(&result.ty);
        }
        if seen.contains(&&result.ty) {
            return None;
        }
        seen.push(&result.ty);
        next = &result.ty;
    }
}

fn outputs(component: &Component, handler: &Handler, relations: &Relations<'_>, found: &mut Diagnostics) {
    for member in handler.output.payload().into_iter().flat_map(|payload| payload.members()) {
        let owned = !relations.takers(&member.ty).is_empty() || !relations.recorders(&member.ty).is_empty();
        if owned || relations.undecided(&member.ty) {
            continue;
        }
        // A process manager's member that nobody takes is its own event, unless its root shows that it was meant to be
        // a command: then the aggregate that takes it is missing.
        let rooted =
            || relations.message(&member.ty).is_some_and(|message| message.fields.iter().any(|field| field.root));
        let manager = matches!(component.kind, ComponentKind::ProcessManager(_));
        let sender = super::name(component, handler);
        if let Some(writer) = relations.writers(&member.ty).first().filter(|_| member.role == Role::Command) {
            let (event, owner) = (&member.ty.0, &writer.component.full_name);
            let message = format!("`{sender}` sends `{event}`, which is an event of `{owner}` and no command");
            let wrong = Diagnostic::new(codes::WRONG_OUTPUT, handler.span, message);
            found.add(wrong.with(writer.handler.span, "stored as an event here"));
        } else if member.role == Role::Command || (manager && rooted()) {
            let commands = relations.commands().map(|(command, _)| command.0.as_str());
            let message = format!(
                "no aggregate in this run takes `{}`, which `{sender}` sends{}",
                member.ty.0,
                seek(relations, &member.ty)
            );
            let near = nearest_sibling(&member.ty.0, commands);
            found.add(Diagnostic::new(codes::NO_OWNER, handler.span, message).suggest(near));
        }
    }
}

/// Where to look for the owner of a message.
fn seek(relations: &Relations<'_>, name: &TypeName) -> String {
    match relations.message(name) {
        Some(message) if !message.package.is_empty() => {
            format!("; look among the services of package `{}`", message.package)
        }
        _ => String::new(),
    }
}

fn compensation(
    model: &Model,
    component: &Component,
    handler: &Handler,
    relations: &Relations<'_>,
    found: &mut Diagnostics,
) {
    let Some(domain) = component.own_domain() else { return };
    let name = super::name(component, handler);
    let command = &handler.input;
    if relations.undecided(command) {
        return;
    }
    if relations.takers(command).is_empty() {
        let message = format!(
            "no aggregate in this run takes `{}`, which `{name}` compensates{}",
            command.0,
            seek(relations, command)
        );
        found.report(codes::NO_OWNER, handler.span, message);
        return;
    }
    if matches!(component.kind, ComponentKind::ProcessManager(_)) {
        return;
    }
    let sent = model.components.iter().filter(|other| matches!(other.kind, ComponentKind::Saga)).any(|saga| {
        saga.handlers.iter().any(|reaction| {
            relations.event_domain(&reaction.input) == Some(domain)
                && reaction.yields(Role::Command).any(|sent| sent == command)
        })
    });
    if !sent {
        let message = format!("`{name}`: no saga sends `{}` because of an event of \"{domain}\"", command.0);
        found.report(codes::IDLE_COMPENSATION, handler.span, message);
    }
}

/// The message of a deadline is the process manager's own and nothing else.
fn deadline(component: &Component, handler: &Handler, relations: &Relations<'_>, found: &mut Diagnostics) {
    let (name, ty) = (super::name(component, handler), &handler.input);
    let bad = |reason: String| {
        Diagnostic::new(codes::BAD_DEADLINE, handler.span, format!("`{name}` takes `{}`, which {reason}", ty.0))
    };
    if let Some(message) = relations.message(ty) {
        let (own, package) = (&component.package, &message.package);
        if own != package && own.strip_suffix(".app") != Some(package) {
            found.add(bad(format!("lies in package `{package}`")).with(message.span, "declared here"));
        }
    }
    let uses = [
        ("a command", relations.takers(ty)),
        ("an event", relations.writers(ty)),
        ("an old event", relations.upcasters(ty)),
        ("a query", relations.answerers(ty)),
    ];
    for (what, claims) in uses {
        if let Some(claim) = claims.first() {
            let used = bad(format!("is {what} of `{}`", claim.component.full_name));
            found.add(used.with(claim.handler.span, format!("{what} here")));
        }
    }
}

/// Warns of commands that may be refused for a reason of the rules, with nobody to answer that.
fn uncompensated(model: &Model, component: &Component, relations: &Relations<'_>, found: &mut Diagnostics) {
    for handler in &component.handlers {
        let answering = match component.kind {
            ComponentKind::Saga => {
                let domain = relations.event_domain(&handler.input);
                let owner = model.components.iter().find(|owner| domain.is_some() && owner.own_domain() == domain);
                owner.filter(|owner| matches!(owner.kind, ComponentKind::Aggregate(_)))
            }
            ComponentKind::ProcessManager(_) => Some(component),
            _ => return,
        };
        let compensates = |command: &TypeName| {
            let handlers = answering.into_iter().flat_map(|component| &component.handlers);
            handlers.into_iter().any(|one| one.kind == HandlerKind::Compensation && &one.input == command)
        };
        let decided = |command: &&TypeName| !relations.undecided(&handler.input) && !relations.undecided(command);
        for command in handler.yields(Role::Command).filter(decided) {
            let Some(taker) = relations.takers(command).first() else { continue };
            let rejects = matches!(&taker.component.kind, ComponentKind::Aggregate(one) if one.rejections.is_some());
            if rejects && !compensates(command) {
                let (sender, refuses) = (super::name(component, handler), &taker.component.full_name);
                let message = format!(
                    "`{sender}` sends `{}`, which `{refuses}` may refuse, and nobody compensates that",
                    command.0
                );
                let warning = Diagnostic::new(codes::UNCOMPENSATED, handler.span, message);
                found.add(warning.with(taker.handler.span, "may be refused here"));
            }
        }
    }
}
