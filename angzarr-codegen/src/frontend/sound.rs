//! What compilers see to before they write a descriptor set. A set need not come from one, and what comes later relies on
//! it: linking and printing panic over some of it.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, ServiceDescriptorProto,
};

/// What is wrong with a file by itself, each as a sentence.
pub(super) fn faults(file: &FileDescriptorProto) -> Vec<String> {
    let mut faults = Faults { found: Vec::new() };
    if !matches!(file.syntax.as_deref(), None | Some("proto2" | "proto3")) {
        faults.found.push(format!("its syntax is \"{}\", which is neither proto2 nor proto3", file.syntax()));
    }
    if !file.package().is_empty() && !file.package().split('.').all(is_identifier) {
        faults.found.push(format!("\"{}\" is no name for a package", file.package()));
    }
    for message in &file.message_type {
        faults.message(file.package(), message);
    }
    for ty in &file.enum_type {
        faults.enumeration(file.package(), ty);
    }
    for extension in &file.extension {
        faults.extension(file.package(), extension);
    }
    for service in &file.service {
        faults.service(file.package(), service);
    }
    faults.found
}

struct Faults {
    found: Vec<String>,
}

impl Faults {
    /// The full name, which is reported if it is none.
    fn name(&mut self, around: &str, name: &str) -> String {
        let full = if around.is_empty() { name.to_owned() } else { format!("{around}.{name}") };
        if !is_identifier(name) {
            self.found.push(format!("`{full}` is no name"));
        }
        full
    }

    fn message(&mut self, around: &str, message: &DescriptorProto) {
        let full = self.name(around, message.name());
        for field in &message.field {
            self.field(&full, field, message.oneof_decl.len());
        }
        for oneof in &message.oneof_decl {
            self.name(&full, oneof.name());
        }
        for (index, oneof) in (0..).zip(&message.oneof_decl) {
            if !message.field.iter().any(|field| field.oneof_index == Some(index)) {
                self.found.push(format!("the oneof `{full}.{}` has no member", oneof.name()));
            }
        }
        let entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        if entry {
            let names: Vec<&str> = message.field.iter().map(FieldDescriptorProto::name).collect();
            let repeated = message.field.iter().any(|field| field.label() == Label::Repeated);
            if names != ["key", "value"] || repeated || !message.nested_type.is_empty() {
                self.found.push(format!("`{full}` is no entry of a map"));
            }
        }
        for extension in &message.extension {
            self.extension(&full, extension);
        }
        for inner in &message.nested_type {
            self.message(&full, inner);
        }
        for ty in &message.enum_type {
            self.enumeration(&full, ty);
        }
    }

    fn field(&mut self, around: &str, field: &FieldDescriptorProto, oneofs: usize) {
        let full = self.name(around, field.name());
        let ty = field.r#type.and_then(|number| Type::try_from(number).ok());
        let absolute = field.type_name().starts_with('.');
        match ty {
            Some(Type::Message | Type::Group | Type::Enum) if !absolute => {
                self.found.push(format!("the type of `{full}` has no full name"));
            }
            Some(Type::Message | Type::Group | Type::Enum) => {}
            Some(_) if field.type_name.is_some() => {
                self.found.push(format!("`{full}` has two types"));
            }
            Some(_) => {}
            None => self.found.push(format!("`{full}` has no type")),
        }
        if field.label.is_none_or(|number| Label::try_from(number).is_err()) {
            self.found.push(format!("`{full}` does not say how many values it holds"));
        }
        let oneof = field.oneof_index.map(usize::try_from);
        let alone = field.label() == Label::Optional;
        if oneof.is_some_and(|index| !alone || index.is_ok_and(|index| index >= oneofs) || index.is_err()) {
            self.found.push(format!("`{full}` is part of a oneof that cannot have it"));
        }
        if field.proto3_optional() && field.oneof_index.is_none() {
            self.found.push(format!("`{full}` is optional, but in no oneof of its own"));
        }
        if field.default_value.is_some() && ty == Some(Type::Enum) && !is_identifier(field.default_value()) {
            self.found.push(format!("the default of `{full}` is no name"));
        }
    }

    fn extension(&mut self, around: &str, extension: &FieldDescriptorProto) {
        self.field(around, extension, 0);
        if !extension.extendee().starts_with('.') {
            self.found.push(format!("`{around}.{}` does not say what it extends", extension.name()));
        }
    }

    fn enumeration(&mut self, around: &str, ty: &EnumDescriptorProto) {
        let full = self.name(around, ty.name());
        if ty.value.is_empty() {
            self.found.push(format!("`{full}` has no value"));
        }
        for value in &ty.value {
            self.name(&full, value.name());
        }
    }

    fn service(&mut self, around: &str, service: &ServiceDescriptorProto) {
        let full = self.name(around, service.name());
        for method in &service.method {
            let full = self.name(&full, method.name());
            if !method.input_type().starts_with('.') || !method.output_type().starts_with('.') {
                self.found.push(format!("a type of `{full}` has no full name"));
            }
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}
