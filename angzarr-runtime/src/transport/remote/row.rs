//! Rows of views whose messages are known by their descriptors only: the same columns and JSON as derives make.

use std::collections::HashSet;

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{
    Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value,
};

use crate::component::{AnyRow, ReturnedRow};
use crate::failure::Failure;
use crate::message::Payload;
use crate::transport::message::decode;
use crate::view::json::{self, Json, Object};
use crate::view::{self, Column, Shape};

/// What rows of a message are.
pub(super) fn shape(row: &MessageDescriptor) -> Shape {
    let columns =
        columns(row).map(|(field, kind)| Column { name: field_name(&field).into(), kind, number: field.number() });
    Shape { row_type: row.full_name().to_owned(), columns: columns.collect() }
}

/// Fields that are columns.
fn columns(row: &MessageDescriptor) -> impl Iterator<Item = (FieldDescriptor, view::Kind)> {
    let mut names = HashSet::new();
    let columns = declared(row).into_iter().filter_map(|field| kind(&field).map(|kind| (field, kind)));
    columns
        .filter(move |(field, _)| {
            let name = field_name(field);
            view::is_column(&name) && names.insert(name.to_ascii_lowercase())
        })
        .take(view::COLUMNS)
}

/// Fields in the order of declaration, as derives see them.
fn declared(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by_key(|field| field.path().last().copied());
    fields
}

/// Whether a field is one of several of which one is set.
fn in_oneof(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic())
}

/// What the column of a field holds; none if it is no column.
fn kind(field: &FieldDescriptor) -> Option<view::Kind> {
    if field.cardinality() == Cardinality::Repeated || in_oneof(field) {
        return None;
    }
    Some(match field.kind() {
        Kind::String | Kind::Enum(_) => view::Kind::Text,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => view::Kind::Integer,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => view::Kind::Integer,
        Kind::Uint64 | Kind::Fixed64 => view::Kind::Unsigned,
        Kind::Float | Kind::Double => view::Kind::Real,
        Kind::Bool => view::Kind::Boolean,
        Kind::Bytes => view::Kind::Bytes,
        Kind::Message(_) => return None,
    })
}

/// A row that a service returned.
pub(super) fn returned(descriptor: &MessageDescriptor, row: &Payload) -> Result<ReturnedRow, Failure> {
    Ok(ReturnedRow::of(row.value.clone(), DynamicRow(decode(descriptor, row)?)))
}

struct DynamicRow(DynamicMessage);

impl AnyRow for DynamicRow {
    fn values(&self) -> Vec<view::Value> {
        columns(&self.0.descriptor()).map(|(field, _)| self.value(&field)).collect()
    }

    fn rest(&self) -> String {
        let mut out = String::new();
        json::message(&mut out, |json| fields(&self.0, json, Part::Rest));
        out
    }
}

/// Which fields of a message are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    /// Those that are no columns.
    Rest,
}

/// Writes fields in the order, and under the names, in which derives write them: what could be columns, other fields,
/// members of oneofs.
fn fields(message: &DynamicMessage, json: &mut Object<'_>, part: Part) {
    let descriptor = message.descriptor();
    let columns: Vec<FieldDescriptor> = columns(&descriptor).map(|(field, _)| field).collect();
    let (members, others): (Vec<_>, Vec<_>) = declared(&descriptor).into_iter().partition(in_oneof);
    let others: Vec<_> = others.into_iter().filter(|field| !columns.contains(field)).collect();
    let columns = if part == Part::All { columns } else { Vec::new() };
    for field in columns.iter().chain(&others) {
        let value = message.get_field(field);
        let is_there = if field.supports_presence() { message.has_field(field) } else { !is_default(&value) };
        if is_there {
            json.present(&field_name(field), &Written(&value, &field.kind()));
        }
    }
    for field in members.into_iter().filter(|field| message.has_field(field)) {
        json.present(&member_name(&field), &Written(&message.get_field(&field), &field.kind()));
    }
}

/// Whether a field without presence is left out.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Bool(is) => !is,
        Value::I32(number) | Value::EnumNumber(number) => *number == 0,
        Value::I64(number) => *number == 0,
        Value::U32(number) => *number == 0,
        Value::U64(number) => *number == 0,
        // A negative zero is none.
        Value::F32(number) => number.to_bits() == 0,
        Value::F64(number) => number.to_bits() == 0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Map(values) => values.is_empty(),
        Value::Message(_) => false,
    }
}

