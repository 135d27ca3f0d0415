//! Which messages become rows of views, or parts of them.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::ir::{ComponentKind, Model, TypeName};
use angzarr_model::names::{rust_field, rust_type};
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use super::paths;
use crate::frontend::Protos;

/// Messages of Google that the runtime can write as JSON.
const KNOWN: [&str; 17] = [
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "Empty",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Value",
];

/// Types that get the derive of rows, with the fields, or variants, that are left out of the JSON: those of messages that
/// are generated elsewhere.
#[derive(Default)]
pub(super) struct Rows {
    /// Messages, by full name.
    pub(super) messages: BTreeMap<String, Vec<String>>,
    /// Their oneofs, by package.
    pub(super) oneofs: BTreeMap<String, Vec<Oneof>>,
}

/// The enum of a oneof.
pub(super) struct Oneof {
    /// Modules around it, and its name, in the file of its package.
    pub(super) path: (Vec<String>, String),
    /// Variants that are left out.
    pub(super) without: Vec<String>,
}

impl Rows {
    /// Follows the views of all projectors.
    pub(super) fn of(protos: &Protos, model: &Model) -> Self {
        let mut rows = Self::default();
        let views: BTreeSet<&TypeName> = model
            .components
            .iter()
            .filter_map(|component| match &component.kind {
                ComponentKind::Projector { view } => view.as_ref(),
                _ => None,
            })
            .collect();
        let mut open: Vec<_> = views.iter().filter_map(|view| protos.pool.get_message_by_name(&view.0)).collect();
        while let Some(message) = open.pop() {
            if is_generated(protos, &message) && !rows.messages.contains_key(message.full_name()) {
                rows.message(protos, &message);
                open.extend(message.fields().filter_map(|field| inner(&field)));
            }
        }
        rows
    }

    fn message(&mut self, protos: &Protos, message: &MessageDescriptor) {
        let foreign = |field: &FieldDescriptor| inner(field).is_some_and(|ty| !is_writable(protos, &ty));
        let plain = message.fields().filter(|field| field.containing_oneof().is_none_or(|oneof| oneof.is_synthetic()));
        let without = plain.filter(foreign).map(|field| rust_field(field.name())).collect();
        self.messages.insert(message.full_name().to_owned(), without);
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let without = oneof.fields().filter(foreign).map(|field| rust_type(field.name())).collect();
            let package = message.package_name();
            let (mut modules, _) = paths::inside(package, &TypeName(message.full_name().to_owned()));
            modules.push(rust_field(message.name()));
            self.oneofs
                .entry(package.to_owned())
                .or_default()
                .push(Oneof { path: (modules, oneof_type(&oneof)), without });
        }
    }
}

/// The enum's name, which prost changes where the message has a type of that name.
fn oneof_type(oneof: &OneofDescriptor) -> String {
    let name = rust_type(oneof.name());
    let message = oneof.parent_message();
    let mut nested = message.child_messages().map(|ty| rust_type(ty.name()));
    let mut enums = message.child_enums().map(|ty| rust_type(ty.name()));
    if nested.any(|other| other == name) || enums.any(|other| other == name) { format!("{name}OneOf") } else { name }
}

/// The message that a field holds, or the values of a map.
fn inner(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = if field.is_map() && field.cardinality() == Cardinality::Repeated {
        field.kind().as_message()?.map_entry_value_field().kind()
    } else {
        field.kind()
    };
    if let Kind::Message(message) = kind { Some(message) } else { None }
}

fn is_generated(protos: &Protos, message: &MessageDescriptor) -> bool {
    protos.generate.contains(message.parent_file().name())
}

fn is_writable(protos: &Protos, message: &MessageDescriptor) -> bool {
    let known = message.full_name().strip_prefix("google.protobuf.").is_some_and(|name| KNOWN.contains(&name));
    known || is_generated(protos, message)
}
