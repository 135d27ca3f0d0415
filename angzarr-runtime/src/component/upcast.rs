//! Upcasts without user code: fields of the old event under the numbers that they have in the new one.

use std::any::TypeId;
use std::marker::PhantomData;

use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, skip_field};

use crate::failure::Failure;
use crate::message::{Event, Payload};

/// A field of an event, as its derive sees it.
#[derive(Clone, Copy, Debug)]
pub struct EventField {
    /// Its name.
    pub name: &'static str,
    /// Its numbers on the wire: one, or those of a oneof's members.
    pub numbers: &'static [u32],
    /// What it holds, as prost's attribute says it; messages, enums and oneofs with the last part of their names.
    pub ty: &'static str,
    /// The message or enum that it holds, if it holds one.
    pub held: Option<Held>,
    /// The field of the older version that it takes its value from, if it has another name there.
    pub renamed_from: Option<&'static str>,
    /// Whether it has a default for older versions that lack it.
    pub defaulted: bool,
    /// Whether a reader can tell that it has no value.
    pub optional: bool,
}

/// What tells a message or enum from another one whose name ends alike.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    ty: TypeId,
    /// Of a message that has prost's `Name`: two crates may each have generated it.
    full_name: Option<fn() -> String>,
}

impl Held {
    fn is(&self, other: &Self) -> bool {
        let names = || self.full_name.zip(other.full_name);
        self.ty == other.ty || names().is_some_and(|(own, other)| own() == other())
    }
}

/// Tells what a type is for [`EventField::held`]: its own constant, where it has one, goes before that of the trait.
#[derive(Debug)]
pub struct HeldType<M>(PhantomData<M>);

impl<M: prost::Name + 'static> HeldType<M> {
    /// A message with prost's `Name`.
    pub const HELD: Held = Held { ty: TypeId::of::<M>(), full_name: Some(M::full_name) };
}

/// The same for enums, and for messages without prost's `Name`.
pub trait Unnamed {
    /// Known by the Rust type alone.
    const HELD: Held;
}

impl<M: 'static> Unnamed for HeldType<M> {
    const HELD: Held = Held { ty: TypeId::of::<M>(), full_name: None };
}

