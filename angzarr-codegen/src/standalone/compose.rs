//! What each sidecar is told: what all of them are told, what it is told alone, its service, and the ways to the others.

use serde_json::{Map, Value};

use super::Endpoint;

/// Sections of a sidecar's configuration.
pub(super) type Sections = Map<String, Value>;

/// A service, as far as sidecars have to know.
pub(super) struct Known<'a> {
    pub(super) domains: &'a [String],
    pub(super) address: &'a Endpoint,
    pub(super) listen: &'a Endpoint,
    /// What only its sidecar is told; each section takes the place of the common one.
    pub(super) own: &'a Sections,
}

/// The text of the configuration of the sidecar of `one`. JSON is YAML, and all values are texts, as sidecars take them.
pub(super) fn configuration(common: &Sections, one: &Known<'_>, all: &[Known<'_>]) -> String {
    let mut sections = common.clone();
    sections.extend(one.own.clone());
    let service = Map::from_iter([("address".to_owned(), text(one.address))]);
    sections.insert("services".to_owned(), Value::Array(vec![Value::Object(service)]));
    fill(&mut sections, "listen", "address", text(one.listen));
    let ways = all.iter().flat_map(|other| other.domains.iter().map(|domain| (domain.clone(), text(other.listen))));
    fill(&mut sections, "routes", "addresses", Value::Object(ways.collect()));
    format!("{:#}\n", Value::Object(sections))
}

fn text(endpoint: &Endpoint) -> Value {
    Value::String(endpoint.to_string())
}

/// Says a key of a section, beside what else it says.
fn fill(sections: &mut Sections, section: &str, key: &str, value: Value) {
    let entry = sections.entry(section).or_insert_with(|| Value::Object(Map::new()));
    match entry {
        Value::Object(keys) => drop(keys.insert(key.to_owned(), value)),
        // What is no section, the sidecar refuses.
        other => *other = Value::Object(Map::from_iter([(key.to_owned(), value)])),
    }
}
