//! From YAML to services, with a place for every mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use saphyr::{MarkedYaml, YamlData};
use serde_json::{Map, Value};

use super::compose::{Known, Sections, configuration};
use super::{Endpoint, HostedService, Standalone};
use crate::Report;
use crate::project::reader::{Reader, is_null};

const SERVICE: [&str; 7] = ["command", "folder", "environment", "address", "listen", "domains", "sidecar"];

/// What is filled in, so that nobody can say it otherwise.
const FILLED: [(&str, &str, &str); 3] = [
    ("services", "", "`services` is filled in: the sidecar's own service"),
    ("listen", "address", "`listen.address` is filled in: say `listen` at the service"),
    ("routes", "addresses", "`routes.addresses` is filled in: the sidecars of the other services"),
];

pub(super) fn read(path: &Path, text: &str) -> Result<Standalone, Vec<Report>> {
    let masked = masked(text);
    let mut reading = Reading { reader: Reader::new(path), said: Vec::new() };
    let standalone = reading.document(path, &masked);
    if reading.reader.found.is_empty() { Ok(standalone) } else { Err(reading.reader.findings(path, text)) }
}

/// A service as the file has it.
struct Said {
    service: HostedService,
    domains: Vec<String>,
    own: Sections,
}

struct Reading {
    reader: Reader,
    said: Vec<Said>,
}

impl Reading {
    fn document(&mut self, path: &Path, text: &str) -> Standalone {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut standalone = Standalone { folder: folder.clone(), ..Standalone::default() };
        let mut common = Sections::new();
        let documents = self.reader.load_written(text);
        let entries = documents.first().map(|root| self.reader.entries(root, &["services", "sidecar", "sidecars"]));
        for (key, value) in entries.unwrap_or_default() {
            match key {
                "services" => self.services(&folder, value),
                "sidecar" => standalone.sidecar = self.text(value).map(|program| beside(&folder, &program)),
                _ => common = self.sections(value),
            }
        }
        if self.said.is_empty() && self.reader.found.is_empty() {
            self.reader.missing("expected `services`: at least one, each with `command`, `address` and `listen`");
        }
        let known: Vec<Known<'_>> = self
            .said
            .iter()
            .map(|Said { service, domains, own }| Known {
                domains,
                address: &service.address,
                listen: &service.listen,
                own,
            })
            .collect();
        let texts: Vec<String> = known.iter().map(|one| configuration(&common, one, &known)).collect();
        drop(known);
        let services = self.said.drain(..).zip(texts);
        standalone.services =
            services.map(|(said, configuration)| HostedService { configuration, ..said.service }).collect();
        standalone
    }

    fn services(&mut self, folder: &Path, node: &MarkedYaml<'_>) {
        let Some(mapping) = node.data.as_mapping() else {
            return self.reader.wrong(node, "expected a mapping from names to services");
        };
        let (mut taken, mut owned) = (BTreeSet::new(), BTreeSet::new());
        for (key, value) in mapping {
            let Some(name) = self.name(key) else { continue };
            let entries = self.reader.entries(value, &SERVICE);
            let get = |wanted: &str| entries.iter().find(|(key, _)| *key == wanted).map(|(_, node)| *node);
            for required in ["command", "address", "listen"] {
                if get(required).is_none() {
                    self.reader.wrong(key, &format!("`{name}` has no `{required}`"));
                }
            }
            let command = get("command").map(|node| self.texts(node)).unwrap_or_default();
            let folder =
                get("folder").and_then(|node| self.text(node)).map_or(folder.to_path_buf(), |one| folder.join(one));
            let environment = get("environment").map(|node| self.environment(node)).unwrap_or_default();
            let mut endpoint = |wanted: &str| get(wanted).and_then(|node| self.endpoint(node, &mut taken));
            let (address, listen) = (endpoint("address"), endpoint("listen"));
            let domains = match get("domains") {
                Some(node) => self.texts(node),
                None => vec![name.clone()],
            };
            for domain in domains.iter().filter(|domain| !owned.insert((*domain).clone())) {
                self.reader.wrong(key, &format!("the domain `{domain}` is another service's already"));
            }
            let own = get("sidecar").map(|node| self.sections(node)).unwrap_or_default();
            if let (Some(address), Some(listen)) = (address, listen) {
                let configuration = String::new();
                let service = HostedService { name, command, folder, environment, address, listen, configuration };
                self.said.push(Said { service, domains, own });
            }
        }
    }

    /// Names files and stands before lines.
    fn name(&mut self, node: &MarkedYaml<'_>) -> Option<String> {
        let name = scalar(node).unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !name.is_empty() && name.bytes().all(is_name) {
            return Some(name);
        }
        self.reader.wrong(node, "expected a name of letters, digits, `-` and `_`");
        None
    }

