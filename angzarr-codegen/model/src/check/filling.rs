//! Upcasts without user code: every field of what they lead to has to get a value.

use std::collections::BTreeSet;

use crate::ir::{Field, Handler, Label, Message, Model, TypeName};
use crate::relations::Relations;
use crate::upcast::{same_member, source};
use crate::{Diagnostics, codes};

pub(super) fn filling(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    // Full name of the message, name of the field.
    let mut read: BTreeSet<(&TypeName, &str)> = BTreeSet::new();
    for (_, claims) in relations.upcasts() {
        for claim in claims {
            let messages = claim.handler.declared().map(|new| (&claim.handler.input, new));
            let messages = messages.and_then(|(old, new)| relations.message(old).zip(relations.message(new)));
            let Some((old, new)) = messages else { continue };
            let step = Step { name: super::name(claim.component, claim.handler), handler: claim.handler, old, new };
            step.check(found);
            read.extend(new.fields.iter().filter(|field| step.reads_option(field)).map(|f| (&new.name, &*f.name)));
        }
    }
    let decided = |message: &&Message| message.generate && !relations.undecided(&message.name);
    for message in model.messages.iter().filter(decided) {
        for field in message.fields.iter().filter(|field| !read.contains(&(&message.name, &*field.name))) {
            // What is no value is reported as that.
            let default = field.upcast_default.as_ref().filter(|default| default.value.is_ok());
            let default = default.map(|default| ("upcast_default", &default.written));
            let renamed = field.renamed_from.as_ref().map(|renamed| ("renamed_from", renamed));
            for (option, written) in default.into_iter().chain(renamed) {
                let text = format!("no upcast reads `{option}` of `{}` of `{}`", field.name, message.name.0);
                found.report(codes::IDLE_UPCAST_OPTION, written.span, text);
            }
        }
    }
    for message in &model.messages {
        for field in &message.fields {
            if let Some(default) = &field.upcast_default
                && let Err(reason) = &default.value
            {
                let text = format!("`{}` cannot be in `{}`: {reason}", default.written.text, field.name);
                found.report(codes::BAD_UPCAST_DEFAULT, default.written.span, text);
            }
        }
    }
}

/// One upcast from a message to another.
struct Step<'a> {
    name: String,
    handler: &'a Handler,
    old: &'a Message,
    new: &'a Message,
}

impl<'a> Step<'a> {
    fn check(&self, found: &mut Diagnostics) {
        for field in self.new.fields.iter().filter(|field| field.oneof.is_none()) {
            if let Some(renamed) = &field.renamed_from {
                if source(self.old, field).is_none() {
                    let reason = self.why_not(&renamed.text, field);
                    let text =
                        format!("`{}`: `{}` is renamed from `{}`, {reason}", self.name, field.name, renamed.text);
                    found.report(codes::BAD_RENAMED_FROM, renamed.span, text);
                }
            } else if source(self.old, field).is_none() && field.upcast_default.is_none() && !may_be_absent(field) {
                let reason = match self.old.fields.iter().any(|old| old.name == field.name) {
                    true => format!("has another type in `{}`", self.old.name.0),
                    false => format!("is not in `{}`", self.old.name.0),
                };
                let text = format!("`{}`: `{}` {reason} and has no default", self.name, field.name);
                found.report(codes::UPCAST_UNFILLED, self.handler.span, text);
            }
        }
        let oneofs: BTreeSet<&str> = self.new.fields.iter().filter_map(|field| field.oneof.as_deref()).collect();
        for oneof in oneofs {
            self.oneof(oneof, found);
        }
    }

    /// A oneof is copied as a whole, or it has to be done by hand: a member that is dropped would leave it empty.
    fn oneof(&self, oneof: &str, found: &mut Diagnostics) {
        let members = |message: &'a Message| {
            message.fields.iter().filter(move |field| field.oneof.as_deref() == Some(oneof)).collect::<Vec<_>>()
        };
        let (old, new) = (members(self.old), members(self.new));
        if old.is_empty() {
            let text = format!("`{}`: the oneof `{oneof}` is not in `{}`", self.name, self.old.name.0);
            found.report(codes::UPCAST_UNFILLED, self.handler.span, text);
        }
        for lost in old.iter().filter(|old| !new.iter().any(|new| same_member(old, new))) {
            let text = format!(
                "`{}`: `{}` of the oneof `{oneof}` has another number or type in `{}`, or is not there",
                self.name, lost.name, self.new.name.0
            );
            found.report(codes::UPCAST_UNFILLED, self.handler.span, text);
        }
    }

    fn why_not(&self, name: &str, field: &Field) -> String {
        match self.old.fields.iter().find(|old| old.name == name) {
            None => format!("which `{}` has not", self.old.name.0),
            Some(old) => format!("which is `{}` in `{}`, not `{}`", typed(old), self.old.name.0, typed(field)),
        }
    }

    /// Whether this upcast looks at the field's options.
    fn reads_option(&self, field: &Field) -> bool {
        field.oneof.is_none() && (field.renamed_from.is_some() || source(self.old, field).is_none())
    }
}

/// Whether a reader can tell that there was none. A message can be absent, too, but is seldom expected to be.
fn may_be_absent(field: &Field) -> bool {
    field.label == Label::Optional && !matches!(field.ty, crate::ir::FieldType::Message(_))
}

fn typed(field: &Field) -> String {
    let label = match (field.label, &field.ty) {
        (Label::Repeated, _) if !field.spelling.starts_with("map<") => "repeated ",
        (Label::Required, _) => "required ",
        (Label::Optional, ty) if !matches!(ty, crate::ir::FieldType::Message(_)) => "optional ",
        _ => "",
    };
    let group = if field.group { "group " } else { "" };
    match &field.oneof {
        Some(oneof) => format!("{group}{} in the oneof {oneof}", field.spelling),
        None => format!("{label}{group}{}", field.spelling),
    }
}
