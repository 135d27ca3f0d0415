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

/// The modules that one module imports, each under a name that no other has.
pub(super) struct Imports<'a> {
    importer: &'a Module,
    names: BTreeMap<Module, String>,
}

impl<'a> Imports<'a> {
    pub(super) fn new(importer: &'a Module) -> Self {
        Imports { importer, names: BTreeMap::new() }
    }

    /// The name of the module for the messages of a file, which is imported with that.
    pub(super) fn messages(&mut self, file: &str) -> String {
        let module = Module::messages(file);
        if let Some(name) = self.names.get(&module) {
            return name.clone();
        }
        let taken = |name: &String| self.names.values().any(|other| other == name);
        // Beginning with an underscore, it is none that a proto's author would choose.
        let short = format!("_{}", module.name);
        let long = || format!("_{}_{}", module.folders.join("_"), module.name);
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

    /// The statements for the modules that every package with components has.
    pub(super) fn support(&self) -> [String; 3] {
        let inside = self.importer.reach(&[SUPPORT.to_owned()], false);
        [
            format!("from {} import {SUPPORT} as _{SUPPORT}", self.importer.reach(&[], false)),
            format!("from {inside} import description as _description"),
            format!("from {inside} import tables as _tables"),
        ]
    }

    /// A statement for each module, sorted by place.
    pub(super) fn statements(&self) -> Vec<String> {
        let statement = |(module, name): (&Module, &String)| {
            let from = self.importer.reach(&module.folders, module.googles);
            format!("from {from} import {} as {name}", module.name)
        };
        self.names.iter().map(statement).collect()
    }
}
