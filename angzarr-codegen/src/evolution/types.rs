//! Types as locks spell them, and which of them read each other's bytes without changing a value.

/// A type, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type<'a> {
    /// A scalar, message or enum, by name.
    One(&'a str),
    /// A message that is encoded as a group.
    Group(&'a str),
    /// A map from a scalar to anything else.
    Map(&'a str, &'a str),
}

impl<'a> Type<'a> {
    pub(super) fn parse(spelling: &'a str) -> Self {
        let inside = spelling.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>'));
        match inside.and_then(|inside| inside.split_once(',')) {
            Some((key, value)) => Type::Map(key.trim(), value.trim()),
            None => spelling.strip_prefix("group ").map_or(Type::One(spelling), Type::Group),
        }
    }

    /// The names in it that may be messages or enums.
    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        let (key, value) = match self {
            Type::One(name) | Type::Group(name) => (None, name),
            Type::Map(key, value) => (Some(key), value),
        };
        key.into_iter().chain([value])
    }
}

/// For each scalar: those that read all of its bytes as the same values.
///
/// Narrower to wider within one way of encoding; text is bytes too. Not the other way round, and nothing where a sign
/// would get lost.
const WIDER: [(&str, &[&str]); 5] = [
    ("bool", &["int32", "int64", "uint32", "uint64"]),
    ("int32", &["int64"]),
    ("uint32", &["int64", "uint64"]),
    ("sint32", &["sint64"]),
    ("string", &["bytes"]),
];

const INTEGERS: [&str; 10] =
    ["int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64"];

/// What an enum's numbers may be read as.
const ENUM_WIDER: [&str; 2] = ["int32", "int64"];

/// Whether bytes of one scalar are read as the same values by another.
pub(super) fn reads_scalar(before: &str, now: &str) -> bool {
    before == now || WIDER.iter().any(|(narrow, wide)| *narrow == before && wide.contains(&now))
}

/// Whether the numbers of an enum are read as the same values by a scalar.
pub(super) fn reads_enum(now: &str) -> bool {
    ENUM_WIDER.contains(&now)
}

/// Whether natural ids and keys of the two types have the same text.
pub(super) fn same_text(before: &str, now: &str) -> bool {
    let integer = |ty: &str| INTEGERS.contains(&ty);
    before == now || (integer(before) && integer(now))
}
