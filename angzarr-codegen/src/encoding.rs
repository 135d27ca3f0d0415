//! Encodings that are the same each time: what is generated must not change from one run to the next.

use prost_reflect::prost::{Message, encoding};
use prost_reflect::{DynamicMessage, MapKey, MessageDescriptor, ReflectMessage, Value};

/// Encodes a message, with the entries of maps sorted; everything else is in the order of its numbers anyway.
pub(crate) fn encode(message: &DynamicMessage) -> Vec<u8> {
    if !has_maps(message) {
        return message.encode_to_vec();
    }
    let mut bytes = Vec::new();
    let alone = || DynamicMessage::new(message.descriptor());
    for (field, value) in message.fields() {
        if let Value::Map(entries) = value
            && let Some(ty) = field.kind().as_message()
        {
            let mut entries: Vec<Vec<u8>> = entries.iter().map(|(key, value)| entry(ty, key, value)).collect();
            entries.sort();
            put(field.number(), entries, &mut bytes);
        } else if let Some(messages) = messages(value).filter(|_| !field.is_group()) {
            put(field.number(), messages, &mut bytes);
        } else {
            let mut alone = alone();
            alone.set_field(&field, value.clone());
            bytes.extend(alone.encode_to_vec());
        }
    }
    for (extension, value) in message.extensions() {
        if let Some(messages) = messages(value).filter(|_| !extension.is_group()) {
            put(extension.number(), messages, &mut bytes);
        } else {
            let mut alone = alone();
            alone.set_extension(&extension, value.clone());
            bytes.extend(alone.encode_to_vec());
        }
    }
    message.unknown_fields().for_each(|unknown| unknown.encode(&mut bytes));
    bytes
}

fn has_maps(message: &DynamicMessage) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::Map(_) => true,
            Value::Message(message) => has_maps(message),
            Value::List(values) => values.iter().any(inside),
            _ => false,
        }
    }
    message.fields().any(|(_, value)| inside(value)) || message.extensions().any(|(_, value)| inside(value))
}

fn entry(ty: &MessageDescriptor, key: &MapKey, value: &Value) -> Vec<u8> {
    let mut entry = DynamicMessage::new(ty.clone());
    entry.set_field(&ty.map_entry_key_field(), key.clone().into());
    entry.set_field(&ty.map_entry_value_field(), value.clone());
    encode(&entry)
}

/// The encodings of the messages that a value is.
fn messages(value: &Value) -> Option<Vec<Vec<u8>>> {
    match value {
        Value::Message(message) => Some(vec![encode(message)]),
        Value::List(values) => values.iter().map(|value| value.as_message().map(encode)).collect(),
        _ => None,
    }
}

fn put(number: u32, messages: Vec<Vec<u8>>, bytes: &mut Vec<u8>) {
    messages.iter().for_each(|message| encoding::bytes::encode(number, message, bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "entries { key: \"b\" value { named { key: 7 value: \"x\" } named { key: -1 value: \"y\" } \
                        named { key: 3 value: \"z\" } } }\nentries { key: \"a\" value { } }\nentries { key: \"\" value { } }\n\
                        list { named { key: 2 value: \"\" } named { key: 1 value: \"\" } }\nplain: 5";

    #[test]
    fn the_same_bytes_whatever_the_order_of_entries() {
        let proto = "syntax = \"proto3\"; message M { map<string, M> entries = 1; map<sint32, string> named = 2; \
                     repeated M list = 3; int32 plain = 4; }";
        let file = protox::file::File::from_source("m.proto", proto).unwrap();
        let set = prost_types::FileDescriptorSet { file: vec![file.file_descriptor_proto().clone()] };
        let compiled = prost_reflect::DescriptorPool::from_file_descriptor_set(set).unwrap();
        let ty = compiled.get_message_by_name("M").unwrap();
        // Each map has a seed of its own.
        let read = || DynamicMessage::parse_text_format(ty.clone(), TEXT).unwrap();
        let first = encode(&read());
        assert!((0..20).all(|_| encode(&read()) == first));
        assert_eq!(DynamicMessage::decode(ty.clone(), first.as_slice()).unwrap(), read());
    }
}
