//! Rust: messages as prost prints them, derives on them, and one definition for each component. The derives do the rest.

mod clashes;
mod messages;
mod paths;
mod places;
mod rows;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::ir::Model;
use angzarr_model::names::rust_field;
use angzarr_model::relations::Relations;
use paths::Paths;
pub(crate) use paths::unusable as unusable_extern;
use prost::Message;
use serde::Serialize;

use crate::description::Description;
use crate::frontend::Protos;
use crate::render::{Renderer, internal};
use crate::resolve::Spans;
use crate::{GeneratedFile, Report, Understood};

/// File for what is declared outside of any package; no package can have this name.
const NO_PACKAGE: &str = "_";

/// Name of the file for the description of the components; no package can have it either.
const DESCRIPTION: &str = "angzarr-description.rs";

/// What keeps Rust from being generated: names that become one in Rust, and mapped packages that cannot be used.
pub(crate) fn check(
    protos: &Protos,
    model: &Model,
    spans: &mut Spans,
    extern_paths: &BTreeMap<String, String>,
) -> Vec<Report> {
    let mut reports = clashes::check(protos, model, spans);
    reports.extend(Paths::new(protos, extern_paths).err().unwrap_or_default());
    reports
}

/// Prints every package of the run, the description of the components, and the `mod.rs` that nests and includes those.
///
/// # Errors
/// What [`check`] reports, and mistakes of the generator itself.
pub(crate) fn generate(
    understood: &Understood,
    extern_paths: &BTreeMap<String, String>,
) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    let Understood { model, protos, .. } = understood;
    let paths = Paths::new(protos, extern_paths)?;
    let renderer = Renderer::new()?;
    let relations = Relations::of(model);
    let rows = rows::Rows::of(protos, model);
    let mut files = Vec::new();
    let mut root = Module::default();
    for (package, mut file) in messages::packages(protos, &paths)? {
        messages::attach(&mut file, &view::attributes(&package, model, &relations, &rows, &paths), &renderer)?;
        let mut text = prettyplease::unparse(&file);
        for component in model.components.iter().filter(|c| c.generate && c.package == package) {
            // Taken as the template prints it: prettyplease would pull the arrows in the attribute apart.
            let definition = renderer.render("rust/component.rs", &view::component(component, &paths))?;
            parse(&definition)?;
            text.push('\n');
            text.push_str(&definition);
        }
        if text.trim().is_empty() {
            continue;
        }
        let name = format!("{}.rs", if package.is_empty() { NO_PACKAGE } else { &package });
        let header = header(&renderer, &sources(protos, Some(&package)))?;
        files.push(GeneratedFile { text: format!("{header}\n{}\n", text.trim()), name: name.clone() });
        root.insert(&package, name);
    }
    let header = header(&renderer, &sources(protos, None))?;
    let description = description(understood, &renderer, &header)?;
    let modules =
        Modules { description: description.as_ref().map(|file| view::literal(&file.name)), steps: root.steps() };
    let modules = renderer.render("rust/mod.rs", &modules)?;
    let text = format!("{header}\n{}", prettyplease::unparse(&parse(&modules)?));
    files.push(GeneratedFile { name: "mod.rs".to_owned(), text });
    files.extend(description);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The file that holds the description of the components, if there are any.
fn description(
    understood: &Understood,
    renderer: &Renderer,
    header: &str,
) -> Result<Option<GeneratedFile>, Vec<Report>> {
    #[derive(Serialize)]
    struct View {
        bytes: String,
    }
    let Some(description) = Description::of(understood)? else { return Ok(None) };
    let view = View { bytes: byte_string(&description.encode_to_vec()) };
    let text = format!("{header}\n{}", renderer.render("rust/description.rs", &view)?);
    Ok(Some(GeneratedFile { name: DESCRIPTION.to_owned(), text }))
}

/// A Rust byte string. Lines begin where a field of number 1 may, which most messages begin with and which mostly is a
/// name: so a change touches few lines.
fn byte_string(bytes: &[u8]) -> String {
    const FIELD_1: u8 = 0x0a;
    let mut text = String::from("b\"");
    for byte in bytes {
        if *byte == FIELD_1 {
            text.push_str("\\\n");
        }
        text.extend(std::ascii::escape_default(*byte).map(char::from));
    }
    text + "\""
}

fn parse(text: &str) -> Result<syn::File, Vec<Report>> {
    syn::parse_file(text).map_err(|error| internal(&error))
}

/// Names of the generated protos of one package, or of all.
fn sources(protos: &Protos, package: Option<&str>) -> BTreeSet<String> {
    let files = protos.pool.files().filter(|file| protos.generate.contains(file.name()));
    files
        .filter(|file| package.is_none_or(|package| file.package_name() == package))
        .map(|file| file.name().to_owned())
        .collect()
}

fn header(renderer: &Renderer, sources: &BTreeSet<String>) -> Result<String, Vec<Report>> {
    #[derive(Serialize)]
    struct Header {
        sources: String,
    }
    // A line break in a file's name would end the comment.
    let sources: Vec<String> = sources.iter().map(|source| source.replace(char::is_control, "?")).collect();
    renderer.render("rust/header.rs", &Header { sources: sources.join(", ") })
}

/// A module that stands for a package or a part of its name.
#[derive(Default)]
struct Module {
    include: Option<String>,
    inner: BTreeMap<String, Module>,
}

/// What the template of `mod.rs` prints, line by line.
#[derive(Serialize)]
struct Modules {
    /// Literal name of the file that holds the description of the components, if there are any.
    description: Option<String>,
    steps: Vec<Step>,
}

#[derive(Default, Serialize)]
struct Step {
    /// Name of a module that begins.
    open: Option<String>,
    /// Whether that is an outermost one, or what is included belongs to no package: lints are told of the outermost
    /// modules, so that it needs one, too. Its name is none that a package could get.
    top: bool,
    /// Literal name of a file to include.
    include: Option<String>,
    /// A module ends.
    close: bool,
}

impl Module {
    fn insert(&mut self, package: &str, file: String) {
        let mut module = self;
        for segment in package.split('.').filter(|segment| !segment.is_empty()) {
            module = module.inner.entry(rust_field(segment)).or_default();
        }
        module.include = Some(file);
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.add_steps(true, &mut steps);
        steps
    }

    /// As deep as a package name has segments.
    fn add_steps(&self, top: bool, steps: &mut Vec<Step>) {
        steps.extend(self.include.as_ref().map(|file| Step {
            include: Some(view::literal(file)),
            top,
            ..Step::default()
        }));
        for (name, module) in &self.inner {
            steps.push(Step { open: Some(name.clone()), top, ..Step::default() });
            module.add_steps(false, steps);
            steps.push(Step { close: true, ..Step::default() });
        }
    }
}
