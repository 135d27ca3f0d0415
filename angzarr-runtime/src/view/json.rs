//! Protobuf's JSON, as far as it can be written without descriptors.
//!
//! Fields have their declared names, which every protobuf parser reads beside the lower camel case. A member of a
//! oneof has the name of its variant in snake case. An `Any` is its type and its bytes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write};

use bytes::Bytes;
use prost_types::value::Kind;

use super::Row;

/// What can be written as JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a view's row",
    note = "derive `angzarr_runtime::Row` for it, or leave the field out with `#[row(without(…))]`"
)]
pub trait Json {
    /// Writes the value.
    fn write(&self, out: &mut String);

    /// Whether protobuf does not write a field that holds this.
    fn is_default(&self) -> bool {
        false
    }
}

/// The enum of a oneof: it writes the member that is set.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a part of a view's row",
    note = "derive `angzarr_runtime::Row` for it, or leave the field out with `#[row(without(…))]`"
)]
pub trait Oneof {
    /// Adds the member to the message around it.
    fn member(&self, json: &mut Object<'_>);
}

/// A JSON object that is being written.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    fn end(self) {
        self.out.push('}');
    }

    /// A field, unless it holds its default.
    pub fn field(&mut self, name: &str, value: &(impl Json + ?Sized)) {
        if !value.is_default() {
            self.present(name, value);
        }
    }

    /// A field, whatever it holds.
    pub fn present(&mut self, name: &str, value: &(impl Json + ?Sized)) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        text(self.out, name);
        self.out.push(':');
        value.write(self.out);
    }

    /// A oneof, if it is set.
    pub fn oneof(&mut self, oneof: Option<&impl Oneof>) {
        if let Some(oneof) = oneof {
            oneof.member(self);
        }
    }
}

/// Writes a message: `fields` adds them.
pub fn message(out: &mut String, fields: impl FnOnce(&mut Object<'_>)) {
    let mut object = Object::begin(out);
    fields(&mut object);
    object.end();
}

/// What a row holds beside its columns.
pub fn rest(row: &impl Row) -> String {
    let mut out = String::new();
    message(&mut out, |json| row.rest(json));
    out
}

/// The number of an enum's value with the function that knows its name.
#[derive(Clone, Copy, Debug)]
pub struct Named(pub i32, pub fn(i32) -> Option<&'static str>);

impl Json for Named {
    fn write(&self, out: &mut String) {
        match self.1(self.0) {
            Some(name) => text(out, name),
            None => number(out, self.0),
        }
    }

    fn is_default(&self) -> bool {
        self.0 == 0
    }
}

fn text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn number(out: &mut String, number: impl Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{number}");
}

fn quoted(out: &mut String, number: impl Display) {
    let _ = write!(out, "\"{number}\"");
}

/// `finite` spells it if it is finite.
fn real(out: &mut String, value: f64, finite: impl Display) {
    if value.is_finite() {
        number(out, finite);
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

fn base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push('"');
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit > chunk.len() { '=' } else { DIGITS[index as usize].into() });
        }
    }
    out.push('"');
}

macro_rules! json {
    ($($ty:ty: $value:ident, $out:ident => $write:expr, $default:expr;)*) => {$(
        impl Json for $ty {
            fn write(&self, $out: &mut String) {
                let $value = self;
                $write;
            }

            fn is_default(&self) -> bool {
                let $value = self;
                $default
            }
        }
    )*};
}
json! {
    String: it, out => text(out, it), it.is_empty();
    bool: it, out => number(out, it), !*it;
    i32: it, out => number(out, it), *it == 0;
    u32: it, out => number(out, it), *it == 0;
    i64: it, out => quoted(out, it), *it == 0;
    u64: it, out => quoted(out, it), *it == 0;
    f32: it, out => real(out, f64::from(*it), it), it.to_bits() == 0;
    f64: it, out => real(out, *it, it), it.to_bits() == 0;
    Vec<u8>: it, out => base64(out, it), it.is_empty();
    Bytes: it, out => base64(out, it), it.is_empty();
    (): _it, out => out.push_str("{}"), false;
}

