//! From YAML to texts, with a place for every mistake.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr::{MarkedYaml, YamlData, YamlLoader};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use super::keys::{self, Unsaid};
use super::value::Parsed;
use super::variables::{BadVariable, expanded, is_mask, masked, unmasked};
use super::{Config, Mistake};
use crate::nearest::nearest;

/// Reads the text of a file; all mistakes come at once, by place.
pub(super) fn read(text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Mistake>> {
    let mut reader = Reader { variables, found: Vec::new() };
    let config = reader.document(text);
    match config {
        Some(config) if reader.found.is_empty() => Ok(config),
        _ => {
            reader.found.sort_by_key(|mistake| (mistake.line, mistake.column));
            Err(reader.found)
        }
    }
}

/// Collects what is wrong.
pub(super) struct Reader<'a> {
    variables: &'a dyn Fn(&str) -> Option<String>,
    found: Vec<Mistake>,
}

/// A mapping whose keys are known.
pub(super) struct Section<'n, 'i> {
    /// Full name, as in [`keys::KEYS`].
    path: &'static str,
    place: Marker,
    entries: BTreeMap<&'static str, &'n MarkedYaml<'i>>,
}

impl<'n, 'i> Section<'n, 'i> {
    pub(super) fn get(&self, name: &str) -> Option<&'n MarkedYaml<'i>> {
        self.entries.get(name).copied()
    }

    pub(super) fn place(&self) -> Marker {
        self.place
    }
}

impl Reader<'_> {
    fn document(&mut self, text: &str) -> Option<Config> {
        let masked = masked(text);
        let documents = match load(text, &masked) {
            Ok(documents) => documents,
            Err(error) => {
                self.wrong(*error.marker(), "CONFIG_NOT_YAML", format!("not YAML: {}", error.info()), "");
                return None;
            }
        };
        if let Some(second) = documents.get(1) {
            self.wrong(second.span.start, "CONFIG_NOT_YAML", "a configuration is one document", "");
        }
        let root = self.section("", documents.first(), Marker::new(0, 1, 0));
        self.config(&root)
    }

    /// The entries of a mapping; with nothing behind its key, it is an empty one.
    pub(super) fn section<'n, 'i>(
        &mut self,
        path: &'static str,
        node: Option<&'n MarkedYaml<'i>>,
        otherwise: Marker,
    ) -> Section<'n, 'i> {
        let place = node.map_or(otherwise, |node| node.span.start);
        let mut section = Section { path, place, entries: BTreeMap::new() };
        let Some(node) = node else { return section };
        let YamlData::Mapping(mapping) = &node.data else {
            if !is_null(node) {
                let message = format!("expected a mapping with some of {}", listed(path));
                self.wrong(place, "CONFIG_VALUE_INVALID", message, "");
            }
            return section;
        };
        for (key, value) in mapping {
            let name = plain(key).unwrap_or_default();
            match keys::of(path).find(|(known, _)| *known == name) {
                Some((known, _)) => drop(section.entries.insert(known, value)),
                None => self.unknown_key(path, &name, key.span.start),
            }
        }
        section
    }

    fn unknown_key(&mut self, path: &str, name: &str, place: Marker) {
        let message = format!("unknown key{}", shown(name));
        let help = match nearest(name, keys::of(path).map(|(known, _)| known)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("here may stand {}", listed(path)),
        };
        self.wrong(place, "CONFIG_KEY_UNKNOWN", message, help);
    }

    /// A section of the whole file.
    pub(super) fn within<'n, 'i>(&mut self, root: &Section<'n, 'i>, name: &'static str) -> Section<'n, 'i> {
        self.section(name, root.get(name), root.place)
    }

    /// The value of a key: what is said, or else what holds then; none if there is none, or a mistake.
    pub(super) fn value<T>(
        &mut self,
        section: &Section<'_, '_>,
        name: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(node) = section.get(name) else {
            let text = self.expect(section, name)?;
            return parse(text).ok();
        };
        self.parsed(node, parse)
    }

    /// The value of a node, if it is a text that can be taken.
    pub(super) fn parsed<T>(&mut self, node: &MarkedYaml<'_>, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let place = node.span.start;
        let text = plain(node).unwrap_or_default();
        let text = match expanded(&text, self.variables) {
            Ok(text) => text,
            Err(bad) => {
                self.bad_variable(place, &bad);
                return None;
            }
        };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.wrong(place, "CONFIG_VALUE_INVALID", expected, "");
                None
            }
        }
    }

    /// What holds where a key is not said, or that it has to be.
    fn expect(&mut self, section: &Section<'_, '_>, name: &str) -> Option<&'static str> {
        let key = keys::of(section.path).find(|(known, _)| *known == name).map(|(_, key)| key)?;
        match key.unsaid {
            Unsaid::Text(text) => Some(text),
            Unsaid::Nothing => None,
            Unsaid::Wrong => {
                self.missing(section, key.path);
                None
            }
        }
    }

    /// Tells that a key has to be said.
    pub(super) fn missing(&mut self, section: &Section<'_, '_>, path: &str) {
        self.wrong(section.place, "CONFIG_KEY_MISSING", format!("`{path}` is missing"), "");
    }

    fn bad_variable(&mut self, place: Marker, bad: &BadVariable) {
        match bad {
            BadVariable::Missing(name) => {
                let help = format!("set it, or say what holds without it: ${{{name}:-…}}");
                self.wrong(place, "CONFIG_VARIABLE_MISSING", format!("the variable `{name}` is not set"), help);
            }
            BadVariable::NoName => {
                let help = "a variable is like ${NAME}; for a `$` before a brace, write `$$`";
                self.wrong(place, "CONFIG_VARIABLE_INVALID", "between `${` and `}` stands no name", help);
            }
            BadVariable::Open => {
                let help = "for a `$` before a brace, write `$$`";
                self.wrong(place, "CONFIG_VARIABLE_INVALID", "`${` is not closed", help);
            }
        }
    }

    pub(super) fn wrong(
        &mut self,
        place: Marker,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let (line, column) = (place.line(), place.col().saturating_add(1));
        self.found.push(Mistake { line, column, code, message: message.into(), help: help.into() });
    }
}

