//! Names that differ in protos and are one in Rust. They are found here, because prost panics over some of them and
//! the compiler reports the others in code that nobody wrote.

use std::collections::BTreeMap;

use angzarr_model::ir::Model;
use angzarr_model::names::{rust_field, rust_type};
use angzarr_model::{Diagnostic, Diagnostics, Span, codes};
use prost_reflect::{EnumDescriptor, MessageDescriptor};

use crate::Report;
use crate::frontend::Protos;
use crate::resolve::Spans;

/// `package` in `FileDescriptorProto`, and `name` in all that a file declares.
const PACKAGE: i32 = 2;
const NAME: i32 = 1;

/// Every clash in what the run generates.
pub(super) fn check(protos: &Protos, model: &Model, spans: &mut Spans) -> Vec<Report> {
    let mut scopes = Scopes { names: BTreeMap::new(), spans, found: Diagnostics::new() };
    for message in protos.pool.all_messages().filter(|m| !m.is_map_entry()) {
        if protos.generate.contains(message.parent_file().name()) {
            scopes.message(&message);
        }
    }
    for ty in protos.pool.all_enums().filter(|ty| protos.generate.contains(ty.parent_file().name())) {
        scopes.enumeration(&ty);
    }
    for component in model.components.iter().filter(|component| component.generate) {
        let define = rust_type(&component.name);
        let definition = format!("{define}Definition");
        scopes.claim("type", &component.package, definition, &component.full_name, component.span);
        scopes.claim("type", &component.package, define, &component.full_name, component.span);
    }
    for file in protos.pool.files().filter(|file| protos.generate.contains(file.name())) {
        let span = scopes.spans.at(&file, &[PACKAGE]);
        let package = file.package_name();
        let ends = package.match_indices('.').map(|(end, _)| end).chain([package.len()]);
        for name in ends.filter_map(|end| package.get(..end)).filter(|name| !name.is_empty()) {
            let (around, last) = name.rsplit_once('.').unwrap_or(("", name));
            scopes.claim("module", around, rust_field(last), name, span);
        }
    }
    let found = scopes.found;
    let (Ok(found) | Err(found)) = found.finish();
    spans.reports(found)
}

/// Who has which name, by kind of name and scope.
struct Scopes<'a> {
    names: BTreeMap<(&'static str, String, String), (String, Span)>,
    spans: &'a mut Spans,
    found: Diagnostics,
}

impl Scopes<'_> {
    fn claim(&mut self, kind: &'static str, scope: &str, rust: String, proto: &str, span: Span) {
        let key = (kind, scope.to_owned(), rust);
        match self.names.get(&key) {
            Some((first, claimed)) if first != proto => {
                let message = format!("`{first}` and `{proto}` are both the {kind} `{}` in Rust", key.2);
                let found = Diagnostic::new(codes::NAME_CLASH, span, message);
                self.found.add(found.with(*claimed, format!("`{first}` has that name already")));
            }
            Some(_) => {}
            None => {
                self.names.insert(key, (proto.to_owned(), span));
            }
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        let full = message.full_name();
        let around = super::paths::scope(&angzarr_model::ir::TypeName(full.to_owned())).to_owned();
        let file = message.parent_file();
        let own = self.spans.at(&file, &[message.path(), &[NAME]].concat());
        self.claim("type", &around, rust_type(message.name()), full, own);
        for field in message.fields() {
            let span = self.spans.at(&file, &[field.path(), &[NAME]].concat());
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) => {
                    self.claim("variant", oneof.full_name(), rust_type(field.name()), field.full_name(), span);
                }
                None => self.claim("field", full, rust_field(field.name()), field.full_name(), span),
            }
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            let span = self.spans.at(&file, &[oneof.path(), &[NAME]].concat());
            self.claim("field", full, rust_field(oneof.name()), oneof.full_name(), span);
            self.claim("oneof", full, rust_type(oneof.name()), oneof.full_name(), span);
        }
        let nested = message.child_messages().any(|child| !child.is_map_entry())
            || message.child_enums().len() > 0
            || message.oneofs().any(|oneof| !oneof.is_synthetic());
        if nested {
            self.claim("module", &around, rust_field(message.name()), full, own);
        }
    }

    fn enumeration(&mut self, ty: &EnumDescriptor) {
        let full = ty.full_name();
        let around = super::paths::scope(&angzarr_model::ir::TypeName(full.to_owned())).to_owned();
        let name = rust_type(ty.name());
        let own = self.spans.at(&ty.parent_file(), &[ty.path(), &[NAME]].concat());
        self.claim("type", &around, name.clone(), full, own);
        let mut numbers = Vec::new();
        for value in ty.values() {
            // Aliases of a number get no variant.
            if numbers.contains(&value.number()) {
                continue;
            }
            numbers.push(value.number());
            let span = self.spans.at(&ty.parent_file(), &[value.path(), &[NAME]].concat());
            self.claim("variant", full, variant(&name, value.name()), value.full_name(), span);
        }
    }
}

/// prost drops the enum's name in front of a value, unless what is left would not start a word.
fn variant(ty: &str, value: &str) -> String {
    let name = rust_type(value);
    match name.strip_prefix(ty) {
        Some(rest) if rest.starts_with(char::is_uppercase) => rest.to_owned(),
        _ => name,
    }
}
