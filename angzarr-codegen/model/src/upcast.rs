//! Upcasts without user code: which field of the old version gives one of the new version its value.

use crate::ir::{Field, Message};

/// Finds the field of the old version that a field of the new one takes its value from.
///
/// That is the one of the same name, or the one that it is renamed from, if the type is the same; a member of a oneof
/// takes the value of the same member of the same oneof, under the same number.
pub fn source<'a>(old: &'a Message, new: &Field) -> Option<&'a Field> {
    old.fields.iter().find(|field| match &new.oneof {
        Some(_) => field.oneof == new.oneof && same_member(field, new),
        None => {
            let name = new.renamed_from.as_ref().map_or(&new.name, |renamed| &renamed.text);
            field.name == *name && alike(field, new)
        }
    })
}

/// Whether a value of the one is one of the other, byte for byte.
fn alike(old: &Field, new: &Field) -> bool {
    same_type(old, new) && old.label == new.label && old.oneof.is_none()
}

/// Whether two members of oneofs are one and the same.
pub(crate) fn same_member(a: &Field, b: &Field) -> bool {
    a.name == b.name && a.number == b.number && same_type(a, b)
}

/// A group is written otherwise than a message of the same type.
fn same_type(a: &Field, b: &Field) -> bool {
    a.spelling == b.spelling && a.group == b.group
}
