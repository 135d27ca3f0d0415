//! Python: a package with a module of messages and its stub for each proto file, abstract classes for components, and what
//! serves them.
//!
//! Messages are built by protobuf's own library from the descriptors in their modules, so neither protoc nor its plugins
//! are needed. Modules import each other relatively: the package may lie anywhere.

mod clients;
mod components;
mod modules;
mod names;
pub(crate) mod program;
mod stubs;
mod types;

use std::collections::BTreeSet;

use prost_reflect::FileDescriptor;
use serde::Serialize;

use crate::description::{Description, descriptors};
use crate::frontend::{self, Protos};
use crate::render::{Renderer, internal};
use crate::{GeneratedFile, Report, Understood};
use modules::{Importer, Imports, Module};
use prost::Message;
use stubs::Comments;

pub(crate) use names::is_keyword;

/// Prints a module for each file that is generated or imported, and those that every package has.
///
/// # Errors
/// Files whose modules would have one name, and mistakes of the generator itself.
pub(crate) fn generate(understood: &Understood) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    let Understood { model, protos, .. } = understood;
    let renderer = Renderer::new()?;
    let description = Description::of(understood)?;
    let mut files = descriptors::ordered(protos);
    if description.is_some() {
        let known: BTreeSet<String> = files.iter().map(|file| file.name().to_owned()).collect();
        let services = frontend::service_protos().map_err(|error| internal(&error))?;
        files.extend(services.files().filter(|file| !known.contains(file.name())));
    }
    let own: Vec<&FileDescriptor> = files.iter().filter(|file| !modules::is_googles(file.name())).collect();
    modules::check(&own)?;
    let comments = Comments::of(model);
    let encoder = descriptors::Encoder::new(protos)?;
    let mut printed = Vec::new();
    let mut print = |name: String, sources: &str, text: String| {
        let header = renderer.render("python/header.py", &Header { sources: one_line(sources) })?;
        printed.push(GeneratedFile { name, text: format!("{header}{}", text.trim_end()).trim_end().to_owned() + "\n" });
        Ok::<(), Vec<Report>>(())
    };
    for file in &own {
        let module = Module::messages(file.name());
        let messages = Messages::of(file, &module, &encoder.encoded(file)?);
        print(module.path("py"), file.name(), renderer.render("python/messages.py", &messages)?)?;
        let stub = stubs::stub(file, &module, &comments);
        print(module.path("pyi"), file.name(), renderer.render("python/messages.pyi", &stub)?)?;
        if let Some(components) = components::module(file, protos, model) {
            let text = renderer.render("python/components.py", &components)?;
            print(Module::components(file.name()).path("py"), file.name(), text)?;
        }
        if let Some(clients) = clients::module(file, protos, model) {
            let text = renderer.render("python/clients.py", &clients)?;
            print(Module::clients(file.name()).path("py"), file.name(), text)?;
        }
    }
    let sources = own_sources(protos);
    print(format!("{}/__init__.py", modules::SUPPORT), &sources, renderer.render("python/support.py", &Nothing {})?)?;
    if let Some(description) = description {
        let view = Bytes { lines: bytes(&description.encode_to_vec()) };
        let text = renderer.render("python/description.py", &view)?;
        print(format!("{}/description.py", modules::SUPPORT), &sources, text)?;
        let view = Everything { modules: modules::everything(&own) };
        let text = renderer.render("python/client.py", &view)?;
        print(format!("{}/client.py", modules::SUPPORT), &sources, text)?;
        for module in ["ids", "server", "tables", "testing"] {
            let text = renderer.render(&format!("python/{module}.py"), &Nothing {})?;
            print(format!("{}/{module}.py", modules::SUPPORT), &sources, text)?;
        }
    }
    for folder in modules::folders(&own) {
        print(format!("{folder}__init__.py"), &sources, String::new())?;
    }
    printed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(printed)
}

#[derive(Serialize)]
struct Nothing {}

/// The modules of all messages, as one of the support modules finds them.
#[derive(Serialize)]
struct Everything {
    modules: Vec<String>,
}

#[derive(Serialize)]
struct Header {
    sources: String,
}

#[derive(Serialize)]
struct Bytes {
    lines: Vec<String>,
}

/// A line break in a file's name would end the comment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Names of the files to generate.
fn own_sources(protos: &Protos) -> String {
    protos.generate.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A module of messages.
#[derive(Serialize)]
struct Messages {
    /// Statements; whatever a file imports has to be known before.
    imports: Vec<String>,
    /// Byte strings that follow each other.
    descriptor: Vec<String>,
}

impl Messages {
    fn of(file: &FileDescriptor, module: &Module, encoded: &[u8]) -> Self {
        let mut imports = Imports::new(Importer::Inside(module));
        let mut public = BTreeSet::new();
        for dependency in file.dependencies() {
            imports.messages(dependency.name());
        }
        for dependency in file.public_dependencies() {
            public.insert(imports.everything_of(dependency.name()));
        }
        Messages { imports: imports.statements().into_iter().chain(public).collect(), descriptor: bytes(encoded) }
    }
}

/// Python byte strings, which the language puts together. One begins where a field of number 1 may, which most messages
/// begin with and which mostly is a name: so a change touches few lines.
fn bytes(bytes: &[u8]) -> Vec<String> {
    const FIELD_1: u8 = 0x0a;
    let mut lines = vec![String::new()];
    for byte in bytes {
        if *byte == FIELD_1 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.extend(std::ascii::escape_default(*byte).map(char::from));
        }
    }
    lines.iter().filter(|line| !line.is_empty()).map(|line| format!("b\"{line}\"")).collect()
}
