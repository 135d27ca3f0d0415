//! What type checkers know of a module of messages.
//!
//! Within a class every name may be that of a field, so types are named by what stands outside: aliases of the module's
//! own top-level types, and imported modules. What only has a name that is a word of the language has no place here; at
//! run time `getattr` finds it.

use std::collections::BTreeMap;

use angzarr_model::ir::Model;
use prost_reflect::{EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde::Serialize;

use super::modules::{Importer, Imports, Module};
use super::names::{docstring, is_keyword};

/// A stub, in steps from the top to the bottom.
#[derive(Serialize)]
pub(super) struct Stub {
    imports: Vec<String>,
    steps: Vec<Step>,
}

/// One of: an enum, a class that begins, the rest of a class, a name for one, an extension.
#[derive(Default, Serialize)]
struct Step {
    /// White space before each line.
    indent: String,
    choice: Option<Choice>,
    open: Option<Open>,
    fields: Option<Fields>,
    alias: Option<String>,
    extension: Option<Extension>,
}

/// A class that begins.
#[derive(Serialize)]
struct Open {
    name: String,
    doc: Vec<String>,
}

#[derive(Serialize)]
struct Choice {
    name: String,
    doc: Vec<String>,
    /// The type of its values, as seen from anywhere in the module.
    ty: String,
    values: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: String,
    doc: Vec<String>,
}

#[derive(Serialize)]
struct Fields {
    /// What the constructor calls the message itself, which no field may be called.
    this: &'static str,
    fields: Vec<Field>,
    /// Literals of the fields that can be absent; of all fields and oneofs.
    optional: Vec<String>,
    clearable: Vec<String>,
    oneofs: Vec<Oneof>,
}

#[derive(Serialize)]
struct Field {
    name: String,
    doc: Vec<String>,
    /// The constant with its number.
    constant: String,
    /// What it holds.
    ty: String,
    /// Whether something can be assigned to it, rather than changed in it.
    assignable: bool,
    /// What the constructor takes for it.
    taken: String,
}

#[derive(Serialize)]
struct Oneof {
    name: String,
    members: Vec<String>,
}

#[derive(Serialize)]
struct Extension {
    name: String,
    constant: String,
    extended: String,
    ty: String,
}

/// The stub of a file; the model knows the comments.
pub(super) fn stub(file: &FileDescriptor, module: &Module, comments: &Comments<'_>) -> Stub {
    let mut stub = Stubs {
        file: file.name().to_owned(),
        comments,
        imports: Imports::new(Importer::Inside(module)),
        steps: Vec::new(),
    };
    for ty in in_order(file.enums(), |ty| ty.path().to_vec()) {
        stub.choice("", &ty);
        stub.alias(ty.name());
    }
    for ty in in_order(file.messages(), |ty| ty.path().to_vec()) {
        stub.message("", &ty);
        stub.alias(ty.name());
    }
    for extension in in_order(file.extensions(), |extension| extension.path().to_vec()) {
        stub.extension("", &extension);
    }
    Stub { imports: stub.imports.statements(), steps: stub.steps }
}

/// As declared.
fn in_order<T>(all: impl Iterator<Item = T>, path: impl Fn(&T) -> Vec<i32>) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by_key(path);
    all
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Comments by the full names of what they are about.
pub(super) struct Comments<'a>(BTreeMap<String, &'a str>);

impl<'a> Comments<'a> {
    /// Those of messages and enums, and of what is in them.
    pub(super) fn of(model: &'a Model) -> Self {
        let messages = model.messages.iter().flat_map(|message| {
            let name = &message.name.0;
            let fields = message.fields.iter().map(move |field| (format!("{name}.{}", field.name), &*field.doc));
            fields.chain([(name.clone(), &*message.doc)])
        });
        let enums = model.enums.iter().flat_map(|ty| {
            let name = &ty.name.0;
            let values = ty.values.iter().map(move |value| (format!("{name}.{}", value.name), &*value.doc));
            values.chain([(name.clone(), &*ty.doc)])
        });
        Self(messages.chain(enums).collect())
    }

    fn docstring(&self, ty: &str, part: Option<&str>) -> Vec<String> {
        let name = part.map_or_else(|| ty.to_owned(), |part| format!("{ty}.{part}"));
        self.0.get(&name).copied().map(docstring).unwrap_or_default()
    }
}

struct Stubs<'a> {
    file: String,
    comments: &'a Comments<'a>,
    imports: Imports<'a>,
    steps: Vec<Step>,
}

