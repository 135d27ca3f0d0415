//! Types as the model names them, and as they were written.

use std::collections::HashMap;

use angzarr_model::ir::TypeName;
use angzarr_model::{Diagnostic, Span};
use quote::ToTokens;
use syn::{Ident, Path};

/// What the model only refers to: written types by their text, places by their number.
#[derive(Default)]
pub(crate) struct Types {
    paths: HashMap<String, Path>,
    spans: Vec<proc_macro2::Span>,
    /// The fields of the keys of a handler, by its place.
    keys: HashMap<Span, Vec<Vec<Ident>>>,
}

impl Types {
    /// The model's name for a written type.
    pub(crate) fn intern(&mut self, path: Path) -> TypeName {
        let text: String = path.to_token_stream().to_string().split_whitespace().collect();
        self.paths.entry(text.clone()).or_insert(path);
        TypeName(text)
    }

    /// The written type behind a name.
    pub(crate) fn path(&self, name: &TypeName) -> &Path {
        // Names are only made by `intern`.
        &self.paths[&name.0]
    }

    /// The model's number for a place.
    pub(crate) fn place(&mut self, span: proc_macro2::Span) -> Span {
        self.spans.push(span);
        Span(u32::try_from(self.spans.len() - 1).unwrap_or(u32::MAX))
    }

    /// The place behind the model's number.
    pub(crate) fn span(&self, place: Span) -> proc_macro2::Span {
        self.spans.get(place.0 as usize).copied().unwrap_or_else(proc_macro2::Span::call_site)
    }

    /// That place for code that this crate writes: errors point there, lints know that nobody wrote it.
    pub(crate) fn at(&self, place: Span) -> proc_macro2::Span {
        generated_at(self.span(place))
    }

    /// Remembers the key of the handler at a place as it was written.
    pub(crate) fn place_key(&mut self, handler: Span, key: Vec<Vec<Ident>>) {
        self.keys.insert(handler, key);
    }

    /// The key of the handler at a place as it was written: paths of fields.
    pub(crate) fn key(&self, handler: Span) -> &[Vec<Ident>] {
        self.keys.get(&handler).map_or(&[], Vec::as_slice)
    }

    /// A finding as a compile error at its place.
    pub(crate) fn error(&self, found: &Diagnostic) -> syn::Error {
        let suggestion = found.suggestion.iter().map(|name| format!("\nhelp: did you mean `{name}`?"));
        let text = format!("{found}{}\nhelp: {}", suggestion.collect::<String>(), found.code.help);
        syn::Error::new(self.span(found.span), text)
    }
}

/// A place in the user's code for code that this crate writes.
pub(crate) fn generated_at(place: proc_macro2::Span) -> proc_macro2::Span {
    proc_macro2::Span::call_site().located_at(place)
}

/// The same for what is written about a type: where its name stands, without what leads to it.
pub(crate) fn generated_for(path: &Path) -> proc_macro2::Span {
    path.segments.last().map_or_else(proc_macro2::Span::call_site, |segment| generated_at(segment.ident.span()))
}
