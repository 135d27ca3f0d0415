//! What differs between two locks, by name.

use std::collections::{BTreeMap, BTreeSet};

use super::Lock;

impl Lock {
    /// What of this lock an earlier one has not or has otherwise, and what only that has: a line each, without the shapes of
    /// what is stored, which show in its fingerprint.
    pub fn differences(&self, earlier: &Lock) -> Vec<String> {
        let mut lines = differing(&earlier.domains, &self.domains, |name| format!("the domain \"{name}\""));
        lines.extend(differing(&earlier.stored, &self.stored, str::to_owned));
        lines.extend(differing(&earlier.upcasts, &self.upcasts, |name| format!("the upcast of {name}")));
        lines.extend(differing(&earlier.consumers, &self.consumers, |name| format!("the consumer {name}")));
        if lines.is_empty() {
            lines.extend(differing(&earlier.messages, &self.messages, |name| format!("the shape of {name}")));
            lines.extend(differing(&earlier.enums, &self.enums, |name| format!("the enum {name}")));
        }
        lines
    }
}

fn differing<T: PartialEq>(
    before: &BTreeMap<String, T>,
    now: &BTreeMap<String, T>,
    called: impl Fn(&str) -> String,
) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let line = |name: &String| match (before.get(name), now.get(name)) {
        (Some(before), Some(now)) if before == now => None,
        (Some(_), Some(_)) => Some(format!("{} is different", called(name))),
        (None, _) => Some(format!("{} is new", called(name))),
        (_, None) => Some(format!("{} is gone", called(name))),
    };
    names.into_iter().filter_map(line).collect()
}
