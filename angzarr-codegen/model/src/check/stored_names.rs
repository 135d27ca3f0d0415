//! Names under which earlier releases stored an event: each belongs to one message for ever.

use std::collections::BTreeMap;

use crate::ir::{Message, Model, TypeName};
use crate::relations::Relations;
use crate::{Diagnostics, codes};

pub(super) fn stored_names(model: &Model, relations: &Relations<'_>, found: &mut Diagnostics) {
    let mut owners: BTreeMap<&str, &Message> = BTreeMap::new();
    for message in &model.messages {
        if message.generate
            && let Some(first) = message.stored_as.first()
            && relations.event_domain(&message.name).is_none()
            && !relations.undecided(&message.name)
        {
            let text = format!("`{}` has a stored name, but is no event", message.name.0);
            found.report(codes::IDLE_UPCAST_OPTION, first.span, text);
        }
        for stored in &message.stored_as {
            let (name, current) = (&stored.text, &message.name.0);
            let mut taken = |text| found.report(codes::STORED_NAME_TAKEN, stored.span, text);
            if !is_full_name(name) {
                taken(format!("`{name}`, a stored name of `{current}`, is no full name of a message"));
            } else if relations.message(&TypeName(name.clone())).is_some() {
                taken(format!("`{name}`, a stored name of `{current}`, is a message of its own"));
            } else if let Some(other) = owners.insert(name, message) {
                taken(if other.name == message.name {
                    format!("`{name}` is given twice as a stored name of `{current}`")
                } else {
                    format!("`{name}` is a stored name of `{}` and of `{current}`", other.name.0)
                });
            }
        }
    }
}

fn is_full_name(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}