    /// An address that nobody else has.
    fn endpoint(&mut self, node: &MarkedYaml<'_>, taken: &mut BTreeSet<Endpoint>) -> Option<Endpoint> {
        let endpoint: Endpoint = match self.text(node)?.parse() {
            Ok(endpoint) => endpoint,
            Err(bad) => {
                self.reader.wrong(node, &format!("{bad}"));
                return None;
            }
        };
        if !taken.insert(endpoint.clone()) {
            self.reader.wrong(node, &format!("somebody else listens at {endpoint} already"));
        }
        Some(endpoint)
    }

    fn text(&mut self, node: &MarkedYaml<'_>) -> Option<String> {
        match scalar(node) {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                self.reader.wrong(node, "expected a text");
                None
            }
        }
    }

    /// At least one text.
    fn texts(&mut self, node: &MarkedYaml<'_>) -> Vec<String> {
        match node.data.as_sequence() {
            Some(items) if !items.is_empty() => items.iter().filter_map(|item| self.text(item)).collect(),
            _ => {
                self.reader.wrong(node, "expected a list of texts, like [python3, stock.py]");
                Vec::new()
            }
        }
    }

    fn environment(&mut self, node: &MarkedYaml<'_>) -> BTreeMap<String, String> {
        let Some(mapping) = node.data.as_mapping() else {
            self.reader.wrong(node, "expected a mapping from variables to values");
            return BTreeMap::new();
        };
        let mut environment = BTreeMap::new();
        for (key, value) in mapping {
            match (self.text(key), scalar(value)) {
                (Some(name), Some(text)) => drop(environment.insert(name, text)),
                (_, None) => self.reader.wrong(value, "expected a text"),
                (None, _) => {}
            }
        }
        environment
    }

    /// Sections of a sidecar's configuration. What they mean, the sidecar knows.
    fn sections(&mut self, node: &MarkedYaml<'_>) -> Sections {
        let Some(Value::Object(sections)) = self.value(node) else {
            self.reader.wrong(node, "expected sections of a sidecar's configuration, like storage");
            return Sections::new();
        };
        for (section, key, why) in FILLED {
            let said = sections.get(section).is_some_and(|value| key.is_empty() || value.get(key).is_some());
            if said {
                self.reader.wrong(node, why);
            }
        }
        sections
    }

    fn value(&mut self, node: &MarkedYaml<'_>) -> Option<Value> {
        match &node.data {
            YamlData::Mapping(mapping) => {
                let mut keys = Map::new();
                for (key, value) in mapping {
                    keys.insert(self.text(key)?, self.value(value)?);
                }
                Some(Value::Object(keys))
            }
            YamlData::Sequence(items) => {
                items.iter().map(|item| self.value(item)).collect::<Option<_>>().map(Value::Array)
            }
            _ if is_null(node) => Some(Value::Null),
            _ => match scalar(node) {
                Some(text) => Some(Value::String(text)),
                None => {
                    self.reader.wrong(node, "expected a text, a list or a mapping");
                    None
                }
            },
        }
    }
}

/// What has no `/` in it is looked for in PATH.
fn beside(folder: &Path, program: &str) -> PathBuf {
    if program.contains('/') { folder.join(program) } else { PathBuf::from(program) }
}

/// The text of a scalar as it was written; none where nothing stands.
fn scalar(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Representation(written, ..) if !is_null(node) => Some(unmasked(written)),
        _ => None,
    }
}

/// Where the characters of variables are kept while YAML is read, to which braces mean something else.
const MASK: u32 = 0xE000;

/// The text with all `${…}` put into characters that YAML takes for letters, one for one.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("${") {
        let (before, variable) = rest.split_at(begin);
        masked.push_str(before);
        let line = variable.find('\n').unwrap_or(variable.len());
        let Some(end) = variable[..line].find('}') else {
            masked.push_str(&variable[..line]);
            rest = &variable[line..];
            continue;
        };
        let (variable, behind) = variable.split_at(end + 1);
        masked.extend(
            variable.chars().map(|c| if c.is_ascii() { char::from_u32(MASK + u32::from(c)).unwrap_or(c) } else { c }),
        );
        rest = behind;
    }
    masked.push_str(rest);
    masked
}

