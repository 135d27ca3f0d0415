//! Rows of views whose messages are known by their descriptors only: the same columns and JSON as derives make.

use std::collections::HashSet;

use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, SerializeOptions, Value};

use crate::component::{AnyRow, ReturnedRow};
use crate::failure::Failure;
use crate::message::Payload;
use crate::transport::message::decode;
use crate::view::{self, Column, Shape};

/// What rows of a message are.
pub(super) fn shape(row: &MessageDescriptor) -> Shape {
    let columns =
        columns(row).map(|(field, kind)| Column { name: field.name().to_owned().into(), kind, number: field.number() });
    Shape { row_type: row.full_name().to_owned(), columns: columns.collect() }
}

/// Fields that are columns.
fn columns(row: &MessageDescriptor) -> impl Iterator<Item = (FieldDescriptor, view::Kind)> {
    // In the order of declaration, as derives see them.
    let mut fields: Vec<FieldDescriptor> = row.fields().collect();
    fields.sort_by_key(|field| field.path().last().copied());
    let mut names = HashSet::new();
    let columns = fields.into_iter().filter_map(|field| kind(&field).map(|kind| (field, kind)));
    columns
        .filter(move |(field, _)| view::is_column(field.name()) && names.insert(field.name().to_ascii_lowercase()))
        .take(view::COLUMNS)
}

/// What the column of a field holds; none if it is no column.
fn kind(field: &FieldDescriptor) -> Option<view::Kind> {
    let in_oneof = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
    if field.cardinality() == Cardinality::Repeated || in_oneof {
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
        use prost_reflect::ReflectMessage;
        columns(&self.0.descriptor()).map(|(field, _)| self.value(&field)).collect()
    }

    fn rest(&self) -> String {
        use prost_reflect::ReflectMessage;
        let mut others = self.0.clone();
        columns(&self.0.descriptor()).for_each(|(field, _)| others.clear_field(&field));
        let mut json = Vec::new();
        let options = SerializeOptions::new().use_proto_field_name(true);
        let written = others.serialize_with_options(&mut serde_json::Serializer::new(&mut json), &options);
        match (written, String::from_utf8(json)) {
            (Ok(()), Ok(json)) => json,
            // An `Any` of a type that nobody described: the bytes still have it.
            _ => "{}".to_owned(),
        }
    }
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
            Value::EnumNumber(number) => {
                let name = match field.kind() {
                    Kind::Enum(values) => values.get_value(number).map(|value| value.name().to_owned()),
                    _ => None,
                };
                name.unwrap_or_else(|| number.to_string()).into()
            }
            Value::Message(_) | Value::List(_) | Value::Map(_) => view::Value::Null,
        }
    }
}
