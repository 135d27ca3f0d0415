//! Names that differ in protos and are one in Rust. They are found here, because prost panics over some of them and
//! the compiler reports the others in code that nobody wrote.

use std::collections::BTreeMap;

use angzarr_model::codes;
use angzarr_model::ir::Model;
use angzarr_model::names::{rust_field, rust_type};
use prost_build::Module;
use prost_reflect::{EnumDescriptor, MessageDescriptor};

use crate::Report;
use crate::frontend::Protos;

/// Reports every clash in what the run generates.
pub(super) fn check(protos: &Protos, model: &Model) -> Result<(), Vec<Report>> {
    let mut scopes = Scopes::default();
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
        scopes.claim("type", &component.package, format!("{define}Definition"), &component.full_name);
        scopes.claim("type", &component.package, define, &component.full_name);
    }
    for file in protos.pool.files().filter(|file| protos.generate.contains(file.name())) {
        let module: Vec<String> =
            Module::from_protobuf_package_name(file.package_name()).parts().map(str::to_owned).collect();
        if !module.is_empty() {
            scopes.claim("package", "", module.join("::"), file.package_name());
        }
    }
    if scopes.reports.is_empty() { Ok(()) } else { Err(Report::sorted(scopes.reports)) }
}

/// Who has which name, by kind of name and scope.
#[derive(Default)]
struct Scopes {
    names: BTreeMap<(&'static str, String, String), String>,
    reports: Vec<Report>,
}

impl Scopes {
    fn claim(&mut self, kind: &'static str, scope: &str, rust: String, proto: &str) {
        let key = (kind, scope.to_owned(), rust);
        match self.names.get(&key) {
            Some(first) if first != proto => {
                let message = format!("`{first}` and `{proto}` are both the {kind} `{}` in Rust", key.2);
                let help = codes::NAME_CLASH.help.to_owned();
                self.reports.push(Report { code: codes::NAME_CLASH.id, message, place: None, help });
            }
            Some(_) => {}
            None => {
                self.names.insert(key, proto.to_owned());
            }
        }
    }

    fn message(&mut self, message: &MessageDescriptor) {
        let full = message.full_name();
        let around = super::paths::scope(&angzarr_model::ir::TypeName(full.to_owned())).to_owned();
        self.claim("type", &around, rust_type(message.name()), full);
        for field in message.fields() {
            match field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
                Some(oneof) => self.claim("variant", oneof.full_name(), rust_type(field.name()), field.full_name()),
                None => self.claim("field", full, rust_field(field.name()), field.full_name()),
            }
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            self.claim("field", full, rust_field(oneof.name()), oneof.full_name());
            self.claim("oneof", full, rust_type(oneof.name()), oneof.full_name());
        }
        let nested = message.child_messages().any(|child| !child.is_map_entry())
            || message.child_enums().len() > 0
            || message.oneofs().any(|oneof| !oneof.is_synthetic());
        if nested {
            self.claim("module", &around, rust_field(message.name()), full);
        }
    }

    fn enumeration(&mut self, ty: &EnumDescriptor) {
        let full = ty.full_name();
        let around = super::paths::scope(&angzarr_model::ir::TypeName(full.to_owned())).to_owned();
        let name = rust_type(ty.name());
        self.claim("type", &around, name.clone(), full);
        let mut numbers = Vec::new();
        for value in ty.values() {
            // Aliases of a number get no variant.
            if numbers.contains(&value.number()) {
                continue;
            }
            numbers.push(value.number());
            self.claim("variant", full, variant(&name, value.name()), value.full_name());
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
