//! How names of the model become names in code. One place, because derives and generators must agree.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// Words that Rust does not accept as identifiers, raw ones included; `extern` is here because prost has it here.
const RUST_UNRAWABLE: [&str; 6] = ["_", "crate", "extern", "self", "super", "Self"];

/// Words that Rust accepts as identifiers only behind `r#`.
const RUST_KEYWORDS: [&str; 47] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut",
    "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe",
    "unsized", "use", "virtual", "where", "while", "yield",
];

/// A lower-case Rust identifier, as prost spells fields and modules.
///
/// ```
/// assert_eq!(angzarr_model::names::rust_field("orderID"), "order_id");
/// assert_eq!(angzarr_model::names::rust_field("type"), "r#type");
/// assert_eq!(angzarr_model::names::rust_field("self"), "self_");
/// ```
pub fn rust_field(name: &str) -> String {
    rust_identifier(name.to_snake_case())
}

/// An upper-camel Rust identifier, as prost spells types.
///
/// ```
/// assert_eq!(angzarr_model::names::rust_type("HTTPRequest"), "HttpRequest");
/// assert_eq!(angzarr_model::names::rust_type("self"), "Self_");
/// ```
pub fn rust_type(name: &str) -> String {
    rust_identifier(name.to_upper_camel_case())
}

/// The name of the fold of an event, from the last segment of its type name.
///
/// ```
/// assert_eq!(angzarr_model::names::fold_method("OrderPlacedV2"), "apply_order_placed_v2");
/// ```
pub fn fold_method(event: &str) -> String {
    format!("apply_{}", event.to_snake_case())
}

/// The last segment of a protobuf full name or a Rust path.
///
/// ```
/// assert_eq!(angzarr_model::names::last_segment("shop.orders.v1.OrderPlaced"), "OrderPlaced");
/// assert_eq!(angzarr_model::names::last_segment("super::super::stock::v1::ReserveStock"), "ReserveStock");
/// ```
pub fn last_segment(name: &str) -> &str {
    name.rsplit(['.', ':']).next().unwrap_or(name).trim()
}

/// The known name that an unknown one most likely was meant to be.
///
/// Two letters in the wrong order count as one difference; there may be one in every three letters. Case does not count.
///
/// ```
/// let known = ["order_id", "customer_id", "lines"];
/// assert_eq!(angzarr_model::names::nearest("custmer_id", known), Some("customer_id"));
/// assert_eq!(angzarr_model::names::nearest("price", known), None);
/// ```
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any name that somebody mistyped; the distance takes time by the product of both lengths.
    const LONGEST: usize = 200;
    let given = unknown.to_lowercase();
    let length = given.chars().count();
    let room = (length / 3).max(1);
    let near = known.into_iter().filter(|name| *name != unknown && name.len() <= LONGEST && unknown.len() <= LONGEST);
    // No distance is shorter than the difference of both lengths, which takes no time.
    let near = near.filter(|name| name.chars().count().abs_diff(length) <= room);
    let near = near.map(|name| (strsim::osa_distance(&given, &name.to_lowercase()), name));
    near.filter(|(distance, name)| *distance <= room && *distance < name.chars().count()).min().map(|(_, name)| name)
}

/// What the versions of a message have in common, and which one a full name stands for: the version of its package,
/// then its own. Without a version it is the first.
///
/// ```
/// use angzarr_model::names::version;
/// assert_eq!(version("shop.orders.v1.OrderPlaced"), ("shop.orders.OrderPlaced".to_owned(), (1, 1)));
/// assert_eq!(version("shop.orders.v2.OrderPlacedV3"), ("shop.orders.OrderPlaced".to_owned(), (2, 3)));
/// ```
pub fn version(full_name: &str) -> (String, (u32, u32)) {
    let mut parts: Vec<&str> = full_name.split('.').collect();
    let name = parts.pop().unwrap_or_default();
    let number = |digits: &str| digits.parse::<u32>().ok().filter(|number| *number > 0);
    let own = name.rsplit_once('V').and_then(|(base, digits)| Some((base, number(digits)?)));
    let (base, own) = own.filter(|(base, _)| !base.is_empty()).unwrap_or((name, 1));
    let package = parts.last().and_then(|last| number(last.strip_prefix('v')?));
    if package.is_some() {
        parts.pop();
    }
    parts.push(base);
    (parts.join("."), (package.unwrap_or(1), own))
}

fn rust_identifier(mut name: String) -> String {
    if RUST_UNRAWABLE.contains(&name.as_str()) {
        name.push('_');
    } else if RUST_KEYWORDS.contains(&name.as_str()) {
        name.insert_str(0, "r#");
    } else if name.starts_with(|first: char| first.is_numeric()) {
        name.insert(0, '_');
    }
    name
}
