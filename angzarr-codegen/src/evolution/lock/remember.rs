//! What an earlier lock knew that is gone: stored bytes may hold it for ever.

use std::collections::BTreeSet;

use super::{Field, Lock, Shape};
use crate::evolution::types::Type;

impl Lock {
    /// Keeps in mind which fields an earlier lock knew that are gone: their numbers and names must not come back as
    /// something else, as long as there may be bytes that hold them. So it does with the shapes of what they held. What has
    /// come back all the same was forced.
    pub fn remember(&mut self, earlier: &Lock) {
        let pairs: Vec<(String, String)> =
            readers(earlier, self).into_iter().map(|(before, now)| (before.to_owned(), now.to_owned())).collect();
        for (before, now) in pairs {
            let (Some(before), Some(shape)) = (earlier.messages.get(&before), self.messages.get_mut(&now)) else {
                continue;
            };
            let gone = before.fields.iter().chain(&before.removed);
            let gone = gone.filter(|one| shape.numbered(one.number).is_none() && shape.named(&one.name).is_none());
            let gone: Vec<&Field> = gone.filter(|one| !shape.removed.contains(one)).collect();
            shape.removed.extend(gone.into_iter().cloned());
            shape.removed.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
        }
        self.keep_shapes(earlier);
    }

    /// Adds the shapes of what was removed, as the earlier lock knew them.
    fn keep_shapes(&mut self, earlier: &Lock) {
        let removed = self.messages.values().flat_map(|shape| &shape.removed);
        let mut open: Vec<String> = removed.flat_map(names).map(str::to_owned).collect();
        while let Some(name) = open.pop() {
            if self.messages.contains_key(&name) || self.enums.contains_key(&name) {
                continue;
            }
            if let Some(shape) = earlier.messages.get(&name) {
                open.extend(shape.all().flat_map(names).map(str::to_owned));
                self.messages.insert(name, shape.clone());
            } else if let Some(values) = earlier.enums.get(&name) {
                self.enums.insert(name, values.clone());
            }
        }
    }
}

/// Each message of an earlier lock with those that its bytes are read as: of the same name, under which it is stored now,
/// or in its place inside another.
fn readers<'a>(earlier: &'a Lock, now: &'a Lock) -> BTreeSet<(&'a str, &'a str)> {
    let same = earlier.messages.keys().map(|name| (name.as_str(), name.as_str()));
    let renamed = earlier.stored.keys().filter_map(|name| Some((name.as_str(), now.reader(name)?.0.as_str())));
    let mut open: Vec<(&str, &str)> = same.chain(renamed).collect();
    let mut pairs = BTreeSet::new();
    while let Some((before, name)) = open.pop() {
        let (Some(shape), Some(current)) = (earlier.messages.get(before), now.messages.get(name)) else { continue };
        if !pairs.insert((before, name)) {
            continue;
        }
        for field in &shape.fields {
            let there = current.numbered(field.number).into_iter();
            let parts = there.flat_map(|now| names(field).zip(names(now)));
            open.extend(parts.filter(|(part, other)| {
                let shapes = earlier.messages.get(*part).zip(now.messages.get(*other));
                shapes.is_some_and(|(part, other)| part.is_held_by(other))
            }));
        }
    }
    pairs
}

/// The names in a field's type that may be messages or enums.
fn names(field: &Field) -> impl Iterator<Item = &str> {
    Type::parse(&field.ty).names()
}

impl Shape {
    /// Fields that it has or had.
    fn all(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().chain(&self.removed)
    }

    /// Whether another shape has all of its fields with their numbers and names.
    pub(in crate::evolution) fn is_held_by(&self, other: &Shape) -> bool {
        self.fields.iter().all(|field| other.numbered(field.number).is_some_and(|now| now.name == field.name))
    }
}
