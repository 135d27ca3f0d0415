//! The comparison of shapes: whether bytes of the old one are read by the new one as what they are.
//!
//! What counts is how protobuf decodes. Numbers and encodings are in the bytes, names are not: a field may be renamed,
//! added or removed, and nothing stored is read as something else.

use std::collections::BTreeSet;

use angzarr_model::{Code, Span, codes};

use super::breaking::Findings;
use super::lock::{Field, Label, Lock, Shape, Value, Values};
use super::types::{Type, reads_enum, reads_scalar};

/// Two locks, and the findings about their shapes.
pub(super) struct Comparison<'a, 'f, 'm> {
    before: &'a Lock,
    now: &'a Lock,
    found: &'f mut Findings<'m>,
    /// What was compared already: a message that is part of many others is reported once.
    seen: BTreeSet<(&'a str, &'a str)>,
}

/// A message before and now.
#[derive(Clone, Copy)]
struct Pair<'a> {
    before: &'a str,
    now: &'a str,
}

impl<'a, 'f, 'm> Comparison<'a, 'f, 'm> {
    pub(super) fn new(before: &'a Lock, now: &'a Lock, found: &'f mut Findings<'m>) -> Self {
        Comparison { before, now, found, seen: BTreeSet::new() }
    }

    /// Compares a message that is stored with the one that it is read as, and all that it reaches.
    pub(super) fn stored(&mut self, before: &'a str, name: &'a str) {
        let mut open = vec![Pair { before, now: name }];
        while let Some(pair) = open.pop() {
            if self.seen.insert((pair.before, pair.now)) {
                let part = if pair.now == name { String::new() } else { format!(", part of `{name}`,") };
                self.message(pair, &part, &mut open);
            }
        }
    }

    fn message(&mut self, pair: Pair<'a>, part: &str, open: &mut Vec<Pair<'a>>) {
        let (before, now) = (self.before, self.now);
        let (Some(shape), Some(current)) = (before.messages.get(pair.before), now.messages.get(pair.now)) else {
            return;
        };
        let place = Place { message: pair.now, part };
        for field in &shape.fields {
            self.field(place, field, current, open);
        }
        for field in &shape.removed {
            self.removed(place, field, current, open);
        }
        let known =
            |field: &&Field| shape.fields.iter().any(|one| one.number == field.number || one.name == field.name);
        for field in current.fields.iter().filter(|field| field.label == Some(Label::Required) && !known(field)) {
            let why = "is new and required; what is stored has no value for it";
            self.report(codes::LABEL_CHANGED, place, field, why);
        }
        self.oneofs(place, shape, current);
    }

    fn field(&mut self, place: Place<'_>, before: &'a Field, shape: &'a Shape, open: &mut Vec<Pair<'a>>) {
        let (number, name) = (before.number, &before.name);
        let moved = shape.named(name).filter(|field| field.number != number);
        let Some(now) = shape.numbered(number).filter(|now| &now.name == name || moved.is_none()) else {
            // One that is only gone is skipped when it is read; the lock remembers its number.
            if let Some(moved) = moved {
                let why = format!(
                    "had the number {number} and has {} now; stored bytes hold it under {number}",
                    moved.number
                );
                self.report(codes::NUMBER_CHANGED, place, moved, &why);
            }
            return;
        };
        if self.same_type(&before.ty, &now.ty, open) {
            // By the same name or by another, which is not in the bytes.
            self.enumeration(place, before, now);
            self.label(place, before, now);
            self.default(place, before, now);
        } else if now.name == *name {
            let why = format!(
                "was `{}` and is `{}` now; stored bytes would be read as something else",
                typed(before),
                typed(now)
            );
            self.report(codes::TYPE_CHANGED, place, now, &why);
        } else {
            let why = format!(
                "has the number {number}, which was `{} {name}`; stored bytes hold that under the number",
                before.ty
            );
            self.report(codes::REUSED, place, now, &why);
        }
    }

    /// Whether values of one type are read as they are by another. Messages that are looked into are put on the list.
    fn same_type(&mut self, before: &'a str, now: &'a str, open: &mut Vec<Pair<'a>>) -> bool {
        match (Type::parse(before), Type::parse(now)) {
            (Type::Map(key, value), Type::Map(new_key, new_value)) => {
                reads_scalar(key, new_key) && self.same_name(value, new_value, open)
            }
            (Type::One(before), Type::One(now)) | (Type::Group(before), Type::Group(now)) => {
                self.same_name(before, now, open)
            }
            _ => false,
        }
    }

    fn same_name(&mut self, before: &'a str, now: &'a str, open: &mut Vec<Pair<'a>>) -> bool {
        let message = (self.before.messages.get(before), self.now.messages.get(now));
        let ty = (self.before.enums.get(before), self.now.enums.get(now));
        match (message, ty) {
            ((Some(shape), Some(current)), _) => {
                // Another message is another type, unless it holds all that this one does.
                let same = before == now || shape.is_held_by(current);
                if same {
                    open.push(Pair { before, now });
                }
                same
            }
            (_, (Some(values), Some(current))) => {
                before == now || values.values.iter().all(|value| current.values.contains(value))
            }
            (_, (Some(_), None)) => reads_enum(now),
            // The name may be that of an enum now.
            ((Some(_), None), _) => false,
            _ => reads_scalar(before, now),
        }
    }

