//! Annotations that only a later version of Angzarr knows. Files hold none, since they are compiled with the options that
//! are embedded here; a descriptor set holds what its own compiler knew.

use angzarr_model::codes;
use prost_reflect::{DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor};
use prost_reflect::{MessageDescriptor, ReflectMessage, ServiceDescriptor, Value};

use super::options::EXTENSION;
use super::{Context, FOREIGN_PACKAGES};

/// The file whose import tells that annotations are meant; other projects may use their number, too.
const OPTIONS: &str = "angzarr/v1/options.proto";

/// Reports them: whoever wrote one relies on it.
pub(super) fn check(context: &mut Context<'_>) {
    let files: Vec<FileDescriptor> = context.protos.pool.files().collect();
    for file in files.into_iter().filter(|file| !FOREIGN_PACKAGES.contains(&file.package_name())) {
        if file.dependencies().any(|import| import.name() == OPTIONS) {
            let mut check = Check { context, file: file.clone() };
            check.file();
        }
    }
}

struct Check<'a, 'b> {
    context: &'a mut Context<'b>,
    file: FileDescriptor,
}

impl Check<'_, '_> {
    fn file(&mut self) {
        let file = self.file.clone();
        self.element(&[], 8, file.name(), &file.options());
        file.messages().for_each(|message| self.message(&message));
        file.enums().for_each(|ty| self.enumeration(&ty));
        file.services().for_each(|service| self.service(&service));
    }

    fn message(&mut self, message: &MessageDescriptor) {
        self.element(message.path(), 7, message.full_name(), &message.options());
        for field in message.fields() {
            self.element(field.path(), 8, field.full_name(), &field.options());
        }
        for oneof in message.oneofs() {
            self.element(oneof.path(), 2, oneof.full_name(), &oneof.options());
        }
        message.child_enums().for_each(|ty| self.enumeration(&ty));
        message.child_messages().for_each(|inner| self.message(&inner));
    }

    fn enumeration(&mut self, ty: &EnumDescriptor) {
        self.element(ty.path(), 3, ty.full_name(), &ty.options());
        for value in ty.values() {
            self.element(value.path(), 3, value.full_name(), &value.options());
        }
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.element(service.path(), 3, service.full_name(), &service.options());
        for method in service.methods() {
            self.element(method.path(), 4, method.full_name(), &method.options());
        }
    }

    /// Looks at the options of one element, which lie at `number` of its descriptor.
    fn element(&mut self, path: &[i32], number: i32, name: &str, options: &DynamicMessage) {
        let Some(unknown) = unknown(options) else { return };
        let span = self.context.spans.at(&self.file, &[path, &[number, EXTENSION]].concat());
        let message = format!("`{name}` has {unknown}, which this version of angzarr does not know");
        self.context.found.report(codes::LATER_OPTION, span, message);
    }
}

/// What is not known of the annotation among an element's options.
fn unknown(options: &DynamicMessage) -> Option<String> {
    if options.unknown_fields().any(|field| i32::try_from(field.number()) == Ok(EXTENSION)) {
        return Some("an annotation".to_owned());
    }
    let mut annotations = options.extensions().filter(|(extension, _)| extension.package_name() == "angzarr.v1");
    annotations.find_map(|(_, annotation)| within(annotation.as_message()?))
}

fn within(message: &DynamicMessage) -> Option<String> {
    if let Some(field) = message.unknown_fields().next() {
        return Some(format!("option number {} of `{}`", field.number(), message.descriptor().full_name()));
    }
    message.fields().find_map(|(field, value)| in_value(&field, value))
}

fn in_value(field: &FieldDescriptor, value: &Value) -> Option<String> {
    match value {
        Value::Message(message) => within(message),
        Value::List(values) => values.iter().find_map(|value| in_value(field, value)),
        Value::EnumNumber(number) if field.kind().as_enum()?.get_value(*number).is_none() => {
            Some(format!("the value {number} of `{}`", field.full_name()))
        }
        _ => None,
    }
}
