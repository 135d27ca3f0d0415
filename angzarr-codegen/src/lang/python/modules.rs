//! Modules: where they lie, and how they import each other.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::codes;
use prost_reflect::FileDescriptor;
use protox::file::{FileResolver, GoogleFileResolver};

use super::names::segment;
use crate::report::{Place, Report};

/// The folder of what every package has; also that of Angzarr's own protos.
pub(super) const SUPPORT: &str = "angzarr";

/// Whether a file comes with protobuf's library.
pub(super) fn is_googles(name: &str) -> bool {
    name.starts_with("google/protobuf/") && GoogleFileResolver::new().open_file(name).is_ok()
}

/// A module of the package, or of protobuf's library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Module {
    /// The folders from the package down.
    folders: Vec<String>,
    name: String,
    googles: bool,
}

impl Module {
    /// The one for the messages of a proto file.
    pub(super) fn messages(file: &str) -> Self {
        Self::of(file, "_pb2")
    }

    /// The one for its components.
    pub(super) fn components(file: &str) -> Self {
        Self::of(file, "_angzarr")
    }

    /// The one for the clients of those.
    pub(super) fn clients(file: &str) -> Self {
        Self::of(file, "_client")
    }

    fn of(file: &str, ending: &str) -> Self {
        let path = file.strip_suffix(".proto").unwrap_or(file);
        let mut folders: Vec<String> = path.split('/').map(segment).collect();
        let name = folders.pop().unwrap_or_default() + ending;
        Module { folders, name, googles: is_googles(file) }
    }

    /// Its file, relative to the package.
    pub(super) fn path(&self, ending: &str) -> String {
        let folders = self.folders.iter().map(|folder| format!("{folder}/")).collect::<String>();
        format!("{folders}{}.{ending}", self.name)
    }

    /// What stands between `from` and `import` in one of this module's statements to reach a folder.
    fn reach(&self, folders: &[String], googles: bool) -> String {
        if googles {
            return folders.join(".");
        }
        let common = self.folders.iter().zip(folders).take_while(|(a, b)| a == b).count();
        let up = ".".repeat(self.folders.len() - common + 1);
        up + &folders.iter().skip(common).cloned().collect::<Vec<_>>().join(".")
    }
}

/// Reports files that would become one module.
pub(super) fn check(files: &[&FileDescriptor]) -> Result<(), Vec<Report>> {
    let mut modules: BTreeMap<Module, &str> = BTreeMap::new();
    let mut reports = Vec::new();
    for file in files {
        if let Some(other) = modules.insert(Module::messages(file.name()), file.name()) {
            let message = format!("`{other}` and `{}` are one module in Python", file.name());
            reports.push(Report::of(codes::NAME_CLASH, message).at(Place::file(file.name())));
        }
    }
    if reports.is_empty() { Ok(()) } else { Err(reports) }
}

/// The modules for the messages of the user's files, as the support modules find them.
pub(super) fn everything(files: &[&FileDescriptor]) -> Vec<String> {
    let support = Module { folders: vec![SUPPORT.to_owned()], name: String::new(), googles: false };
    let users =
        files.iter().map(|file| Module::messages(file.name())).filter(|module| module.folders != [SUPPORT, "v1"]);
    let path = |module: Module| {
        let from = support.reach(&module.folders, module.googles);
        let dot = if from.ends_with('.') { "" } else { "." };
        format!("{from}{dot}{}", module.name)
    };
    users.map(path).collect()
}

/// Folders of modules, each with a slash behind it, that are packages without a content of their own.
pub(super) fn folders(files: &[&FileDescriptor]) -> BTreeSet<String> {
    let mut folders = BTreeSet::from([String::new()]);
    for file in files {
        let mut path = String::new();
        for folder in Module::messages(file.name()).folders {
            path = format!("{path}{folder}/");
            folders.insert(path.clone());
        }
    }
    folders.remove(&format!("{SUPPORT}/"));
    folders
}

/// Who imports.
#[derive(Clone, Copy)]
pub(super) enum Importer<'a> {
    /// A module of the package. Nothing that it imports may be called like something in a proto.
    Inside(&'a Module),
    /// The user, who knows the package by this path.
    Outside(&'a str),
}

impl Importer<'_> {
    /// What stands between `from` and `import` to reach a folder.
    fn reach(self, folders: &[String], googles: bool) -> String {
        match self {
            Importer::Inside(module) => module.reach(folders, googles),
            Importer::Outside(_) if googles => folders.join("."),
            Importer::Outside(package) => {
                [package].into_iter().chain(folders.iter().map(String::as_str)).collect::<Vec<_>>().join(".")
            }
        }
    }

    /// What a module is called.
    fn alias(self, name: &str) -> String {
        match self {
            // Beginning with an underscore, it is none that a proto's author would choose.
            Importer::Inside(_) => format!("_{name}"),
            Importer::Outside(_) => name.to_owned(),
        }
    }
}

/// The modules that one module imports, each under a name that no other has.
pub(super) struct Imports<'a> {
    importer: Importer<'a>,
    names: BTreeMap<Module, String>,
}

impl<'a> Imports<'a> {
    pub(super) fn new(importer: Importer<'a>) -> Self {
        Imports { importer, names: BTreeMap::new() }
    }

    /// The name of the module for the messages of a file, which is imported with that.
    pub(super) fn messages(&mut self, file: &str) -> String {
        self.module(Module::messages(file))
    }

    /// The name of a module, which is imported with that.
    pub(super) fn module(&mut self, module: Module) -> String {
        if let Some(name) = self.names.get(&module) {
            return name.clone();
        }
        let taken = |name: &String| self.names.values().any(|other| other == name);
        let short = self.importer.alias(&module.name);
        let long = || self.importer.alias(&format!("{}_{}", module.folders.join("_"), module.name));
        let mut name = if taken(&short) { long() } else { short };
        while taken(&name) {
            name.push('_');
        }
        self.names.insert(module, name.clone());
        name
    }

    /// A statement that takes over whatever the module for the messages of a file holds.
    pub(super) fn everything_of(&self, file: &str) -> String {
        let module = Module::messages(file);
        let mut folders = module.folders.clone();
        folders.push(module.name);
        format!("from {} import *", self.importer.reach(&folders, module.googles))
    }

    /// The statements for what every module of components needs.
    pub(super) fn component_support(&self) -> Vec<String> {
        [self.support(), self.import(&[SUPPORT], "description"), self.import(&[SUPPORT], "tables")].to_vec()
    }

    /// The statement for what every module of clients needs.
    pub(super) fn client_support(&self) -> String {
        self.import(&[SUPPORT], "client")
    }

    /// The statement for what handlers are given, and what they raise.
    pub(super) fn support(&self) -> String {
        self.import(&[], SUPPORT)
    }

    /// A statement for each module, sorted by place.
    pub(super) fn statements(&self) -> Vec<String> {
        self.names
            .iter()
            .map(|(module, name)| self.statement(&module.folders, module.googles, &module.name, name))
            .collect()
    }

    fn import(&self, folders: &[&str], name: &str) -> String {
        let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        self.statement(&folders, false, name, &self.importer.alias(name))
    }

    fn statement(&self, folders: &[String], googles: bool, module: &str, name: &str) -> String {
        let from = self.importer.reach(folders, googles);
        if module == name {
            format!("from {from} import {module}")
        } else {
            format!("from {from} import {module} as {name}")
        }
    }
}
