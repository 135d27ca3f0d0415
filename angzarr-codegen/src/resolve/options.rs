//! Annotations, decoded. The typed descriptors drop them, so they are read through reflection.

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, Value};
use prost_reflect::{FieldDescriptor, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

/// Number of each annotation among the options of its element.
pub(super) const EXTENSION: i32 = 50733;

/// The kinds of `HandlerOptions.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandlerKind {
    Command,
    Fact,
    Compensation,
    Query,
    Deadline,
}

/// The extensions, if any file of the run imports them.
pub(super) struct Annotations {
    message: Option<ExtensionDescriptor>,
    field: Option<ExtensionDescriptor>,
    component: Option<ExtensionDescriptor>,
    handler: Option<ExtensionDescriptor>,
}

impl Annotations {
    pub(super) fn of(pool: &DescriptorPool) -> Self {
        Annotations {
            message: pool.get_extension_by_name("angzarr.v1.message"),
            field: pool.get_extension_by_name("angzarr.v1.field"),
            component: pool.get_extension_by_name("angzarr.v1.component"),
            handler: pool.get_extension_by_name("angzarr.v1.handler"),
        }
    }

    pub(super) fn message(&self, message: &MessageDescriptor) -> Option<Options> {
        read(self.message.as_ref(), || message.options())
    }

    pub(super) fn field(&self, field: &FieldDescriptor) -> Option<Options> {
        read(self.field.as_ref(), || field.options())
    }

    pub(super) fn component(&self, service: &ServiceDescriptor) -> Option<Options> {
        read(self.component.as_ref(), || service.options())
    }

    pub(super) fn handler(&self, method: &MethodDescriptor) -> Option<Options> {
        read(self.handler.as_ref(), || method.options())
    }

    /// The kind of a handler; without annotation it is the default one.
    pub(super) fn handler_kind(&self, method: &MethodDescriptor) -> HandlerKind {
        match self.handler(method).map_or(0, |options| options.enumeration("kind")) {
            1 => HandlerKind::Fact,
            2 => HandlerKind::Compensation,
            3 => HandlerKind::Query,
            4 => HandlerKind::Deadline,
            _ => HandlerKind::Command,
        }
    }
}

fn read(extension: Option<&ExtensionDescriptor>, options: impl FnOnce() -> DynamicMessage) -> Option<Options> {
    let extension = extension?;
    let options = options();
    if !options.has_extension(extension) {
        return None;
    }
    match options.get_extension(extension).into_owned() {
        Value::Message(message) => Some(Options(message)),
        _ => None,
    }
}

/// One annotation, or a message inside of one.
pub(super) struct Options(DynamicMessage);

impl Options {
    /// Whether a field was given a value other than its default, or at all if it is a message.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.has_field_by_name(field)
    }

    pub(super) fn message(&self, field: &str) -> Option<Options> {
        match self.value(field)? {
            Value::Message(message) => Some(Options(message)),
            _ => None,
        }
    }

    pub(super) fn string(&self, field: &str) -> String {
        match self.value(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        }
    }

    pub(super) fn strings(&self, field: &str) -> Vec<String> {
        match self.value(field) {
            Some(Value::List(values)) => values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn number(&self, field: &str) -> u32 {
        self.value(field).and_then(|value| value.as_u32()).unwrap_or_default()
    }

    /// A signed number of the width that durations have.
    pub(super) fn signed(&self, field: &str) -> i64 {
        let value = self.value(field);
        value.and_then(|value| value.as_i64().or_else(|| value.as_i32().map(i64::from))).unwrap_or_default()
    }

    pub(super) fn flag(&self, field: &str) -> bool {
        self.value(field).and_then(|value| value.as_bool()).unwrap_or_default()
    }

    pub(super) fn enumeration(&self, field: &str) -> i32 {
        self.value(field).and_then(|value| value.as_enum_number()).unwrap_or_default()
    }

    fn value(&self, field: &str) -> Option<Value> {
        if !self.has(field) {
            return None;
        }
        self.0.get_field_by_name(field).map(|value| value.into_owned())
    }
}