/// Scalars stay texts: a path of digits is a path.
fn load<'i>(text: &str, masked: &'i str) -> Result<Vec<MarkedYaml<'i>>, ScanError> {
    if text.contains(is_mask) {
        return Err(ScanError::new_str(Marker::new(0, 1, 0), "there are characters in it that stand for nothing"));
    }
    shallow(masked)?;
    let mut loader = YamlLoader::default();
    loader.early_parse(false);
    Parser::new_from_str(masked).load(&mut loader, true)?;
    match loader.error() {
        Some(error) => Err(error.clone()),
        None => Ok(loader.into_documents()),
    }
}

/// Refuses what is nested deeper than any configuration, since a tree is walked, and dropped, on the stack.
fn shallow(text: &str) -> Result<(), ScanError> {
    const DEEPEST: u32 = 32;
    let mut depth = 0_u32;
    for event in Parser::new_from_str(text) {
        match event? {
            (Event::SequenceStart(..) | Event::MappingStart(..), span) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(ScanError::new_str(span.start, "nested too deeply"));
                }
            }
            (Event::SequenceEnd | Event::MappingEnd, _) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The text of a scalar.
pub(super) fn plain<'n>(node: &'n MarkedYaml<'_>) -> Option<Cow<'n, str>> {
    match &node.data {
        YamlData::Representation(text, ..) => Some(unmasked(text)),
        _ => None,
    }
}

/// Whether nothing stands there.
pub(super) fn is_null(node: &MarkedYaml<'_>) -> bool {
    match &node.data {
        YamlData::Representation(text, ScalarStyle::Plain, None) => matches!(&**text, "" | "~" | "null"),
        _ => false,
    }
}

/// A name as it may be told: what is not like one may be anything, even a secret.
pub(super) fn shown(name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if !name.is_empty() && name.len() <= 60 && name.bytes().all(is_name) { format!(" `{name}`") } else { String::new() }
}

fn listed(path: &str) -> String {
    keys::of(path).map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