impl Stubs<'_> {
    fn step(&mut self, indent: &str, step: Step) {
        self.steps.push(Step { indent: indent.to_owned(), ..step });
    }

    /// A name for a type that no field can hide.
    fn alias(&mut self, name: &str) {
        if !is_keyword(name) {
            self.step("", Step { alias: Some(name.to_owned()), ..Step::default() });
        }
    }

    fn choice(&mut self, indent: &str, ty: &EnumDescriptor) {
        let Some(full) = self.enumeration(ty) else { return };
        let value =
            |name: &str| Value { name: name.to_owned(), doc: self.comments.docstring(ty.full_name(), Some(name)) };
        let values = ty.values().filter(|value| !is_keyword(value.name())).map(|one| value(one.name())).collect();
        let doc = self.comments.docstring(ty.full_name(), None);
        let choice = Choice { name: ty.name().to_owned(), doc, ty: full, values };
        self.step(indent, Step { choice: Some(choice), ..Step::default() });
    }

    /// As deep as messages are nested.
    fn message(&mut self, indent: &str, ty: &MessageDescriptor) {
        if ty.is_map_entry() || is_keyword(ty.name()) {
            return;
        }
        let open = Open { name: ty.name().to_owned(), doc: self.comments.docstring(ty.full_name(), None) };
        self.step(indent, Step { open: Some(open), ..Step::default() });
        let inner = format!("{indent}    ");
        for ty in in_order(ty.child_enums(), |ty| ty.path().to_vec()) {
            self.choice(&inner, &ty);
        }
        for ty in in_order(ty.child_messages(), |ty| ty.path().to_vec()) {
            self.message(&inner, &ty);
        }
        for extension in in_order(ty.child_extensions(), |extension| extension.path().to_vec()) {
            self.extension(&inner, &extension);
        }
        let fields = self.fields(ty);
        self.step(&inner, Step { fields: Some(fields), ..Step::default() });
    }

    fn fields(&mut self, ty: &MessageDescriptor) -> Fields {
        let declared = in_order(ty.fields(), |field| field.path().to_vec());
        let named = |field: &&FieldDescriptor| !is_keyword(field.name());
        let oneofs: Vec<Oneof> = in_order(ty.oneofs(), |oneof| oneof.path().to_vec())
            .iter()
            // One that the compiler made for an optional field is no choice.
            .filter(|oneof| !oneof.is_synthetic())
            .map(|oneof| Oneof {
                name: quoted(oneof.name()),
                members: in_order(oneof.fields(), |field| field.path().to_vec())
                    .iter()
                    .map(|field| quoted(field.name()))
                    .collect(),
            })
            .collect();
        Fields {
            this: if declared.iter().any(|field| field.name() == "self") { "_self" } else { "self" },
            fields: declared.iter().filter(named).map(|field| self.field(field)).collect(),
            optional: (declared.iter().filter(|field| field.supports_presence()).map(|field| quoted(field.name())))
                .chain(oneofs.iter().map(|oneof| oneof.name.clone()))
                .collect(),
            clearable: (declared.iter().map(|field| quoted(field.name())))
                .chain(oneofs.iter().map(|oneof| oneof.name.clone()))
                .collect(),
            oneofs,
        }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Field {
        let one = self.one(&field.kind());
        let message = matches!(field.kind(), Kind::Message(_));
        let (ty, taken) = if let Some(entry) = field.kind().as_message().filter(|_| field.is_map()) {
            let key = self.one(&entry.map_entry_key_field().kind());
            let value = entry.map_entry_value_field().kind();
            let container = if matches!(value, Kind::Message(_)) { "MessageMap" } else { "ScalarMap" };
            let value = self.one(&value);
            (format!("_containers.{container}[{key}, {value}]"), format!("_collections.Mapping[{key}, {value}] | None"))
        } else if field.is_list() {
            let container = if message { "RepeatedCompositeFieldContainer" } else { "RepeatedScalarFieldContainer" };
            (format!("_containers.{container}[{one}]"), format!("_collections.Iterable[{one}] | None"))
        } else if field.supports_presence() {
            (one.clone(), format!("{one} | None"))
        } else {
            (one.clone(), one)
        };
        Field {
            name: field.name().to_owned(),
            doc: self.comments.docstring(field.parent_message().full_name(), Some(field.name())),
            constant: constant(field.name()),
            assignable: !message && !field.is_list(),
            ty,
            taken,
        }
    }

    fn extension(&mut self, indent: &str, extension: &ExtensionDescriptor) {
        if is_keyword(extension.name()) {
            return;
        }
        let one = self.one(&extension.kind());
        let ty = match extension.kind() {
            Kind::Message(_) if extension.is_list() => format!("_containers.RepeatedCompositeFieldContainer[{one}]"),
            _ if extension.is_list() => format!("_containers.RepeatedScalarFieldContainer[{one}]"),
            _ => one,
        };
        let extended = self.ty(&extension.containing_message());
        let (name, constant) = (extension.name().to_owned(), constant(extension.name()));
        self.step(indent, Step { extension: Some(Extension { name, constant, extended, ty }), ..Step::default() });
    }

    /// The type of one value.
    fn one(&mut self, kind: &Kind) -> String {
        match kind {
            Kind::Double | Kind::Float => "_builtins.float".to_owned(),
            Kind::Bool => "_builtins.bool".to_owned(),
            Kind::String => "_builtins.str".to_owned(),
            Kind::Bytes => "_builtins.bytes".to_owned(),
            Kind::Message(ty) => self.ty(ty),
            Kind::Enum(ty) => self.enumeration(ty).unwrap_or_else(|| "_builtins.int".to_owned()),
            _ => "_builtins.int".to_owned(),
        }
    }

    fn ty(&mut self, ty: &MessageDescriptor) -> String {
        let local = local(ty.full_name(), ty.package_name());
        self.path(&ty.parent_file(), local).unwrap_or_else(|| "_message.Message".to_owned())
    }

    fn enumeration(&mut self, ty: &EnumDescriptor) -> Option<String> {
        let local = local(ty.full_name(), ty.package_name());
        Some(format!("{}.ValueType", self.path(&ty.parent_file(), local)?))
    }

    /// A type by the path of its names in a file; none if a word of the language is among them.
    fn path(&mut self, file: &FileDescriptor, local: &str) -> Option<String> {
        if local.split('.').any(is_keyword) {
            None
        } else if file.name() == self.file {
            Some(format!("_global_{local}"))
        } else {
            Some(format!("{}.{local}", self.imports.messages(file.name())))
        }
    }
}

/// A full name without its package.
pub(super) fn local<'a>(full_name: &'a str, package: &str) -> &'a str {
    full_name.strip_prefix(package).unwrap_or(full_name).trim_start_matches('.')
}

fn constant(name: &str) -> String {
    format!("{}_FIELD_NUMBER", name.to_uppercase())
}
