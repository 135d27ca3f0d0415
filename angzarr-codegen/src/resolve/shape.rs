//! Fingerprints of shapes: they tell whether bytes of a state were written by a program with the same idea of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use uuid::Uuid;

/// 16 hexadecimal digits that change with number, name, type, label or oneof of any field that can be reached.
///
/// Order of declaration, comments and options do not count.
pub(super) fn shape(message: &MessageDescriptor) -> String {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut open = vec![message.clone()];
    while let Some(next) = open.pop() {
        if texts.contains_key(next.full_name()) {
            continue;
        }
        let mut text = String::new();
        let mut fields: Vec<FieldDescriptor> = next.fields().collect();
        fields.sort_by_key(FieldDescriptor::number);
        for field in fields {
            let label = match field.cardinality() {
                Cardinality::Repeated => "repeated",
                Cardinality::Required => "required",
                Cardinality::Optional if field.supports_presence() => "optional",
                Cardinality::Optional => "plain",
            };
            let ty = match field.kind() {
                Kind::Message(inner) => {
                    open.push(inner.clone());
                    inner.full_name().to_owned()
                }
                Kind::Enum(inner) => {
                    texts.entry(inner.full_name().to_owned()).or_insert_with(|| values(&inner));
                    inner.full_name().to_owned()
                }
                _ => field.field_descriptor_proto().r#type().as_str_name().to_owned(),
            };
            let oneof = field.containing_oneof().map(|oneof| oneof.name().to_owned()).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {} {ty} {label} {oneof}", field.number(), field.name());
        }
        texts.insert(next.full_name().to_owned(), text);
    }
    digest(message.full_name(), &texts)
}

fn values(ty: &EnumDescriptor) -> String {
    let mut values: Vec<(i32, String)> = ty.values().map(|value| (value.number(), value.name().to_owned())).collect();
    values.sort();
    values.iter().map(|(number, name)| format!("{number} {name}\n")).collect()
}

fn digest(name: &str, texts: &BTreeMap<String, String>) -> String {
    let namespace = Uuid::new_v5(&Uuid::nil(), b"angzarr.v1");
    let body: String = texts.iter().map(|(name, text)| format!("{name}\n{text}\n")).collect();
    let mut digits = Uuid::new_v5(&namespace, format!("shape\n{name}\n{body}").as_bytes()).simple().to_string();
    digits.truncate(16);
    digits
}
