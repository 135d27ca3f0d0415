//! Types as the model names them, and as they were written.

use std::collections::HashMap;

use angzarr_model::ir::TypeName;
use angzarr_model::{Diagnostic, Span};
use quote::ToTokens;
use syn::Path;

/// What the model only refers to: written types by their text, places by their number.
#[derive(Default)]
pub(crate) struct Types {
    paths: HashMap<String, Path>,
    spans: Vec<proc_macro2::Span>,
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

    /// A finding as a compile error at its place.
    pub(crate) fn error(&self, found: &Diagnostic) -> syn::Error {
        let span = self.spans.get(found.span.0 as usize).copied().unwrap_or_else(proc_macro2::Span::call_site);
        syn::Error::new(span, format!("{found}\nhelp: {}", found.code.help))
    }
}
