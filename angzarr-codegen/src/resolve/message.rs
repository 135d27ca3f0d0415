//! Messages of the model.

use angzarr_model::ir::{Field, FieldType, Label, Message, Spelled, TypeName, Union, UpcastDefault};
use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value};

use super::options::EXTENSION;
use super::shape::Shapes;
use super::{Context, FOREIGN_PACKAGES, literal};

/// `options` in `DescriptorProto` and in `FieldDescriptorProto`.
const MESSAGE_OPTIONS: i32 = 7;
const FIELD_OPTIONS: i32 = 8;
/// `name` in every descriptor proto.
const NAME: i32 = 1;

/// `stored_as` in `MessageOptions`; the numbers of `FieldOptions`.
const STORED_AS: i32 = 1;
const UPCAST_DEFAULT: i32 = 2;
const RENAMED_FROM: i32 = 3;
const PERSONAL: i32 = 5;

pub(super) fn message(context: &mut Context<'_>, message: &MessageDescriptor) -> Message {
    let file = message.parent_file();
    let options = context.annotations.message(message);
    let stored_as = options.as_ref().map(|options| options.strings("stored_as")).unwrap_or_default();
    let path = [message.path(), &[MESSAGE_OPTIONS, EXTENSION, STORED_AS]].concat();
    let stored_as = stored_as
        .into_iter()
        .enumerate()
        .map(|(index, text)| Spelled { text, span: context.spans.inside(&file, &path, "stored_as", index) })
        .collect();
    Message {
        name: TypeName(message.full_name().to_owned()),
        package: message.package_name().to_owned(),
        doc: context.spans.comment(&file, message.path()),
        span: context.spans.at(&file, &[message.path(), &[NAME]].concat()),
        generate: context.protos.generate.contains(file.name()),
        fields: fields(context, message),
        union: union(&context.shapes, message).ok(),
        retired: options.is_some_and(|options| options.flag("retired")),
        stored_as,
        shape: context.shapes.fingerprint(message),
    }
}

/// In the order of declaration, which is that of the descriptor and not that of the numbers.
fn fields(context: &mut Context<'_>, message: &MessageDescriptor) -> Vec<Field> {
    declared(message).iter().map(|field| self::field(context, message, field)).collect()
}

fn field(context: &mut Context<'_>, message: &MessageDescriptor, field: &FieldDescriptor) -> Field {
    let file = message.parent_file();
    // Google's own options use numbers of their own; looking for ours there would only cost time.
    let own = !FOREIGN_PACKAGES.contains(&message.package_name());
    let options = own.then(|| context.annotations.field(field)).flatten();
    let path = |number| [field.path(), &[FIELD_OPTIONS, EXTENSION, number]].concat();
    let mut given = |option: &str, number| {
        let text = options.as_ref().filter(|options| options.has(option))?.string(option);
        Some(Spelled { text, span: context.spans.inside(&file, &path(number), option, 0) })
    };
    let upcast_default = given("upcast_default", UPCAST_DEFAULT)
        .map(|written| UpcastDefault { value: literal::literal(field, &written.text), written });
    let renamed_from = given("renamed_from", RENAMED_FROM);
    let flag = |option| options.as_ref().is_some_and(|options| options.flag(option));
    if flag("personal") {
        context.not_built(&file, &path(PERSONAL), "`personal`");
    }
    Field {
        name: field.name().to_owned(),
        doc: context.spans.comment(&file, field.path()),
        number: field.number(),
        spelling: spelling(field),
        label: label(field),
        oneof: oneof(field),
        ty: field_type(field),
        group: field.is_group(),
        default: default(field),
        singular: singular(field),
        root: flag("root"),
        idempotency_key: flag("idempotency_key"),
        upcast_default,
        renamed_from,
        span: context.spans.at(&file, &[field.path(), &[NAME]].concat()),
    }
}

/// A scalar that tracks presence is an `Option` in code, so it is not singular either: a key always has a value.
fn singular(field: &FieldDescriptor) -> bool {
    let plain = !field.supports_presence() || field.cardinality() == Cardinality::Required;
    let message = matches!(field.kind(), Kind::Message(_)) && field.containing_oneof().is_none();
    field.cardinality() != Cardinality::Repeated && (plain || message)
}

