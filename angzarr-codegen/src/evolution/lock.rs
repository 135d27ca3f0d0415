//! `angzarr.lock`: fingerprint and readable shape of everything that is stored, and the rules by which it is found.
//!
//! TOML, sorted, one line a field, so that two branches that change different things merge by themselves.

mod build;
mod differences;
mod print;
mod remember;

use std::collections::BTreeMap;

use serde::Deserialize;

/// The version of the file's form.
pub const FORMAT: u32 = 1;

/// What one release of a program stores.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// [`FORMAT`].
    pub format: u32,
    /// The logs that the program owns, by domain.
    #[serde(default)]
    pub domains: BTreeMap<String, Domain>,
    /// Everything that lies in them, by full name.
    #[serde(default)]
    pub stored: BTreeMap<String, Stored>,
    /// What old versions of events become without user code, by their full names.
    #[serde(default)]
    pub upcasts: BTreeMap<String, Upcast>,
    /// What follows the log, and is known in it by its full name.
    #[serde(default)]
    pub consumers: BTreeMap<String, Consumer>,
    /// Shapes of the messages that what is stored, and states, are made of, by full name.
    #[serde(default)]
    pub messages: BTreeMap<String, Shape>,
    /// Values of the enums among them, by full name.
    #[serde(default)]
    pub enums: BTreeMap<String, Values>,
}

/// A domain, and how streams are found in it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Full name of the component that owns it.
    pub owner: String,
    /// `aggregate` or `process manager`.
    pub kind: String,
    /// Namespace of its root ids, a UUID.
    pub namespace: String,
    /// What is folded. A cache: it may change its shape at any time.
    pub state: State,
    /// The natural id in each command, fact and query, by the message's full name.
    #[serde(default)]
    pub roots: BTreeMap<String, Id>,
    /// What names the instance in each event that a process manager handles, by the event's full name; an empty list is
    /// the correlation id.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<KeyPart>>,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Full name of its message.
    pub message: String,
    /// Fingerprint of its shape.
    pub fingerprint: String,
    /// Raised by hand when folding changes its meaning.
    pub snapshot_version: u32,
}

/// The field that holds a natural id, or the id that a fact's source gave it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
}

/// One part of a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPart {
    /// The path of fields, like `customer.id`.
    pub path: String,
    /// Their numbers.
    pub numbers: Vec<u32>,
    /// Type of the last one.
    #[serde(rename = "type")]
    pub ty: String,
}

/// A message that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// What it is stored as.
    #[serde(rename = "use")]
    pub kept: Use,
    /// The domain in whose log it lies; for a command, that of the aggregate that takes it.
    pub domain: String,
    /// Whether it is no longer written.
    #[serde(default)]
    pub retired: bool,
    /// Full names under which earlier releases stored it.
    #[serde(default)]
    pub stored_as: Vec<String>,
    /// Of a fact: what a second delivery of it is known by.
    #[serde(default)]
    pub idempotency_key: Option<Id>,
    /// Changes with everything that it reaches.
    pub fingerprint: String,
}

/// What a message is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// An event, be it an old one.
    Event,
    /// A fact.
    Fact,
    /// A deadline; it lies in its process manager's log until it is due.
    Deadline,
    /// A command that a saga or process manager sends: a process manager stores what it sends, an aggregate what it
    /// refuses.
    Command,
}

/// What an old version of an event becomes without user code.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upcast {
    /// Full name of the next version.
    pub to: String,
    /// By number; fields that have none are copied from those of their names.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// What gives a field of the next version its value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Number of the field.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The value itself: integers in decimal, of an enum the number, everything else as it was written.
    #[serde(default)]
    pub upcast_default: Option<String>,
    /// Name of the field of the old version that has it.
    #[serde(default)]
    pub renamed_from: Option<String>,
}

/// What follows the log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// `saga`, `projector` or `process manager`.
    pub kind: String,
    /// Full names of the events that it handles, sorted.
    pub events: Vec<String>,
}

/// Fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// By number.
    pub fields: Vec<Field>,
    /// Those that it had once, by number: stored bytes still hold them.
    #[serde(default)]
    pub removed: Vec<Field>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Its type as a proto spells it, names in full; `group` before that of one.
    #[serde(rename = "type")]
    pub ty: String,
    /// Nothing, `optional`, `required` or `repeated`.
    #[serde(default)]
    pub label: Option<Label>,
    /// The oneof that it is part of.
    #[serde(default)]
    pub oneof: Option<String>,
    /// What it holds where the bytes have no value for it, if that is not what its type holds anyway; proto2.
    #[serde(default)]
    pub default: Option<String>,
}

