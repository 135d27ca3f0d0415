//! The rules. One file a family; each looks at finished data and reports everything it finds.

mod claims;
mod clashes;
mod component;
mod consumers;
mod filling;
mod keys;
mod messages;
mod stored_names;
mod unions;
mod upcasts;

pub use component::component;

use crate::Diagnostics;
use crate::ir::{Component, Handler, Model};
use crate::relations::{Relations, Undecided};

/// Checks components, messages and keys, each for itself.
pub fn alone(model: &Model, found: &mut Diagnostics) {
    let relations = Relations::of(model);
    for one in &model.components {
        component(one, found);
        keys::keys(one, &relations, found);
    }
    messages::messages(&relations, found);
    clashes::clashes(model, found);
}

/// Checks what components demand of each other, without what may only follow from services that are missing.
pub fn together(model: &Model, undecided: &Undecided, found: &mut Diagnostics) {
    let relations = Relations::beside(model, undecided);
    claims::claims(model, &relations, found);
    messages::facts(model, &relations, found);
    consumers::consumers(model, &relations, found);
    upcasts::upcasts(model, &relations, found);
    filling::filling(model, &relations, found);
    stored_names::stored_names(model, &relations, found);
    unions::unions(model, &relations, found);
}

/// In the order in which front ends came across them, so that of two that collide it is the later one that is wrong.
fn as_written(components: &[Component]) -> Vec<&Component> {
    let mut components: Vec<&Component> = components.iter().collect();
    components.sort_by_key(|component| component.span);
    components
}

/// How messages name a handler.
fn name(component: &Component, handler: &Handler) -> String {
    format!("{}.{}", component.name, handler.method)
}
