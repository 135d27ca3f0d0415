//! What commands, facts, queries and events owe to being that.

use crate::ir::{Field, FieldType, Handler, HandlerKind, Message, Model, TypeName};
use crate::relations::{Claim, Relations};
use crate::{Code, Diagnostic, Diagnostics, codes};

pub(super) fn messages(relations: &Relations<'_>, found: &mut Diagnostics) {
    let rooted = relations.commands().map(|(name, claims)| ("command", name, claims));
    let rooted = rooted.chain(relations.facts().map(|(name, claims)| ("fact", name, claims)));
    let rooted = rooted.chain(relations.queries().map(|(name, claims)| ("query", name, claims)));
    for (what, name, claims) in rooted {
        marked(what, name, claims, &ROOT, relations, found);
    }
    for (name, claims) in relations.facts() {
        marked("fact", name, claims, &EXTERNAL_ID, relations, found);
    }
    for (event, claims) in relations.events() {
        if relations.message(event).is_some_and(|message| message.retired) {
            for claim in claims {
                let verb = verb(claim.handler, event);
                let message =
                    format!("`{}` {verb} `{}`, which is retired", super::name(claim.component, claim.handler), event.0);
                let written = Diagnostic::new(codes::RETIRED_WRITTEN, claim.handler.span, message);
                let retired = relations.message(event).map_or(claim.handler.span, |message| message.span);
                found.add(written.with(retired, "retired here"));
            }
        }
    }
}

/// External ids mean nothing on anything else; what was a fact once may keep its own.
pub(super) fn facts(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    let other = |message: &&Message| {
        message.generate
            && !message.retired
            && relations.recorders(&message.name).is_empty()
            && relations.upcasters(&message.name).is_empty()
            && !relations.undecided(&message.name)
    };
    for message in model.messages.iter().filter(other) {
        for field in message.fields.iter().filter(|field| field.idempotency_key) {
            let text = format!("`{}` has the external id `{}`, but is no fact", message.name.0, field.name);
            found.report(codes::NO_FACT, field.span, text);
        }
    }
}

fn verb(handler: &Handler, event: &TypeName) -> &'static str {
    if handler.kind == HandlerKind::Fact && &handler.input == event { "records" } else { "returns" }
}

/// A field that a message has to have once.
struct Marked {
    name: &'static str,
    is: fn(&Field) -> bool,
    missing: Code,
    several: Code,
    bad: Code,
}

const ROOT: Marked = Marked {
    name: "root",
    is: |field| field.root,
    missing: codes::NO_ROOT,
    several: codes::SEVERAL_ROOTS,
    bad: codes::BAD_ROOT,
};

const EXTERNAL_ID: Marked = Marked {
    name: "external id",
    is: |field| field.idempotency_key,
    missing: codes::NO_IDEMPOTENCY_KEY,
    several: codes::SEVERAL_IDEMPOTENCY_KEYS,
    bad: codes::BAD_IDEMPOTENCY_KEY,
};

fn marked(
    what: &str,
    message: &TypeName,
    claims: &[Claim<'_>],
    mark: &Marked,
    relations: &Relations<'_>,
    found: &mut Diagnostics,
) {
    let (Some(message), Some(claim)) = (relations.message(message), claims.first()) else { return };
    let (name, called) = (&message.name.0, mark.name);
    let fields: Vec<&Field> = message.fields.iter().filter(|field| (mark.is)(field)).collect();
    match fields.as_slice() {
        [] => {
            let missing = Diagnostic::new(mark.missing, message.span, format!("{what} `{name}` has no {called}"));
            found.add(missing.with(claim.handler.span, format!("the handler of the {what}")));
        }
        [only] if !only.singular || !matches!(only.ty, FieldType::String | FieldType::Integer) => {
            let text = format!("{called} `{}` of {what} `{name}` is not a plain string or integer", only.name);
            found.report(mark.bad, only.span, text);
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                let text = format!("{what} `{name}` has the {called}s `{}` and `{}`", first.name, other.name);
                let several = Diagnostic::new(mark.several, other.span, text);
                found.add(several.with(first.span, "the first"));
            }
        }
    }
}
