//! Upcasts without user code, as pairs of numbers and encoded defaults.

use angzarr_model::ir::{Field, Literal, Message};
use angzarr_model::upcast::source;
use prost_reflect::prost::encoding;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};

use super::wire::UpcastDescription;
use super::wire::upcast_description::FieldCopy;
use crate::encoding::encode;

/// What takes an event from one version to the next; `ty` is that of the new one.
pub(super) fn upcast(old: &Message, new: &Message, ty: &MessageDescriptor) -> UpcastDescription {
    let copy = |field: &Field| Some(FieldCopy { from: source(old, field)?.number, to: field.number });
    let lacking = new.fields.iter().filter(|field| source(old, field).is_none());
    UpcastDescription { copies: new.fields.iter().filter_map(copy).collect(), defaults: defaults(lacking, ty).into() }
}

fn defaults<'a>(fields: impl Iterator<Item = &'a Field>, ty: &MessageDescriptor) -> Vec<u8> {
    let mut message = DynamicMessage::new(ty.clone());
    let mut messages = Vec::new();
    for field in fields {
        let Some(Ok(literal)) = field.upcast_default.as_ref().map(|default| &default.value) else { continue };
        match literal {
            Literal::Message(bytes) => encoding::bytes::encode(field.number, bytes, &mut messages),
            other => {
                let kind = ty.get_field(field.number).map(|field| field.kind());
                if let Some(value) = kind.and_then(|kind| value(other, &kind)) {
                    message.set_field_by_number(field.number, value);
                }
            }
        }
    }
    let mut encoded = encode(&message);
    encoded.extend(messages);
    encoded
}

/// The value of a field of that kind; none for a message, and for no elements, which nothing stands for.
fn value(literal: &Literal, kind: &Kind) -> Option<Value> {
    Some(match literal {
        Literal::Text(text) => Value::String(text.clone()),
        Literal::Bytes(bytes) => Value::Bytes(bytes.clone().into()),
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Integer(number) => integer(*number, kind)?,
        Literal::Float(text) if *kind == Kind::Float => Value::F32(text.parse().ok()?),
        Literal::Float(text) => Value::F64(text.parse().ok()?),
        Literal::Enum(number) => Value::EnumNumber(*number),
        Literal::Message(_) | Literal::Empty => return None,
    })
}

fn integer(number: i128, kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number.try_into().map(Value::I32).ok(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number.try_into().map(Value::I64).ok(),
        Kind::Uint32 | Kind::Fixed32 => number.try_into().map(Value::U32).ok(),
        Kind::Uint64 | Kind::Fixed64 => number.try_into().map(Value::U64).ok(),
        _ => None,
    }
}
