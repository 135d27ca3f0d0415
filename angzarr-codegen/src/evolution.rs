//! What was stored, how it is found again, and which changes of protos would break that.
//!
//! ```text
//! model ─────────────► Lock ─┐
//! angzarr.lock ──────► Lock ─┼─► breaking ─► reports
//! a git ref, a descriptor set ─► model ─► Lock ─┘
//! ```
//!
//! Two locks are compared, wherever they come from, so that all three comparisons have the same rules.

mod breaking;
mod fields;
mod filling;
pub mod lock;
pub mod past;
mod types;
pub mod upcast;

use uuid::Uuid;

use crate::{Report, Understood};
use lock::Lock;

/// What would break the log: stored bytes that could not be read any more or would be read as something else, streams and
/// instances that would not be found. Sorted by place. A warning is what breaks nothing that is stored, but may not be meant.
///
/// Empty if everything that `before` holds is still read, found and named in the same way.
pub fn breaking(before: &Lock, understood: &Understood) -> Vec<Report> {
    let mut found = breaking::Findings::new(&understood.model);
    breaking::compare(before, &Lock::of(&understood.model), &mut found);
    understood.spans.reports(found.into_diagnostics())
}

/// The namespace of a domain's root ids: the recipe of docs/semantics.md.
pub(crate) fn root_namespace(domain: &str) -> Uuid {
    let angzarr = Uuid::new_v5(&Uuid::nil(), b"angzarr.v1");
    Uuid::new_v5(&angzarr, format!("root/{domain}").as_bytes())
}