fn unmasked(text: &str) -> String {
    let back =
        |c: char| u32::from(c).checked_sub(MASK).filter(|byte| *byte < 0x80).and_then(char::from_u32).unwrap_or(c);
    text.chars().map(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "\
sidecar: bin/angzarr-sidecar
sidecars:
  storage: { type: postgres, connection_string: ${DATABASE_URL:-none} }
  aggregates: { serve: true }
services:
  orders:
    domains: [orders, checkout]
    command: [orders, 127.0.0.1:50061]
    address: 127.0.0.1:50061
    listen: 127.0.0.1:50051
    sidecar: { aggregates: { serve: false }, listen: { insecure: true } }
  stock:
    command: [python3, stock.py]
    folder: stock
    environment: { PIECES: 3 }
    address: unix:stock.sock
    listen: 127.0.0.1:50052
";

    #[test]
    fn each_sidecar_is_told_of_its_service_and_of_the_others() {
        let standalone = Standalone::parse(Path::new("shop/angzarr.run.yaml"), TWO).unwrap();
        assert_eq!(standalone.sidecar, Some("shop/bin/angzarr-sidecar".into()));
        let [orders, stock] = standalone.services.as_slice() else { panic!("{standalone:?}") };
        assert_eq!((stock.folder.as_path(), stock.environment["PIECES"].as_str()), (Path::new("shop/stock"), "3"));
        let told = |service: &HostedService| serde_json::from_str::<Value>(&service.configuration).unwrap();
        let routes = serde_json::json!({
            "orders": "127.0.0.1:50051", "checkout": "127.0.0.1:50051", "stock": "127.0.0.1:50052"
        });
        let storage = serde_json::json!({ "type": "postgres", "connection_string": "${DATABASE_URL:-none}" });
        assert_eq!(
            told(orders),
            serde_json::json!({
                "storage": storage, "aggregates": { "serve": "false" }, "services": [{ "address": "127.0.0.1:50061" }],
                "listen": { "insecure": "true", "address": "127.0.0.1:50051" }, "routes": { "addresses": routes }
            })
        );
        assert_eq!(told(stock)["services"][0]["address"], "unix:stock.sock");
        assert_eq!(told(stock)["aggregates"]["serve"], "true");
    }

    #[test]
    fn values_stay_as_they_are_written() {
        let text = "\
sidecars:
  aggregates: { fact_token: 0123456789012345, serve: True }
  storage: { type: ~, path: 'null' }
services:
  1:
    command: [python3, 007]
    environment: { RATE: 1.50, MASK: 0x1F, NAME: \"~\", EMPTY: '' }
    address: unix:1.sock
    listen: 127.0.0.1:50052
";
        let standalone = Standalone::parse(Path::new("run.yaml"), text).unwrap();
        let [service] = standalone.services.as_slice() else { panic!("{standalone:?}") };
        assert_eq!((service.name.as_str(), service.command[1].as_str()), ("1", "007"));
        let environment = [("RATE", "1.50"), ("MASK", "0x1F"), ("NAME", "~"), ("EMPTY", "")];
        assert_eq!(service.environment, environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let told: Value = serde_json::from_str(&service.configuration).unwrap();
        assert_eq!(told["aggregates"], serde_json::json!({ "fact_token": "0123456789012345", "serve": "True" }));
        assert_eq!(told["storage"], serde_json::json!({ "type": null, "path": "null" }));
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let text = "\
sidecars: { routes: { addresses: {} } }
services:
  orders: { command: orders, address: somewhere, listen: \"127.0.0.1:1\" }
  stock: { comand: [a], address: \"127.0.0.1:1\" }
  a/b: {}
";
        let found = Standalone::parse(Path::new("run.yaml"), text).unwrap_err();
        let heads: Vec<String> = found.iter().map(|found| found.to_string().lines().take(2).collect()).collect();
        assert_eq!(
            heads,
            [
                "error[AZ0701]: `routes.addresses` is filled in: the sidecars of the other services --> run.yaml:1:11",
                "error[AZ0701]: expected a list of texts, like [python3, stock.py] --> run.yaml:3:22",
                "error[AZ0701]: expected an address, like 127.0.0.1:50051 or unix:shop.sock --> run.yaml:3:39",
                "error[AZ0701]: `stock` has no `command` --> run.yaml:4:3",
                "error[AZ0701]: `stock` has no `listen` --> run.yaml:4:3",
                "error[AZ0702]: unknown key `comand` --> run.yaml:4:12",
                "error[AZ0701]: somebody else listens at 127.0.0.1:1 already --> run.yaml:4:34",
                "error[AZ0701]: expected a name of letters, digits, `-` and `_` --> run.yaml:5:3",
            ]
        );
        let nothing = Standalone::parse(Path::new("run.yaml"), "").unwrap_err();
        assert!(nothing[0].to_string().contains("expected `services`"), "{}", nothing[0]);
    }
}