impl EventField {
    /// The field of the older version that it takes its value from, if that is of the same type.
    fn source(&self, old: &'static [EventField]) -> Option<&'static EventField> {
        self.spelled_alike(old).filter(|candidate| match (&self.held, &candidate.held) {
            (Some(own), Some(other)) => own.is(other),
            _ => true,
        })
    }

    /// The same as far as constants can tell, which cannot compare types.
    const fn spelled_alike(&self, old: &'static [EventField]) -> Option<&'static EventField> {
        let wanted = match self.renamed_from {
            Some(name) => name,
            None => self.name,
        };
        let mut index = 0;
        while index < old.len() {
            let candidate = &old[index];
            if same(candidate.name, wanted) && same(candidate.ty, self.ty) && self.takes(candidate.numbers) {
                return Some(candidate);
            }
            index += 1;
        }
        None
    }

    /// Members of a oneof keep their numbers.
    const fn takes(&self, numbers: &[u32]) -> bool {
        if self.numbers.len() == 1 && numbers.len() == 1 {
            return true;
        }
        let mut index = 0;
        while index < numbers.len() {
            let mut own = 0;
            while own < self.numbers.len() && self.numbers[own] != numbers[index] {
                own += 1;
            }
            if own == self.numbers.len() {
                return false;
            }
            index += 1;
        }
        true
    }
}

/// Refuses, when it is compiled, an upcast that leaves a field without a value. Whether types whose names end alike are
/// the same, only [`unfilled`] can tell.
///
/// # Panics
/// In constants only: with the field, and what helps.
#[expect(clippy::panic, reason = "this is how a constant refuses to be compiled")]
pub const fn assert_upcast<Old: Event, New: Event>(method: &str) {
    let mut index = 0;
    while index < New::FIELDS.len() {
        let field = &New::FIELDS[index];
        if field.spelled_alike(Old::FIELDS).is_none() {
            if let Some(renamed) = field.renamed_from {
                let parts = [
                    "AZ0507: `",
                    method,
                    "`: `",
                    field.name,
                    "` is renamed from `",
                    renamed,
                    "`, which `",
                    Old::TYPE_NAME,
                    "` has not, or with another type",
                ];
                panic!("{}", Text::of(&parts).as_str());
            } else if !field.defaulted && !field.optional {
                let parts = [
                    "AZ0505: `",
                    method,
                    "`: `",
                    field.name,
                    "` is not in `",
                    Old::TYPE_NAME,
                    "`, or with another type, and has no default",
                ];
                panic!("{}", Text::of(&parts).as_str());
            }
        }
        index += 1;
    }
}

/// What is wrong with an upcast: each field that it leaves without a value.
pub fn unfilled<Old: Event, New: Event>(method: &str) -> Vec<String> {
    let old = Old::TYPE_NAME;
    let lacking = New::FIELDS.iter().filter(|field| field.source(Old::FIELDS).is_none());
    let wrong = lacking.filter_map(|EventField { name, renamed_from, defaulted, optional, .. }| match renamed_from {
        Some(renamed) => Some(format!(
            "AZ0507: `{method}`: `{name}` is renamed from `{renamed}`, which `{old}` has not, or with another type"
        )),
        None if *defaulted || *optional => None,
        None => {
            Some(format!("AZ0505: `{method}`: `{name}` is not in `{old}`, or with another type, and has no default"))
        }
    });
    wrong.collect()
}

/// Upcasts an event field by field: what both versions have is copied, what only the new one has gets its default,
/// what only the old one has is left out.
///
/// # Errors
/// `PAYLOAD_MALFORMED`.
pub fn upcast<Old: Event, New: Event>(old: &Payload) -> Result<Payload, Failure> {
    let malformed = |error: prost::DecodeError| malformed(old, &error);
    let mut value = Vec::with_capacity(old.value.len());
    for part in parts(&old.value).map_err(malformed)? {
        let Some(from) = Old::FIELDS.iter().find(|field| field.numbers.contains(&part.number)) else { continue };
        let takes = |field: &&EventField| field.source(Old::FIELDS).is_some_and(|source| source.name == from.name);
        for field in New::FIELDS.iter().filter(takes) {
            let number = if field.numbers.contains(&part.number) && field.numbers.len() > 1 {
                part.number
            } else {
                field.numbers[0]
            };
            part.write(number, &mut value);
        }
    }
    let mut defaults = New::default();
    defaults.set_upcast_defaults();
    for part in parts(&defaults.encode_to_vec()).map_err(malformed)? {
        let lacking = |field: &EventField| field.source(Old::FIELDS).is_none();
        if New::FIELDS.iter().any(|field| field.numbers.contains(&part.number) && lacking(field)) {
            part.write(part.number, &mut value);
        }
    }
    let current = Payload { type_name: New::TYPE_NAME.into(), value: value.into() };
    // What has been read as this type from now on is one.
    current.decode::<New>()?;
    Ok(current)
}

/// The same for whoever knows only which field comes from which: the value that the new version has.
#[cfg(feature = "grpc")]
pub(crate) fn copied(old: &Payload, copies: &[(u32, u32)], defaults: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut value = Vec::with_capacity(old.value.len() + defaults.len());
    for part in parts(&old.value).map_err(|error| malformed(old, &error))? {
        for (_, to) in copies.iter().filter(|(from, _)| *from == part.number) {
            part.write(*to, &mut value);
        }
    }
    value.extend_from_slice(defaults);
    Ok(value)
}

/// Whether something is an encoding of some message.
pub(crate) fn is_encoding(message: &[u8]) -> bool {
    parts(message).is_ok()
}

fn malformed(old: &Payload, error: &prost::DecodeError) -> Failure {
    Failure::new("PAYLOAD_MALFORMED", format!("a stored `{}` does not decode: {error}", old.type_name))
}

/// A message that generated code holds as its encoding.
pub fn decoded<M: prost::Message + Default>(value: &[u8]) -> M {
    M::decode(value).unwrap_or_default()
}

/// One field of an encoded message.
struct Part<'a> {
    number: u32,
    wire_type: WireType,
    value: &'a [u8],
}

impl Part<'_> {
    fn write(&self, number: u32, into: &mut Vec<u8>) {
        encode_key(number, self.wire_type, into);
        into.extend_from_slice(self.value);
    }
}

fn parts(mut message: &[u8]) -> Result<Vec<Part<'_>>, prost::DecodeError> {
    let mut parts = Vec::new();
    while !message.is_empty() {
        let (number, wire_type) = decode_key(&mut message)?;
        let before = message;
        skip_field(wire_type, number, &mut message, DecodeContext::default())?;
        parts.push(Part { number, wire_type, value: &before[..before.len() - message.len()] });
    }
    Ok(parts)
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// What a constant has to say; formatting is for programs that run.
struct Text {
    bytes: [u8; Text::ROOM],
    length: usize,
}

impl Text {
    const ROOM: usize = 1024;

    const fn of(parts: &[&str]) -> Self {
        let mut text = Self { bytes: [b' '; Self::ROOM], length: 0 };
        let mut part = 0;
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut index = 0;
            while index < bytes.len() && text.length < Self::ROOM {
                text.bytes[text.length] = bytes[index];
                text.length += 1;
                index += 1;
            }
            part += 1;
        }
        text
    }

    const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "an upcast leaves a field without a value",
        }
    }
}
