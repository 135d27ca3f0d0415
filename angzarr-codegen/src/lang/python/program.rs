//! A program around the package, for the user to go on with: a class for each component, and what serves them.

use std::collections::BTreeMap;

use angzarr_model::ir::Component;
use heck::ToSnakeCase;
use serde::Serialize;

use super::components;
use super::names::{is_keyword, segment};
use crate::render::Renderer;
use crate::{GeneratedFile, Report, Understood};

/// The folder of the classes.
const FOLDER: &str = "components";

#[derive(Serialize)]
struct Main<'a> {
    package: &'a str,
    modules: Vec<&'a str>,
    classes: Vec<String>,
}

/// Whether a program can import a package by this path, its parts between dots.
pub(crate) fn is_importable(package: &str) -> bool {
    package.split('.').all(|part| segment(part) == part && !is_keyword(part))
}

/// The files of a program that finds the package under this path.
///
/// # Errors
/// Mistakes of the generator itself.
pub(crate) fn generate(understood: &Understood, package: &str) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    let Understood { model, protos, .. } = understood;
    let renderer = Renderer::new()?;
    let mut files = vec![GeneratedFile { name: format!("{FOLDER}/__init__.py"), text: String::new() }];
    let own: Vec<&Component> = model.components.iter().filter(|component| component.generate).collect();
    let names = modules(&own);
    let mut main = Main { package, modules: Vec::new(), classes: Vec::new() };
    for file in protos.pool.files() {
        for component in components::of_file(&file, model) {
            let Some(name) = names.get(&component.full_name) else { continue };
            let skeleton = components::skeleton(component, &file, protos, package);
            main.modules.push(name);
            main.classes.push(format!("{name}.{}", skeleton.component.name));
            let text = renderer.render("python/component.py", &skeleton)?;
            files.push(GeneratedFile { name: format!("{FOLDER}/{name}.py"), text: text.trim().to_owned() + "\n" });
        }
    }
    main.modules.sort_unstable();
    main.classes.sort_unstable();
    files.push(GeneratedFile { name: "main.py".to_owned(), text: renderer.render("python/main.py", &main)? });
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The names of modules by the full names of components: the simple name, unless another one has it, too.
fn modules(components: &[&Component]) -> BTreeMap<String, String> {
    let simple = |component: &Component| segment(&component.name.to_snake_case());
    let full = |component: &Component| segment(&component.full_name.replace('.', "_").to_snake_case());
    let is_alone =
        |component: &Component| components.iter().filter(|one| simple(one) == simple(component)).count() == 1;
    let name = |component: &Component| if is_alone(component) { simple(component) } else { full(component) };
    components.iter().map(|component| (component.full_name.clone(), name(component))).collect()
}
