//! Descriptor sets, broken field by field, and then by bytes.

use std::path::Path;

use angzarr_codegen::Request;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use crate::random::Random;
use crate::{Target, corpus};

pub(crate) struct Sets;

const TEXTS: &[&str] = &[
    "",
    ".",
    "..",
    ".t.v1.Do",
    "t.v1.Do",
    "a.b",
    "ä",
    "\0",
    "proto2",
    "proto3",
    "editions",
    "google.protobuf.Empty",
    "google.protobuf.FileOptions",
    "angzarr.v1.component",
    ".angzarr.v1.EventPage",
    "self",
    "type",
    "a b",
    "/",
    "[",
    "\"",
    "broken.proto",
    "google/protobuf/descriptor.proto",
    "angzarr/v1/options.proto",
];
const NUMBERS: &[i32] = &[0, 1, -1, 2, 4, 6, 7, 8, 11, 18, 999, 19_000, 50_733, 536_870_911, i32::MAX, i32::MIN];

impl Target for Sets {
    const SAVED: (&'static str, &'static str) = ("sets", "binpb");

    /// The sets that the protos of the other tests give, as far as they link.
    fn corpus(&self) -> Vec<Vec<u8>> {
        let annotations = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let mut sets = Vec::new();
        for include in corpus::includes() {
            for file in corpus::files(&include, "proto") {
                let mut compiler = protox::Compiler::new([&include, &annotations]).unwrap();
                compiler.include_source_info(true).include_imports(true);
                if compiler.open_file(&file).is_ok() {
                    sets.push(compiler.encode_file_descriptor_set());
                }
            }
        }
        assert!(sets.len() > 50, "the corpus links");
        sets
    }

    fn broken(&self, corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let bytes = random.pick(corpus).clone();
        let mut bytes = decoded(&bytes).map_or(bytes, |mut set| {
            for _ in 0..=random.below(6) {
                change(&mut set, random);
            }
            set.encode_to_vec()
        });
        if random.once_in(5) {
            for _ in 0..=random.below(4) {
                let range = random.range(bytes.len());
                let other = random.pick(corpus);
                let other = &other[random.range(other.len())];
                match random.below(3) {
                    0 => drop(bytes.splice(range, other.iter().copied())),
                    1 => drop(bytes.drain(range)),
                    _ => bytes[range].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
                }
            }
        }
        bytes
    }

    fn request(&self, input: &[u8], _: &Path) -> Request {
        Request { descriptors: Some(input.to_vec()), ..Request::default() }
    }
}

/// A set as a message whose options are fields like all others.
fn decoded(bytes: &[u8]) -> Option<DynamicMessage> {
    let pool = DescriptorPool::decode(bytes).ok()?;
    let ty = pool.get_message_by_name("google.protobuf.FileDescriptorSet")?;
    DynamicMessage::decode(ty, bytes).ok()
}

/// Goes down to some message inside, and does something to one of its fields.
fn change(message: &mut DynamicMessage, random: &mut Random) {
    let descriptor = message.descriptor();
    let present: Vec<FieldDescriptor> = message.fields().map(|(field, _)| field).collect();
    let extensions: Vec<_> = message.extensions().map(|(extension, _)| extension).collect();
    if !extensions.is_empty()
        && !random.once_in(3)
        && let Value::Message(inner) = message.get_extension_mut(random.pick(&extensions))
    {
        return change(inner, random);
    }
    if !present.is_empty() && !random.once_in(6) {
        let field = random.pick(&present);
        match message.get_field_mut(field) {
            Value::Message(inner) => return change(inner, random),
            Value::List(values) => {
                let at = random.below(values.len());
                if let Some(Value::Message(inner)) = values.get_mut(at)
                    && !random.once_in(6)
                {
                    return change(inner, random);
                }
                return rearrange(values, at, field, random);
            }
            _ => {}
        }
        let value = if random.once_in(4) { None } else { Some(value(field, random)) };
        match value {
            Some(value) => message.set_field(field, value),
            None => message.clear_field(field),
        }
        return;
    }
    let all: Vec<FieldDescriptor> = descriptor.fields().collect();
    if all.is_empty() {
        return;
    }
    let field = random.pick(&all);
    let single = value(field, random);
    message.set_field(field, if field.is_list() { Value::List(vec![single]) } else { single });
}

fn rearrange(values: &mut Vec<Value>, at: usize, field: &FieldDescriptor, random: &mut Random) {
    let other = random.below(values.len());
    match random.below(5) {
        0 if !values.is_empty() => drop(values.remove(at)),
        1 if !values.is_empty() => values.insert(other, values[at].clone()),
        2 if !values.is_empty() => values.swap(at, other),
        3 => values.truncate(other),
        _ => values.insert(other.min(values.len()), value(field, random)),
    }
}

fn value(field: &FieldDescriptor, random: &mut Random) -> Value {
    let number = *random.pick(NUMBERS);
    match field.kind() {
        Kind::String if random.once_in(40) => Value::String("n.".repeat(*random.pick(&[100, 50_000]))),
        Kind::String => Value::String((*random.pick(TEXTS)).to_owned()),
        Kind::Bytes => Value::Bytes((*random.pick(TEXTS)).as_bytes().to_vec().into()),
        Kind::Bool => Value::Bool(random.once_in(2)),
        Kind::Enum(_) => Value::EnumNumber(number),
        Kind::Message(_) if field.is_map() => Value::Map([(MapKey::I32(number), Value::I32(number))].into()),
        Kind::Message(ty) => Value::Message(DynamicMessage::new(ty)),
        Kind::Double => Value::F64(f64::from(number)),
        Kind::Float => Value::F32(1.5),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(i64::from(number)),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(u64::from(number.unsigned_abs())),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(number.unsigned_abs()),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number),
    }
}
