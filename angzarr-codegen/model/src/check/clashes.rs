//! Names of types, methods, fields and packages that other languages cannot tell apart, or cannot use. Fields are told apart
//! by protobuf itself, and what Rust makes of names is seen when Rust is generated.

use std::collections::BTreeMap;

use crate::ir::{Component, Model};
use crate::languages::{Fields, LANGUAGES, Language, Packages};
use crate::names::{fold_method, last_segment};
use crate::{Diagnostic, Diagnostics, Span, codes};

pub(super) fn clashes(model: &Model, found: &mut Diagnostics) {
    let mut clashes = Clashes::default();
    let mut keywords = BTreeMap::new();
    for language in &LANGUAGES {
        let mut scope = Scope { language, names: BTreeMap::new(), clashes: &mut clashes };
        scope.model(model);
        for (name, package, span) in declared(model) {
            let segments = package.split('.').filter(|_| language.packages == Packages::Names);
            for segment in segments.filter(|segment| language.keywords.contains(segment)) {
                keywords.entry((format!("package `{package}`"), segment, language.name)).or_insert(span);
            }
            let last = last_segment(name);
            if language.keywords.contains(&last) {
                keywords.entry((format!("`{name}`"), last, language.name)).or_insert(span);
            }
        }
        for message in model.messages.iter().filter(|one| one.generate && language.fields == Fields::Names) {
            for field in message.fields.iter().filter(|field| language.keywords.contains(&field.name.as_str())) {
                let named = format!("field `{}` of `{}`", field.name, message.name.0);
                keywords.entry((named, field.name.as_str(), language.name)).or_insert(field.span);
            }
        }
    }
    for ((what, first, second), clash) in clashes.0 {
        let languages: Vec<String> = clash.spelt.iter().map(|(name, spelt)| format!("`{spelt}` in {name}")).collect();
        let message = format!("`{first}` and `{second}` would both be the {what} {}", languages.join(" and "));
        let clashing = Diagnostic::new(codes::CLASH_ELSEWHERE, clash.second, message);
        found.add(clashing.with(clash.first, "the first"));
    }
    for ((named, word, language), span) in keywords {
        let message = format!("{named} cannot be written in {language}, where `{word}` is a keyword");
        found.report(codes::CLASH_ELSEWHERE, span, message);
    }
}

/// Name, package and place of every type and component that is generated, as they were written.
fn declared(model: &Model) -> Vec<(&str, &str, Span)> {
    let messages = model.messages.iter().filter(|one| one.generate);
    let enums = model.enums.iter().filter(|one| one.generate);
    let components = model.components.iter().filter(|one| one.generate);
    let messages = messages.map(|one| (one.name.0.as_str(), one.package.as_str(), one.span));
    let enums = enums.map(|one| (one.name.0.as_str(), one.package.as_str(), one.span));
    let components = components.map(|one| (one.full_name.as_str(), one.package.as_str(), one.span));
    let mut declared: Vec<_> = messages.chain(enums).chain(components).collect();
    declared.sort_by_key(|(_, _, span)| *span);
    declared
}

/// Two names that are one somewhere.
struct Clash {
    first: Span,
    second: Span,
    /// Languages, and what both are there.
    spelt: Vec<(&'static str, String)>,
}

/// By kind of name, and by both names in full.
#[derive(Default)]
struct Clashes(BTreeMap<(&'static str, String, String), Clash>);

/// The names of one language, by kind, by what is around them, and by how they are spelt.
struct Scope<'a> {
    language: &'static Language,
    names: BTreeMap<(&'static str, String, String), (String, Span)>,
    clashes: &'a mut Clashes,
}

impl Scope<'_> {
    fn claim(&mut self, what: &'static str, around: &str, spelt: String, name: &str, span: Span) {
        let key = (what, around.to_owned(), spelt);
        match self.names.get(&key) {
            Some((first, place)) if first != name => {
                let clash = (what, first.clone(), name.to_owned());
                let clash =
                    self.clashes.0.entry(clash).or_insert(Clash { first: *place, second: span, spelt: Vec::new() });
                clash.spelt.push((self.language.name, key.2));
            }
            Some(_) => {}
            None => {
                self.names.insert(key, (name.to_owned(), span));
            }
        }
    }

    fn model(&mut self, model: &Model) {
        for (name, package, span) in declared(model) {
            let local = name.strip_prefix(package).unwrap_or(name).trim_start_matches('.');
            let segments: Vec<&str> = local.split('.').collect();
            self.claim("type", package, (self.language.ty)(&segments), name, span);
        }
        for component in model.components.iter().filter(|component| component.generate) {
            self.component(component);
        }
    }

    fn component(&mut self, component: &Component) {
        for handler in &component.handlers {
            let full = format!("{}.{}", component.name, handler.method);
            self.claim("method", &component.full_name, (self.language.method)(&handler.method), &full, handler.span);
        }
        for event in component.own_events() {
            let method = fold_method(last_segment(&event.0));
            let fold = format!("{}.{method}", component.name);
            self.claim("method", &component.full_name, (self.language.method)(&method), &fold, component.span);
        }
    }
}
