//! Chains of upcasts: each leads, step by step, to something that the domain's component writes today.

use std::collections::{BTreeMap, BTreeSet};

use crate::ir::{Model, TypeName};
use crate::names::version;
use crate::relations::{Claim, Relations};
use crate::{Diagnostics, codes};

pub(super) fn upcasts(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    let versions = Versions::of(model);
    for (old, claims) in relations.upcasts() {
        for claim in claims {
            step(model, old, claim, relations, found);
            versions.skipped(old, claim, found);
        }
    }
    for message in model.messages.iter().filter(|message| message.retired && message.generate) {
        let read = !relations.upcasters(&message.name).is_empty() || !relations.writers(&message.name).is_empty();
        if !read && !relations.undecided(&message.name) {
            let text = format!("`{}` is retired, and no upcaster takes it", message.name.0);
            found.report(codes::RETIRED_UNREAD, message.span, text);
        }
    }
    versions.beside_chains(relations, found);
}

fn step(model: &Model, old: &TypeName, claim: &Claim<'_>, relations: &Relations<'_>, found: &mut Diagnostics) {
    let name = super::name(claim.component, claim.handler);
    let domain = claim.domain;
    if !model.components.iter().any(|component| component.own_domain() == Some(domain)) {
        if relations.incomplete() {
            return;
        }
        let message = format!("no component in this run owns the domain \"{domain}\", whose events `{name}` upcasts");
        found.report(codes::NO_OWNER, claim.handler.span, message);
        return;
    }
    if results(claim).any(|result| comes_back(relations, old, result)) {
        found.report(codes::UPCAST_CYCLE, claim.handler.span, format!("`{name}` leads `{}` back to itself", old.0));
        return;
    }
    if let Some(writer) = relations.writers(old).first() {
        let writer = super::name(writer.component, writer.handler);
        let message = format!("`{name}` upcasts `{}`, which `{writer}` still writes", old.0);
        found.report(codes::UPCAST_TWO_ENDS, claim.handler.span, message);
    }
    for result in results(claim) {
        let goes_on = relations.upcasters(result).iter().any(|next| next.domain == domain);
        let written = relations.writers(result).iter().any(|writer| writer.domain == domain);
        if !goes_on && !written && !relations.undecided(result) {
            let message =
                format!("`{name}` leads to `{}`, which \"{domain}\" does not write and nothing upcasts", result.0);
            found.report(codes::UPCAST_GAP, claim.handler.span, message);
        }
    }
}

fn results<'a>(claim: &Claim<'a>) -> impl Iterator<Item = &'a TypeName> {
    claim.handler.output.payload().into_iter().flat_map(|payload| payload.members()).map(|member| &member.ty)
}

/// Whether upcasting `from` can yield `to` again.
fn comes_back(relations: &Relations<'_>, to: &TypeName, from: &TypeName) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(current) = seen.get(next).copied() {
        if current == to {
            return true;
        }
        for result in relations.upcasters(current).iter().flat_map(results) {
            if !seen.contains(&result) {
                seen.push(result);
            }
        }
        next += 1;
    }
    false
}

/// Messages whose names differ in nothing but the version, from old to new.
struct Versions<'a>(BTreeMap<String, BTreeMap<(u32, u32), &'a TypeName>>);

impl<'a> Versions<'a> {
    fn of(model: &'a Model) -> Self {
        let mut families: BTreeMap<String, BTreeMap<(u32, u32), &TypeName>> = BTreeMap::new();
        for message in &model.messages {
            let (family, version) = version(&message.name.0);
            families.entry(family).or_default().insert(version, &message.name);
        }
        Versions(families)
    }

    /// Reports the versions that an upcast passes over.
    fn skipped(&self, old: &TypeName, claim: &Claim<'_>, found: &mut Diagnostics) {
        let (family, from) = version(&old.0);
        let Some(versions) = self.0.get(&family) else { return };
        for (other, to) in results(claim).map(|result| version(&result.0)) {
            if other != family {
                continue;
            }
            for (_, between) in versions.iter().filter(|(number, _)| from < **number && **number < to) {
                let name = super::name(claim.component, claim.handler);
                let message = format!("`{name}` leads `{}` past `{}`", old.0, between.0);
                found.report(codes::UPCAST_SKIPS, claim.handler.span, message);
            }
        }
    }

    /// Reports versions that stand beside the chain of their event: older than the newest one that is written, and not
    /// upcast.
    fn beside_chains(&self, relations: &Relations<'_>, found: &mut Diagnostics) {
        let is_old = |name: &TypeName| !relations.upcasters(name).is_empty();
        let led_to: BTreeSet<&TypeName> =
            relations.upcasts().flat_map(|(_, claims)| claims).flat_map(results).collect();
        for versions in self.0.values().filter(|versions| versions.values().any(|name| is_old(name))) {
            let Some(newest) = versions.values().rev().find(|name| !relations.writers(name).is_empty()) else {
                continue;
            };
            for name in versions.values().take_while(|name| *name != newest).filter(|name| !is_old(name)) {
                if let Some(writer) = relations.writers(name).first() {
                    let text = format!(
                        "`{}` writes `{}`, whose newer version `{}` is written, too",
                        super::name(writer.component, writer.handler),
                        name.0,
                        newest.0
                    );
                    found.report(codes::UPCAST_TWO_ENDS, writer.handler.span, text);
                } else if let Some(message) = relations.message(name)
                    && message.generate
                    && !message.retired
                    && !led_to.contains(name)
                    && !relations.undecided(name)
                {
                    let text = format!("`{}` is older than `{}`, and nothing upcasts it", name.0, newest.0);
                    found.report(codes::UPCAST_GAP, message.span, text);
                }
            }
        }
    }
}
