//! What commands and events owe to being that.

use crate::ir::{Field, FieldType, Message};
use crate::relations::Relations;
use crate::{Diagnostics, codes};

pub(super) fn messages(relations: &Relations<'_>, found: &mut Diagnostics) {
    for (command, _) in relations.commands() {
        if let Some(message) = relations.message(command) {
            root(message, found);
        }
    }
    for (event, claims) in relations.events() {
        if relations.message(event).is_some_and(|message| message.retired) {
            for claim in claims {
                let message = format!(
                    "`{}` returns `{}`, which is retired",
                    super::name(claim.component, claim.handler),
                    event.0
                );
                found.report(codes::RETIRED_WRITTEN, claim.handler.span, message);
            }
        }
    }
}

fn root(message: &Message, found: &mut Diagnostics) {
    let name = &message.name.0;
    let roots: Vec<&Field> = message.fields.iter().filter(|field| field.root).collect();
    match roots.as_slice() {
        [] => found.report(codes::NO_ROOT, message.span, format!("command `{name}` has no root")),
        [root] if !root.singular || !matches!(root.ty, FieldType::String | FieldType::Integer) => {
            let text = format!("root `{}` of command `{name}` is not a plain string or integer", root.name);
            found.report(codes::BAD_ROOT, root.span, text);
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                let text = format!("command `{name}` has the roots `{}` and `{}`", first.name, other.name);
                found.report(codes::SEVERAL_ROOTS, other.span, text);
            }
        }
    }
}