/// A value of a field of this kind, as JSON.
struct Written<'a>(&'a Value, &'a Kind);

impl Json for Written<'_> {
    fn write(&self, out: &mut String) {
        let Self(value, kind) = self;
        match value {
            Value::Bool(is) => is.write(out),
            Value::I32(number) => number.write(out),
            Value::I64(number) => number.write(out),
            Value::U32(number) => number.write(out),
            Value::U64(number) => number.write(out),
            Value::F32(number) => number.write(out),
            Value::F64(number) => number.write(out),
            Value::String(text) => text.write(out),
            Value::Bytes(bytes) => bytes.write(out),
            Value::EnumNumber(number) => match enum_name(kind, *number) {
                Some(name) => name.write(out),
                None => number.write(out),
            },
            Value::Message(message) => write(message, out),
            Value::List(values) => values.iter().map(|value| Written(value, kind)).collect::<Vec<_>>().write(out),
            Value::Map(values) => {
                let mut sorted: Vec<_> = values.iter().collect();
                sorted.sort_unstable_by_key(|(key, _)| *key);
                let kind = match kind {
                    Kind::Message(entry) => entry.map_entry_value_field().kind(),
                    other => (*other).clone(),
                };
                json::message(out, |json| {
                    sorted.iter().for_each(|(key, value)| json.present(&key_text(key), &Written(value, &kind)));
                });
            }
        }
    }
}

/// Writes a message; those that every program has as a type of its own, as that type is written.
fn write(message: &DynamicMessage, out: &mut String) {
    use prost_types::{Any, Duration, FieldMask, ListValue, Struct, Timestamp};
    match message.descriptor().full_name() {
        "google.protobuf.Any" => known::<Any>(message, out),
        "google.protobuf.Duration" => known::<Duration>(message, out),
        "google.protobuf.FieldMask" => known::<FieldMask>(message, out),
        "google.protobuf.ListValue" => known::<ListValue>(message, out),
        "google.protobuf.Struct" => known::<Struct>(message, out),
        "google.protobuf.Timestamp" => known::<Timestamp>(message, out),
        "google.protobuf.Value" => known::<prost_types::Value>(message, out),
        name if name.starts_with("google.protobuf.") && name.ends_with("Value") => {
            if let Some(value) = message.descriptor().get_field_by_name("value") {
                Written(&message.get_field(&value), &value.kind()).write(out);
            }
        }
        _ => json::message(out, |json| fields(message, json, Part::All)),
    }
}

fn known<T: prost::Message + Default + Json>(message: &DynamicMessage, out: &mut String) {
    // Its own bytes decode as what they are.
    message.transcode_to::<T>().unwrap_or_default().write(out);
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

/// The name of an enum's value, if this release knows it.
fn enum_name(kind: &Kind, number: i32) -> Option<String> {
    let Kind::Enum(values) = kind else { return None };
    values.get_value(number).map(|value| value.name().to_owned())
}

/// What a field is called in Rust, and therefore in views.
fn field_name(field: &FieldDescriptor) -> String {
    named(field.name().to_snake_case())
}

/// What a member of a oneof is called there: its variant, in small letters again.
fn member_name(field: &FieldDescriptor) -> String {
    let mut name = String::new();
    for letter in field.name().to_upper_camel_case().chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    named(name)
}

/// Words that Rust takes for no name get something added there.
fn named(name: String) -> String {
    if matches!(&*name, "_" | "crate" | "extern" | "self" | "super") { name + "_" } else { name }
}

impl DynamicRow {
    fn value(&self, field: &FieldDescriptor) -> view::Value {
        if field.supports_presence() && !self.0.has_field(field) {
            return view::Value::Null;
        }
        match self.0.get_field(field).into_owned() {
            Value::Bool(is) => is.into(),
            Value::I32(number) => number.into(),
            Value::I64(number) => number.into(),
            Value::U32(number) => number.into(),
            Value::U64(number) => number.into(),
            Value::F32(number) => number.into(),
            Value::F64(number) => number.into(),
            Value::String(text) => text.into(),
            Value::Bytes(bytes) => bytes.into(),
            Value::EnumNumber(number) => enum_name(&field.kind(), number).unwrap_or_else(|| number.to_string()).into(),
            Value::Message(_) | Value::List(_) | Value::Map(_) => view::Value::Null,
        }
    }
}