    fn enumeration(&mut self, place: Place<'_>, before: &Field, now: &Field) {
        for (old, new) in Type::parse(&before.ty).names().zip(Type::parse(&now.ty).names()) {
            let (Some(values), Some(current)) = (self.before.enums.get(old), self.now.enums.get(new)) else { continue };
            for value in &values.values {
                if let Some(why) = lost(value, values, current) {
                    let message = format!("holds `{old}`, whose value `{}` {why}", value.name);
                    self.report(codes::ENUM_CHANGED, place, now, &message);
                }
            }
        }
    }

    fn label(&mut self, place: Place<'_>, before: &Field, now: &Field) {
        let many = |field: &Field| field.label == Some(Label::Repeated);
        let why = match (many(before), many(now)) {
            (true, false) => "held any number of values and holds one now; all stored ones but the last would be lost",
            (false, true) => "held one value and holds any number now; a stored default would be read as none at all",
            _ if now.label == Some(Label::Required) && before.label != now.label => {
                "is required now; what is stored may have no value for it"
            }
            _ => return,
        };
        self.report(codes::LABEL_CHANGED, place, now, why);
    }

    /// What was never set is not in the bytes. One that was required always is.
    fn default(&mut self, place: Place<'_>, before: &Field, now: &Field) {
        let once = |field: &Field| field.label != Some(Label::Repeated);
        if before.default == now.default || !once(before) || !once(now) || before.label == Some(Label::Required) {
            return;
        }
        let said = |field: &Field| match &field.default {
            Some(default) => format!("the default {default:?}"),
            None => "no default".to_owned(),
        };
        let why = format!(
            "had {} and has {} now; where no value is stored, another one would be read",
            said(before),
            said(now)
        );
        self.report(codes::DEFAULT_CHANGED, place, now, &why);
    }

    /// A field that was there once: neither its number nor its name may be another's.
    fn removed(&mut self, place: Place<'_>, before: &'a Field, shape: &'a Shape, open: &mut Vec<Pair<'a>>) {
        let (number, name) = (before.number, &before.name);
        if let Some(now) = shape.numbered(number) {
            // The field itself may come back.
            if &now.name == name && self.same_type(&before.ty, &now.ty, open) {
                self.enumeration(place, before, now);
                self.default(place, before, now);
                // One that is required is reported as new.
                if now.label != Some(Label::Required) {
                    self.label(place, before, now);
                }
            } else {
                let why = format!(
                    "has the number {number}, which once was `{} {name}`; stored bytes may hold that under the number",
                    before.ty
                );
                self.report(codes::REUSED, place, now, &why);
            }
        } else if let Some(now) = shape.named(name) {
            let why =
                format!("has the name of a field that once had the number {number}; stored bytes may hold it there");
            self.report(codes::REUSED, place, now, &why);
        }
    }

    /// Of the members of a oneof, the last one wins: fields that were set together must not meet in one.
    fn oneofs(&mut self, place: Place<'_>, before: &Shape, now: &Shape) {
        let oneofs: BTreeSet<&String> = now.fields.iter().filter_map(|field| field.oneof.as_ref()).collect();
        for oneof in oneofs {
            let members = now.fields.iter().filter(|field| field.oneof.as_ref() == Some(oneof));
            let mut known = members.filter_map(|now| Some((before.numbered(now.number)?, now)));
            let Some((first, _)) = known.next() else { continue };
            let apart = known.find(|(field, _)| first.oneof.is_none() || field.oneof != first.oneof);
            if let Some((field, now)) = apart {
                let why = format!(
                    "is in the oneof `{oneof}` with `{}` now; where both are stored, one would be lost",
                    before.numbered(first.number).map_or(&field.name, |first| &first.name)
                );
                self.report(codes::LABEL_CHANGED, place, now, &why);
            }
        }
    }

    fn report(&mut self, code: Code, place: Place<'_>, field: &Field, why: &str) {
        let span: Span = self.found.field(place.message, field.number);
        let message = format!("`{}` of `{}`{} {why}", field.name, place.message, place.part);
        self.found.report(code, span, message);
    }
}

/// The message that a finding is about.
#[derive(Clone, Copy)]
struct Place<'a> {
    message: &'a str,
    /// Of what it is part, if it is not stored by itself.
    part: &'a str,
}

/// The type of a field, and whether it holds many.
fn typed(field: &Field) -> String {
    let many = field.label.filter(|label| *label == Label::Repeated);
    many.map_or_else(|| field.ty.clone(), |label| format!("{} {}", label.words(), field.ty))
}

/// Why a stored value of an enum would not be read as what it is.
fn lost(value: &Value, before: &Values, now: &Values) -> Option<String> {
    if now.values.contains(value) {
        return None;
    }
    let moved = now.values.iter().find(|other| other.name == value.name);
    let taken = now.values.iter().find(|other| other.number == value.number);
    let new = |other: &&Value| !before.values.iter().any(|one| one.name == other.name);
    match (moved, taken) {
        (Some(moved), _) => {
            Some(format!("had the number {} and has {} now; stored numbers stay", value.number, moved.number))
        }
        // A new name at the same number is the same value.
        (None, Some(taken)) if new(&taken) => None,
        (None, _) => Some(format!("is gone; stored ones with its number {} would have no meaning", value.number)),
    }
}