impl<T: Json> Json for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("null"),
        }
    }

    fn is_default(&self) -> bool {
        self.is_none()
    }
}

impl<T: Json> Json for Box<T> {
    fn write(&self, out: &mut String) {
        (**self).write(out);
    }
}

impl<T: Json> Json for Vec<T> {
    fn write(&self, out: &mut String) {
        out.push('[');
        for (index, value) in self.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            value.write(out);
        }
        out.push(']');
    }

    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Display + Ord, V: Json> Json for BTreeMap<K, V> {
    fn write(&self, out: &mut String) {
        message(out, |json| self.iter().for_each(|(key, value)| json.present(&key.to_string(), value)));
    }

    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl<K: Display + Ord, V: Json> Json for HashMap<K, V> {
    fn write(&self, out: &mut String) {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        message(out, |json| sorted.iter().for_each(|(key, value)| json.present(&key.to_string(), *value)));
    }

    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl Json for prost_types::Timestamp {
    fn write(&self, out: &mut String) {
        text(out, &self.to_string());
    }
}

impl Json for prost_types::Duration {
    fn write(&self, out: &mut String) {
        text(out, &self.to_string());
    }
}

impl Json for prost_types::FieldMask {
    fn write(&self, out: &mut String) {
        text(out, &self.paths.join(","));
    }
}

impl Json for prost_types::Any {
    fn write(&self, out: &mut String) {
        message(out, |json| {
            json.present("@type", &self.type_url);
            json.present("value", &self.value);
        });
    }
}

impl Json for prost_types::Struct {
    fn write(&self, out: &mut String) {
        self.fields.write(out);
    }
}

impl Json for prost_types::ListValue {
    fn write(&self, out: &mut String) {
        self.values.write(out);
    }
}

impl Json for prost_types::Value {
    fn write(&self, out: &mut String) {
        match &self.kind {
            None | Some(Kind::NullValue(_)) => out.push_str("null"),
            Some(Kind::NumberValue(value)) => value.write(out),
            Some(Kind::StringValue(value)) => value.write(out),
            Some(Kind::BoolValue(value)) => value.write(out),
            Some(Kind::StructValue(value)) => value.write(out),
            Some(Kind::ListValue(value)) => value.write(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &impl Json) -> String {
        let mut out = String::new();
        value.write(&mut out);
        let _: serde_json::Value = serde_json::from_str(&out).unwrap();
        out
    }

    #[test]
    fn values_are_spelt_as_protobuf_does() {
        assert_eq!(of(&"a\"\\\n\0\u{1f}é🦀".to_owned()), "\"a\\\"\\\\\\n\\u0000\\u001fé🦀\"");
        assert_eq!(
            (of(&i64::MIN), of(&u64::MAX), of(&-1_i32)),
            ("\"-9223372036854775808\"".into(), "\"18446744073709551615\"".into(), "-1".into())
        );
        assert_eq!(
            (of(&0.1_f32), of(&f64::NAN), of(&f64::NEG_INFINITY)),
            ("0.1".into(), "\"NaN\"".into(), "\"-Infinity\"".into())
        );
        let bytes = ["", "f", "fo", "foo", "foob"].map(|bytes| of(&Bytes::from(bytes)));
        assert_eq!(bytes, ["\"\"", "\"Zg==\"", "\"Zm8=\"", "\"Zm9v\"", "\"Zm9vYg==\""]);
        assert_eq!(of(&prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }), "\"1970-01-01T00:00:01.500Z\"");
        assert_eq!(of(&prost_types::Duration { seconds: 1, nanos: 0 }), "\"1s\"");
        assert_eq!(of(&BTreeMap::from([(1_u32, vec![true]), (2, vec![])])), "{\"1\":[true],\"2\":[]}");
        assert_eq!(of(&HashMap::from([("b".to_owned(), Some(())), ("a".to_owned(), None)])), "{\"a\":null,\"b\":{}}");
        let one = Named(1, |number| (number == 1).then_some("ONE"));
        assert_eq!((of(&one), of(&Named(2, one.1))), ("\"ONE\"".into(), "2".into()));
        assert!(Named(0, one.1).is_default() && !(-0.0_f64).is_default());
    }
}