/// How many values a field holds, if not plainly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// One or none.
    Optional,
    /// One; proto2.
    Required,
    /// Any number.
    Repeated,
}

/// Values of an enum.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// By number.
    pub values: Vec<Value>,
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Its number on the wire.
    pub number: i32,
    /// Its name.
    pub name: String,
}

/// A lock file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is no lock file, or was damaged, for example by a merge.
    #[error(
        "it cannot be read: {0}\nAfter a merge, keep the lines of both sides, every entry whole, or take the lock of the side \
         that was released, and run `angzarr lock` again. Without a lock it is not known what was removed."
    )]
    Damaged(String),
    /// It was written by another version of the command.
    #[error(
        "it has the format {0}, and this version of angzarr knows {FORMAT}; use the version that wrote it, or a later one"
    )]
    Format(u32),
}

impl Lock {
    /// Reads the text of a lock file; where a merge kept the fingerprints of both sides, either counts, since the next lock
    /// has another anyway.
    ///
    /// # Errors
    /// The text is no lock, or one of another format.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let damaged = |error: toml::de::Error| LockError::Damaged(error.to_string().trim_end().to_owned());
        let text = &after_merge(text);
        let Version { format } = toml::from_str(text).map_err(damaged)?;
        if format != FORMAT {
            return Err(LockError::Format(format));
        }
        toml::from_str(text).map_err(damaged)
    }
}

/// What is meant by a text that has the lines of both sides of a merge. Each table has one fingerprint. Where two branches
/// add an entry at the same place, the last line of the one's list is that of the other's, too; and if the entries are the
/// same but for their names, so are all lines below.
fn after_merge(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_name = |line: &&&str| line.starts_with('[');
    let mut whole: Vec<String> = Vec::with_capacity(lines.len());
    let (mut fingerprint, mut list) = (false, false);
    for (at, line) in lines.iter().enumerate() {
        let rest = lines.get(at + 1..).unwrap_or_default();
        if line.starts_with('[') {
            whole.extend(list.then(|| "]".to_owned()));
            (fingerprint, list) = (false, false);
        }
        list = line.ends_with(" = [") || (list && *line != "]");
        let is_fingerprint = line.starts_with("fingerprint = ");
        if !(is_fingerprint && fingerprint) {
            whole.push((*line).to_owned());
        }
        fingerprint |= is_fingerprint;
        if line.starts_with('[') && rest.first().as_ref().is_some_and(is_name) {
            let shared = rest.iter().skip_while(is_name).take_while(|line| !is_name(line));
            whole.extend(shared.map(|line| (*line).to_owned()));
        }
    }
    whole.join("\n")
}

impl Lock {
    /// The message that bytes stored under a name are read as, and what it is stored as.
    pub(super) fn reader(&self, name: &str) -> Option<(&String, &Stored)> {
        let renamed = || self.stored.iter().find(|(_, stored)| stored.stored_as.iter().any(|old| old == name));
        self.stored.get_key_value(name).or_else(renamed)
    }
}

impl Use {
    /// In words, as in the file.
    pub fn words(self) -> &'static str {
        match self {
            Use::Event => "event",
            Use::Fact => "fact",
            Use::Deadline => "deadline",
            Use::Command => "command",
        }
    }
}

impl Label {
    /// As in a proto.
    pub fn words(self) -> &'static str {
        match self {
            Label::Optional => "optional",
            Label::Required => "required",
            Label::Repeated => "repeated",
        }
    }
}

impl Shape {
    /// The field of a number.
    pub(super) fn numbered(&self, number: u32) -> Option<&Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    /// The field of a name.
    pub(super) fn named(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_lock() {
        let damaged = "format = 1\n<<<<<<< HEAD\n";
        assert!(matches!(Lock::parse(damaged), Err(LockError::Damaged(_))));
        assert!(matches!(Lock::parse("format = 1\nsurprise = 2\n"), Err(LockError::Damaged(_))));
        assert!(matches!(Lock::parse(""), Err(LockError::Damaged(_))));
        assert_eq!(Lock::parse("format = 2\nlater = {}\n"), Err(LockError::Format(2)));
    }
}
