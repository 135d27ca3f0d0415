//! Names that a misspelt one was probably meant to be, in a file that does not link.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::names::{last_segment, nearest};
use prost_reflect::{DescriptorPool, EnumDescriptor, Kind};

/// What can be named in the files of a run.
pub(super) struct Known {
    types: BTreeSet<String>,
    options: BTreeSet<String>,
    /// The values of the enums of annotations, by full name.
    values: BTreeMap<String, Vec<String>>,
}

/// The word of an option that an error calls wrong: a field that there is not, or a value of an enum.
pub(super) fn wrong_word(found: &str) -> Option<&str> {
    let quoted = |at: usize| found.split('\'').nth(at);
    match found {
        _ if found.starts_with("field ") || found.starts_with("value ") => quoted(1),
        // The other words are the type and the option.
        _ if found.starts_with("expected a value of type ") => quoted(5),
        _ => None,
    }
}

impl Known {
    /// The types and annotations in what was linked so far. A file that fails is not part of it; what that declares is
    /// looked for in its text.
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        let messages = pool.all_messages().map(|message| message.full_name().to_owned());
        let enums = pool.all_enums().map(|ty| ty.full_name().to_owned());
        let full: Vec<String> = messages.chain(enums).collect();
        let simple = full.iter().map(|name| last_segment(name).to_owned());
        let types = simple.chain(full.iter().cloned()).collect();
        let mut options = BTreeSet::new();
        let extensions = pool.all_extensions().filter(|extension| extension.package_name() == "angzarr.v1");
        let mut open: Vec<Kind> = extensions.map(|extension| extension.kind()).collect();
        while let Some(next) = open.pop() {
            let Kind::Message(message) = next else { continue };
            for field in message.fields().filter(|_| message.package_name() == "angzarr.v1") {
                if options.insert(field.name().to_owned()) {
                    open.push(field.kind());
                }
            }
        }
        let ours = pool.all_enums().filter(|ty| ty.package_name() == "angzarr.v1");
        let values = |ty: &EnumDescriptor| ty.values().map(|value| value.name().to_owned()).collect();
        let values = ours.map(|ty| (ty.full_name().to_owned(), values(&ty))).collect();
        Known { types, options, values }
    }

    /// The known name that comes closest to the one that a finding calls unknown; `text` is that of its file.
    pub(super) fn suggestion(&self, found: &str, text: &str) -> Option<String> {
        // The compiler keeps the kind of its errors to itself, so they are told by their words.
        let mut quoted = found.split('\'').skip(1).step_by(2);
        if let Some(values) = quoted.find_map(|quoted| self.values.get(quoted)) {
            return nearest(wrong_word(found)?, values.iter().map(String::as_str)).map(str::to_owned);
        }
        let unknown = found.split('\'').nth(1)?;
        if found.starts_with("option field") || (found.starts_with("field") && found.contains("not found")) {
            return nearest(last_segment(unknown), self.options.iter().map(String::as_str)).map(str::to_owned);
        }
        if !found.starts_with("name") || !found.ends_with("is not defined") {
            return None;
        }
        let declared = declared(text);
        let known = self.types.iter().map(String::as_str).chain(declared);
        nearest(unknown, known).map(str::to_owned)
    }
}

/// The messages and enums that a text declares.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.clone().zip(words.skip(1)).filter(|(word, _)| matches!(*word, "message" | "enum")).map(|(_, name)| name)
}
