//! What was stored, and what may become of it.

use uuid::Uuid;

/// The namespace of a domain's root ids: the recipe of docs/semantics.md.
pub(crate) fn root_namespace(domain: &str) -> Uuid {
    let angzarr = Uuid::new_v5(&Uuid::nil(), b"angzarr.v1");
    Uuid::new_v5(&angzarr, format!("root/{domain}").as_bytes())
}
