//! Everything has one owner.

use std::collections::BTreeMap;

use crate::ir::{Component, Model, TypeName};
use crate::relations::{Claim, Relations};
use crate::{Diagnostic, Diagnostics, codes};

pub(super) fn claims(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    let mut domains: BTreeMap<&str, &Component> = BTreeMap::new();
    for component in super::as_written(&model.components) {
        let Some(domain) = component.own_domain() else { continue };
        if let Some(first) = domains.get(domain) {
            let message =
                format!("`{}` and `{}` both own the domain \"{domain}\"", first.full_name, component.full_name);
            let twice = Diagnostic::new(codes::CLAIMED_TWICE, component.span, message);
            found.add(twice.with(first.span, "first claimed here"));
        } else {
            domains.insert(domain, component);
        }
    }
    for (command, claims) in relations.commands() {
        twice(claims, |first, second| format!("`{first}` and `{second}` both take the command `{}`", command.0), found);
        if let Some(writer) = relations.writers(command).first() {
            let message = format!("`{}` is a command here and an event of `{}`", command.0, writer.component.full_name);
            let taken = claims.first().map_or(writer.handler.span, |taker| taker.handler.span);
            let both = Diagnostic::new(codes::COMMAND_AND_EVENT, taken, message);
            found.add(both.with(writer.handler.span, "stored as an event here"));
        }
    }
    for (query, claims) in relations.queries() {
        twice(claims, |first, second| format!("`{first}` and `{second}` both answer `{}`", query.0), found);
        other_use(relations, query, claims, "a query here", found);
    }
    for (deadline, claims) in relations.deadlines() {
        twice(
            claims,
            |first, second| format!("`{first}` and `{second}` both set the deadline `{}`", deadline.0),
            found,
        );
    }
    // What a process manager returns is an event of its own only if no aggregate takes it.
    for (event, claims) in relations.events().filter(|(event, _)| !relations.undecided(event)) {
        twice(claims, |first, second| format!("`{first}` and `{second}` both store the event `{}`", event.0), found);
    }
    for (old, claims) in relations.upcasts() {
        twice(claims, |first, second| format!("`{first}` and `{second}` both upcast `{}`", old.0), found);
        if let (Some(taker), Some(upcaster)) = (relations.takers(old).first(), claims.first()) {
            let message = format!("`{}` is a command of `{}` and an old event here", old.0, taker.component.full_name);
            let both = Diagnostic::new(codes::COMMAND_AND_EVENT, upcaster.handler.span, message);
            found.add(both.with(taker.handler.span, "taken as a command here"));
        }
    }
}

/// Reports a message that is somebody's command or event as well.
fn other_use(relations: &Relations<'_>, name: &TypeName, claims: &[Claim<'_>], here: &str, found: &mut Diagnostics) {
    let Some(claim) = claims.first() else { return };
    let command = relations.takers(name).first().map(|taker| ("a command", taker));
    let event = relations.writers(name).first().map(|writer| ("an event", writer));
    for (other, owner) in command.into_iter().chain(event) {
        let message = format!("`{}` is {here} and {other} of `{}`", name.0, owner.component.full_name);
        let both = Diagnostic::new(codes::COMMAND_AND_EVENT, claim.handler.span, message);
        found.add(both.with(owner.handler.span, format!("{other} here")));
    }
}

/// Reports each owner after the first, except for handlers of one component, which the component's own check reports.
fn twice(claims: &[Claim<'_>], message: impl Fn(&str, &str) -> String, found: &mut Diagnostics) {
    let mut claims = claims.to_vec();
    claims.sort_by_key(|claim| claim.handler.span);
    let Some((first, others)) = claims.split_first() else { return };
    for other in others.iter().filter(|other| other.component.full_name != first.component.full_name) {
        let message = message(&first.component.full_name, &other.component.full_name);
        let twice = Diagnostic::new(codes::CLAIMED_TWICE, other.handler.span, message);
        found.add(twice.with(first.handler.span, "first claimed here"));
    }
}
