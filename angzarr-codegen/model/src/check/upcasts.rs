//! Chains of upcasts: each leads, step by step, to something that the domain's component writes today.

use crate::ir::{Model, TypeName};
use crate::relations::{Claim, Relations};
use crate::{Diagnostics, codes};

pub(super) fn upcasts(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    for (old, claims) in relations.upcasts() {
        for claim in claims {
            step(model, old, claim, relations, found);
        }
    }
    for message in model.messages.iter().filter(|message| message.retired && message.generate) {
        if relations.upcasters(&message.name).is_empty() && relations.writers(&message.name).is_empty() {
            let text = format!("`{}` is retired, and no upcaster takes it", message.name.0);
            found.report(codes::RETIRED_UNREAD, message.span, text);
        }
    }
}

fn step(model: &Model, old: &TypeName, claim: &Claim<'_>, relations: &Relations<'_>, found: &mut Diagnostics) {
    let name = super::name(claim.component, claim.handler);
    let domain = claim.domain;
    if !model.components.iter().any(|component| component.own_domain() == Some(domain)) {
        let message = format!("no component in this run owns the domain \"{domain}\", whose events `{name}` upcasts");
        found.report(codes::NO_OWNER, claim.handler.span, message);
        return;
    }
    if let Some(writer) = relations.writers(old).first() {
        let writer = super::name(writer.component, writer.handler);
        let message = format!("`{name}` upcasts `{}`, which `{writer}` still writes", old.0);
        found.report(codes::BAD_UPCAST, claim.handler.span, message);
    }
    for result in claim.handler.output.payload().into_iter().flat_map(|payload| payload.members()) {
        let goes_on = relations.upcasters(&result.ty).iter().any(|next| next.domain == domain);
        let written = relations.writers(&result.ty).iter().any(|writer| writer.domain == domain);
        if !goes_on && !written {
            let message =
                format!("`{name}` leads to `{}`, which \"{domain}\" does not write and nothing upcasts", result.ty.0);
            found.report(codes::BAD_UPCAST, claim.handler.span, message);
        }
        if comes_back(relations, old, &result.ty) {
            found.report(codes::BAD_UPCAST, claim.handler.span, format!("`{name}` leads `{}` back to itself", old.0));
        }
    }
}

/// Whether upcasting `from` can yield `to` again.
fn comes_back(relations: &Relations<'_>, to: &TypeName, from: &TypeName) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(current) = seen.get(next).copied() {
        if current == to {
            return true;
        }
        for claim in relations.upcasters(current) {
            for result in claim.handler.output.payload().into_iter().flat_map(|payload| payload.members()) {
                if !seen.contains(&&result.ty) {
                    seen.push(&result.ty);
                }
            }
        }
        next += 1;
    }
    false
}
