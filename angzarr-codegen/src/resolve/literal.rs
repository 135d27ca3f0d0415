//! Values that options give as text, like `upcast_default = "USD"`.

use angzarr_model::ir::Literal;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};

use crate::encoding::encode;

/// Reads a value of a field: strings and bytes as they are, everything else in proto text format.
///
/// # Errors
/// Why it is none.
pub(super) fn literal(field: &FieldDescriptor, text: &str) -> Result<Literal, String> {
    if field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic()) {
        return Err("a member of a oneof has no default".to_owned());
    }
    if field.is_list() || field.is_map() {
        return if text.trim() == "[]" { Ok(Literal::Empty) } else { Err("it can only be `[]`".to_owned()) };
    }
    match field.kind() {
        Kind::String => Ok(Literal::Text(text.to_owned())),
        Kind::Bytes => Ok(Literal::Bytes(text.as_bytes().to_vec())),
        kind => parsed(field, text)
            .map(|value| plain(&value))
            .and_then(|value| value.ok_or_else(|| format!("`{kind:?}` has no such value"))),
    }
}

/// Braces and brackets in a value; more would only test how deep the parser can go.
const DEEPEST: usize = 64;

/// Lets the text format read it as the field's value in a message that has nothing else.
fn parsed(field: &FieldDescriptor, text: &str) -> Result<Value, String> {
    if text.matches(['{', '<', '[']).count() > DEEPEST {
        return Err("it is nested too deeply".to_owned());
    }
    let alone = format!("{}: {text}", field.name());
    let message =
        DynamicMessage::parse_text_format(field.parent_message().clone(), &alone).map_err(|error| error.to_string())?;
    let others = message.fields().any(|(other, _)| &other != field);
    if others || message.extensions().next().is_some() || message.unknown_fields().next().is_some() {
        return Err("it is more than one value".to_owned());
    }
    Ok(message.get_field(field).into_owned())
}

fn plain(value: &Value) -> Option<Literal> {
    Some(match value {
        Value::Bool(value) => Literal::Bool(*value),
        Value::I32(value) => Literal::Integer((*value).into()),
        Value::I64(value) => Literal::Integer((*value).into()),
        Value::U32(value) => Literal::Integer((*value).into()),
        Value::U64(value) => Literal::Integer((*value).into()),
        Value::F32(value) => Literal::Float(format!("{value:?}")),
        Value::F64(value) => Literal::Float(format!("{value:?}")),
        Value::EnumNumber(number) => Literal::Enum(*number),
        Value::Message(message) => Literal::Message(encode(message)),
        Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_) => return None,
    })
}
