//! The rules. One file a family; each looks at finished data and reports everything it finds.

mod claims;
mod component;
mod consumers;
mod keys;
mod messages;
mod upcasts;

pub use component::component;

use crate::Diagnostics;
use crate::ir::{Component, Handler, Model};
use crate::relations::Relations;

/// Checks a whole model: every component for itself, and all of them together.
pub fn model(model: &Model, found: &mut Diagnostics) {
    for one in &model.components {
        component(one, found);
    }
    let relations = Relations::of(model);
    claims::claims(model, &relations, found);
    messages::messages(&relations, found);
    consumers::consumers(model, &relations, found);
    upcasts::upcasts(model, &relations, found);
    for component in &model.components {
        keys::keys(component, &relations, found);
    }
}

/// How messages name a handler.
fn name(component: &Component, handler: &Handler) -> String {
    format!("{}.{}", component.name, handler.method)
}
