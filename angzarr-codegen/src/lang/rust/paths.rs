//! Paths of types, spelt as prost spells them, so that both name the same thing.

use angzarr_model::ir::TypeName;
use angzarr_model::names::{rust_field, rust_type};

/// Packages whose Rust types lie in the runtime.
const EXTERNAL: [(&str, &str); 2] =
    [("google.protobuf", "::angzarr_runtime::prost_types"), ("angzarr.v1", "::angzarr_runtime::proto")];

/// The path of a type as seen from the module of a package, or of a package and the messages around a nested one.
///
/// From `shop.orders.v1.app` the message `shop.stock.v1.ReserveStock` is `super::super::super::stock::v1::ReserveStock`.
pub(super) fn relative(scope: &str, name: &TypeName) -> String {
    let (parents, last) = name.0.rsplit_once('.').unwrap_or(("", &name.0));
    for (package, path) in EXTERNAL {
        if parents == package {
            return format!("{path}::{}", rust_type(last));
        }
    }
    let mut from = segments(scope).peekable();
    let mut to = segments(parents).peekable();
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let mut parts: Vec<String> = from.map(|_| "super".to_owned()).collect();
    parts.extend(to.map(rust_field));
    parts.push(rust_type(last));
    parts.join("::")
}

/// Modules of the messages around a message, and its own name, inside the file of its package.
pub(super) fn inside(package: &str, name: &TypeName) -> (Vec<String>, String) {
    let local = name.0.strip_prefix(package).map_or(name.0.as_str(), |rest| rest.trim_start_matches('.'));
    let (parents, last) = local.rsplit_once('.').unwrap_or(("", local));
    (segments(parents).map(rust_field).collect(), rust_type(last))
}

/// What is around a type: its package, or the message it is nested in.
pub(super) fn scope(name: &TypeName) -> &str {
    name.0.rsplit_once('.').map_or("", |(scope, _)| scope)
}

fn segments(name: &str) -> impl Iterator<Item = &str> {
    name.split('.').filter(|segment| !segment.is_empty())
}