fn field_type(field: &FieldDescriptor) -> FieldType {
    match field.kind() {
        Kind::String => FieldType::String,
        Kind::Bool => FieldType::Bool,
        Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64 => FieldType::Integer,
        Kind::Enum(ty) => FieldType::Enum(TypeName(ty.full_name().to_owned())),
        Kind::Message(_) if field.is_map() => FieldType::Other,
        Kind::Message(ty) => FieldType::Message(TypeName(ty.full_name().to_owned())),
        Kind::Float | Kind::Double | Kind::Bytes => FieldType::Other,
    }
}

fn spelling(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            format!("map<{}, {}>", spelling(&entry.map_entry_key_field()), spelling(&entry.map_entry_value_field()))
        }
        Kind::Message(ty) => ty.full_name().to_owned(),
        Kind::Enum(ty) => ty.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

/// What a reader gets where the bytes have no value, if that is neither zero nor empty. Of an enum of proto2 it is the
/// first value, unless something else is said.
pub(super) fn default(field: &FieldDescriptor) -> Option<String> {
    let kind = field.kind();
    if field.cardinality() == Cardinality::Repeated || matches!(kind, Kind::Message(_)) {
        return None;
    }
    match field.default_value() {
        Value::EnumNumber(number) => (number != 0).then(|| number.to_string()),
        value if value == Value::default_value(&kind) => None,
        Value::String(text) => Some(text),
        Value::Bytes(bytes) => Some(bytes.escape_ascii().to_string()),
        number_or_flag => Some(number_or_flag.to_string()),
    }
}

/// A field that is alone in a oneof which the compiler made is an `optional` one.
fn oneof(field: &FieldDescriptor) -> Option<String> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic()).map(|oneof| oneof.name().to_owned())
}

pub(super) fn label(field: &FieldDescriptor) -> Label {
    match field.cardinality() {
        Cardinality::Repeated => Label::Repeated,
        Cardinality::Required => Label::Required,
        Cardinality::Optional if field.supports_presence() => Label::Optional,
        Cardinality::Optional => Label::Plain,
    }
}

fn declared(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let mut fields: Vec<FieldDescriptor> = message.fields().collect();
    fields.sort_by(|a, b| a.path().cmp(b.path()));
    fields
}

/// Reads a message as a union.
///
/// # Errors
/// None if it is plainly something else; a reason if it looks like a union, being one oneof and nothing else.
pub(super) fn union(shapes: &Shapes, message: &MessageDescriptor) -> Result<Union, Option<String>> {
    let oneof = only_oneof(message).ok_or(None)?;
    let mut members: Vec<(String, TypeName)> = Vec::new();
    for field in declared(message) {
        let Kind::Message(ty) = field.kind() else {
            return Err(Some(format!("`{}` is no message", field.name())));
        };
        if FOREIGN_PACKAGES.contains(&ty.package_name()) {
            return Err(Some(format!(
                "`{}` is a `{}`, which is nobody's event or command",
                field.name(),
                ty.full_name()
            )));
        }
        if let Some((first, _)) = members.iter().find(|(_, member)| member.0 == ty.full_name()) {
            return Err(Some(format!("`{first}` and `{}` are both `{}`", field.name(), ty.full_name())));
        }
        // Such members are boxed in Rust and have no end in a log.
        if shapes.reach_each_other(&ty, message) {
            return Err(Some(format!("`{}` contains the union itself", field.name())));
        }
        if only_oneof(&ty).is_some() {
            return Err(Some(format!("`{}` is a union itself", field.name())));
        }
        members.push((field.name().to_owned(), TypeName(ty.full_name().to_owned())));
    }
    Ok(Union { oneof: oneof.name().to_owned(), members })
}

/// The oneof of a message that is made of nothing else.
fn only_oneof(message: &MessageDescriptor) -> Option<OneofDescriptor> {
    let oneof = message.fields().next()?.containing_oneof().filter(|oneof| !oneof.is_synthetic())?;
    message.fields().all(|field| field.containing_oneof().as_ref() == Some(&oneof)).then_some(oneof)
}
