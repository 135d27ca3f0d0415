//! The comparison of upcasts without user code: what gives a field of the new version its value.

use angzarr_model::codes;

use super::breaking::Findings;
use super::lock::{Field, Lock, Shape, Upcast};

/// What gives a field its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source<'a> {
    /// The field of the old version that has this number.
    Field(u32),
    /// Its `upcast_default`.
    Default(&'a str),
    /// It is as if it was never set.
    Nothing,
}

/// Reports fields that get other values from stored events than before.
///
/// An upcast that user code does now, or that leads to another version, may well do the same.
pub(super) fn compare(before: &Lock, now: &Lock, found: &mut Findings<'_>) {
    for (name, upcast) in &before.upcasts {
        let reader = now.reader(name).map(|(reader, _)| reader);
        let Some((reader, current)) = reader.and_then(|reader| now.upcasts.get_key_value(reader)) else { continue };
        if now.reader(&upcast.to).is_none_or(|(to, _)| to != &current.to) {
            continue;
        }
        let shapes = |lock, old, upcast| Step::of(lock, old, upcast);
        let (Some(was), Some(is)) = (shapes(before, name, upcast), shapes(now, reader, current)) else { continue };
        for field in &was.new.fields {
            // A field that is new or gone gives no stored value another meaning.
            let Some(field_now) = is.new.numbered(field.number) else { continue };
            let (source, source_now) = (was.source(field), is.source(field_now));
            if source != source_now {
                let message = format!(
                    "`{}` of `{}` is {} for a stored `{reader}`, and was {}; the same bytes would be read as something else",
                    field_now.name,
                    current.to,
                    is.spelt(source_now),
                    was.spelt(source)
                );
                found.report(codes::UPCAST_CHANGED, found.field(&current.to, field.number), message);
            }
        }
    }
}

/// An upcast, and the shapes it is between.
struct Step<'a> {
    upcast: &'a Upcast,
    old: &'a Shape,
    new: &'a Shape,
}

impl<'a> Step<'a> {
    fn of(lock: &'a Lock, old: &str, upcast: &'a Upcast) -> Option<Self> {
        Some(Step { upcast, old: lock.messages.get(old)?, new: lock.messages.get(&upcast.to)? })
    }

    fn source(&self, field: &Field) -> Source<'a> {
        let rule = self.upcast.rules.iter().find(|rule| rule.number == field.number);
        if let Some(default) = rule.and_then(|rule| rule.upcast_default.as_deref()) {
            return Source::Default(default);
        }
        let name = rule.and_then(|rule| rule.renamed_from.as_ref()).unwrap_or(&field.name);
        let copied = self.old.named(name).filter(|old| old.ty == field.ty && old.label == field.label);
        copied.map_or(Source::Nothing, |old| Source::Field(old.number))
    }

    fn spelt(&self, source: Source<'_>) -> String {
        match source {
            Source::Field(number) => {
                let name = self.old.numbered(number).map(|field| field.name.as_str()).unwrap_or_default();
                format!("its `{name}`")
            }
            Source::Default(text) => format!("{text:?}"),
            Source::Nothing => "not set".to_owned(),
        }
    }
}
