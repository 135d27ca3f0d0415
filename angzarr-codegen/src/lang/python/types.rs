//! Types as a module writes them.

use angzarr_model::ir::TypeName;

use super::modules::{Importer, Imports};
use super::names::is_keyword;
use super::stubs::local;
use crate::frontend::Protos;

/// The types that one module names, which it imports with that.
pub(super) struct Types<'a> {
    protos: &'a Protos,
    pub(super) imports: Imports<'a>,
    words: Words,
}

/// What a module calls what is no message of its own.
struct Words {
    support: &'static str,
    collections: &'static str,
    message: &'static str,
}

const INSIDE: Words = Words { support: "_angzarr", collections: "_collections", message: "_message.Message" };
const OUTSIDE: Words = Words { support: "angzarr", collections: "collections.abc", message: "message.Message" };

impl<'a> Types<'a> {
    pub(super) fn new(protos: &'a Protos, importer: Importer<'a>) -> Self {
        let words = match importer {
            Importer::Inside(_) => INSIDE,
            Importer::Outside(_) => OUTSIDE,
        };
        Types { protos, imports: Imports::new(importer), words }
    }

    /// What handlers are given, by its name.
    pub(super) fn support(&self, name: &str) -> String {
        format!("{}.{name}", self.words.support)
    }

    /// Any number of something.
    pub(super) fn iterable(&self, of: &str) -> String {
        format!("{}.Iterable[{of}]", self.words.collections)
    }

    /// A message or enum type; one whose name is a word of the language can only be told to be some message.
    pub(super) fn ty(&mut self, name: &TypeName) -> String {
        let (module, local) = self.place(name);
        if local.split('.').any(is_keyword) { self.words.message.to_owned() } else { format!("{module}.{local}") }
    }

    /// A message's class, as an expression.
    pub(super) fn class_of(&mut self, name: &TypeName) -> String {
        let (module, local) = self.place(name);
        local.split('.').fold(module, |outer, name| match is_keyword(name) {
            true => format!("getattr({outer}, \"{name}\")"),
            false => format!("{outer}.{name}"),
        })
    }

    /// The module of a type, which is imported with that, and its name in there.
    fn place(&mut self, name: &TypeName) -> (String, String) {
        let pool = &self.protos.pool;
        let message = pool.get_message_by_name(&name.0).map(|ty| (ty.parent_file(), ty.package_name().to_owned()));
        let found = message
            .or_else(|| pool.get_enum_by_name(&name.0).map(|ty| (ty.parent_file(), ty.package_name().to_owned())));
        let (file, package) = found.map(|(file, package)| (file.name().to_owned(), package)).unwrap_or_default();
        (self.imports.messages(&file), local(&name.0, &package).to_owned())
    }
}
