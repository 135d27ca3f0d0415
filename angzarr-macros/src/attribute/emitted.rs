//! What the generator prints for a component is read as that component: for every golden case of the generator.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::{Request, generate, understand};
use angzarr_model::Span;
use angzarr_model::ir::{Component, ComponentKind, Model, Output, Payload, TypeName};
use angzarr_model::names::{rust_field, rust_type};

use super::{Parsed, Vocabulary, parse};

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../angzarr-codegen/tests/golden")
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// As the generator's own test asks for it.
fn request(case: &Path) -> Request {
    let lines = |name: &str| fs::read_to_string(case.join(name)).unwrap_or_default();
    let with: Vec<PathBuf> = lines("with.txt").lines().map(PathBuf::from).collect();
    let include = case.join("proto");
    let mut files = Vec::new();
    files_below(&include, &mut files);
    let files = files.iter().map(|file| file.strip_prefix(&include).unwrap().to_path_buf());
    let files = files.filter(|file| !with.contains(file)).collect();
    let extern_paths = lines("extern.txt")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(package, path)| (package.to_owned(), path.to_owned()))
        .collect();
    Request { includes: vec![include], files, with, extern_paths, ..Request::default() }
}

/// Full names by where their types lie: modules from the root of what is generated, or an absolute path.
struct Names(BTreeMap<String, TypeName>);

impl Names {
    fn of(model: &Model, extern_paths: &BTreeMap<String, String>) -> Self {
        let messages = model.messages.iter().map(|message| &message.name);
        let all = messages.chain(model.enums.iter().map(|ty| &ty.name));
        Names(all.map(|name| (Self::place(name, extern_paths), name.clone())).collect())
    }

    fn place(name: &TypeName, extern_paths: &BTreeMap<String, String>) -> String {
        let runtime = ("google.protobuf".to_owned(), "::angzarr_runtime::prost_types".to_owned());
        let mapped = extern_paths.iter().map(|(package, path)| (package.clone(), path.clone())).chain([runtime]);
        let inside = |package: &str| name.0.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'));
        let found = mapped.filter_map(|(package, path)| Some((path, inside(&package)?.to_owned()))).next();
        let (path, below) = found.unwrap_or_else(|| (String::new(), name.0.clone()));
        let mut segments: Vec<&str> = below.split('.').collect();
        let last = segments.pop().unwrap();
        let modules = segments.into_iter().map(rust_field).chain([rust_type(last)]).collect::<Vec<_>>().join("::");
        if path.is_empty() { modules } else { format!("{path}::{modules}") }
    }

    /// The full name of a type that is written in the module of a package.
    fn full(&self, package: &str, written: &TypeName) -> TypeName {
        if written.0.starts_with("::") {
            return self.0[&written.0].clone();
        }
        let mut modules: Vec<String> = package.split('.').filter(|part| !part.is_empty()).map(rust_field).collect();
        for segment in written.0.split("::") {
            if segment == "super" {
                modules.pop();
            } else {
                modules.push(segment.to_owned());
            }
        }
        self.0[&modules.join("::")].clone()
    }

    /// What was read, with protobuf's names for types.
    fn resolve(&self, mut component: Component) -> Component {
        let package = component.package.clone();
        let full = |written: &mut TypeName| *written = self.full(&package, written);
        match &mut component.kind {
            ComponentKind::Aggregate(aggregate) => {
                full(&mut aggregate.state);
                aggregate.rejections.iter_mut().for_each(full);
            }
            ComponentKind::ProcessManager(manager) => full(&mut manager.state),
            ComponentKind::Projector { view } => view.iter_mut().for_each(full),
            ComponentKind::Saga | ComponentKind::Upcaster { .. } => {}
        }
        for handler in &mut component.handlers {
            full(&mut handler.input);
            let (Output::One(payload) | Output::Many(payload)) = &mut handler.output else { continue };
            match payload {
                Payload::Message(member) => full(&mut member.ty),
                Payload::Union { ty, members } => {
                    full(ty);
                    members.iter_mut().for_each(|member| full(&mut member.ty));
                }
            }
        }
        component
    }
}

/// A component of a model as the attribute can say it: without comment, and with Rust's names for what is no type.
fn said(mut component: Component) -> Component {
    component.name = rust_type(&component.name);
    component.doc = String::new();
    for handler in &mut component.handlers {
        handler.method = rust_field(&handler.method);
        for path in &mut handler.key {
            path.segments.iter_mut().for_each(|segment| *segment = rust_field(segment));
        }
    }
    unplaced(component)
}

fn unplaced(mut component: Component) -> Component {
    component.domain_span = Span::default();
    component.span = Span::default();
    for handler in &mut component.handlers {
        handler.span = Span::default();
        handler.key.iter_mut().for_each(|path| path.span = Span::default());
    }
    component
}

/// The components that a generated file defines.
fn read(text: &str) -> Vec<Component> {
    let kinds = [
        Vocabulary::AGGREGATE,
        Vocabulary::SAGA,
        Vocabulary::PROJECTOR,
        Vocabulary::PROCESS_MANAGER,
        Vocabulary::UPCASTER,
    ];
    let mut found = Vec::new();
    for item in syn::parse_file(text).unwrap().items {
        let syn::Item::Enum(definition) = item else { continue };
        let kind = kinds
            .into_iter()
            .find(|kind| definition.attrs.iter().any(|attribute| attribute.path().is_ident(kind.attribute)));
        let Some(kind) = kind else { continue };
        match parse(&definition.into(), kind).unwrap() {
            Parsed::Define(definition) if definition.findings.is_none() => found.push(unplaced(definition.component)),
            _ => panic!("not a sound definition"),
        }
    }
    found
}

#[test]
fn reading_undoes_the_generator() {
    let mut count = 0;
    for case in fs::read_dir(goldens()).unwrap().map(|entry| entry.unwrap().path()) {
        let request = request(&case);
        let model = understand(&request).unwrap().model;
        let names = Names::of(&model, &request.extern_paths);
        let mut written: Vec<Component> =
            generate(&request).unwrap().files.iter().flat_map(|file| read(&file.text)).collect();
        written.sort_by(|a, b| a.full_name.cmp(&b.full_name));
        let written: Vec<Component> = written.into_iter().map(|component| names.resolve(component)).collect();
        let expected: Vec<Component> =
            model.components.iter().filter(|component| component.generate).cloned().map(said).collect();
        assert_eq!(written, expected, "{}", case.display());
        count += written.len();
    }
    assert!(count > 10, "{count}");
}
