//! Messages that are known by their descriptors only.

use bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, decode_key, skip_field};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};

use crate::failure::Failure;
use crate::message::Payload;

/// Decodes a message.
pub(super) fn decode(descriptor: &MessageDescriptor, payload: &Payload) -> Result<DynamicMessage, Failure> {
    DynamicMessage::decode(descriptor.clone(), payload.value.clone()).map_err(|error| {
        Failure::new("PAYLOAD_MALFORMED", format!("a `{}` does not decode: {error}", payload.type_name))
    })
}

/// The text of a value that is part of a key or a natural id, as typed code writes it.
pub(super) fn text(field: &FieldDescriptor, value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::EnumNumber(number) if matches!(field.kind(), Kind::Enum(_)) => number.to_string(),
        _ => return None,
    })
}

/// The text of one field of an encoded message, if values of its type have one; what else is in the message is not decoded.
pub(super) fn field_text(field: &FieldDescriptor, payload: &Payload) -> Result<Option<String>, Failure> {
    let malformed =
        |error| Failure::new("PAYLOAD_MALFORMED", format!("a `{}` does not decode: {error}", payload.type_name));
    let (mut rest, mut last) = (payload.value.clone(), Bytes::new());
    while rest.has_remaining() {
        let all = rest.clone();
        let (tag, wire_type) = decode_key(&mut rest).map_err(malformed)?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(malformed)?;
        if tag == field.number() {
            // Of several, the last one counts.
            last = all.slice(..all.len() - rest.len());
        }
    }
    let message = DynamicMessage::decode(field.parent_message().clone(), last).map_err(malformed)?;
    Ok(text(field, &message.get_field(field)))
}

/// The text of the field of this number.
pub(super) fn id(message: &DynamicMessage, number: u32) -> Option<String> {
    let field = message.descriptor().get_field(number)?;
    text(&field, &message.get_field(&field))
}
