//! What was understood, for people and other programs: as data, as a graph, as a catalogue.
//!
//! Everything starts from [`document::Document`]; nothing here looks at the model again.

mod catalogue;
pub mod document;
pub mod graph;
mod layout;
mod page;
mod svg;

use document::Document;
use graph::Graph;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::render::{Renderer, internal};
use crate::{GeneratedFile, Report};

/// A document as JSON, without a line break at the end.
///
/// # Errors
/// A form that JSON does not have, which is a mistake of this crate.
pub fn json(document: &Document) -> Result<String, Vec<Report>> {
    pretty(document)
}

/// The JSON schema (draft 2020-12) of what [`json`] prints.
///
/// # Errors
/// As [`json`].
pub fn schema() -> Result<String, Vec<Report>> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    pretty(&settings.into_generator().into_root_schema_for::<Document>())
}

fn pretty(value: &impl Serialize) -> Result<String, Vec<Report>> {
    serde_json::to_string_pretty(value).map_err(|error| internal(&error))
}

/// A graph in the language of Mermaid, which Markdown on many sites draws.
///
/// # Errors
/// A template that does not fit, which is a mistake of this crate; so it is for the other forms.
pub fn mermaid(document: &Document) -> Result<String, Vec<Report>> {
    Renderer::new()?.render("pictures/graph.mmd", &Graph::of(document))
}

/// A graph in the language of Graphviz.
///
/// # Errors
/// As [`mermaid`].
pub fn dot(document: &Document) -> Result<String, Vec<Report>> {
    Renderer::new()?.render("pictures/graph.dot", &Graph::of(document))
}

/// A graph as a picture, which follows the reader's choice of light or dark.
///
/// # Errors
/// As [`mermaid`].
pub fn svg(document: &Document) -> Result<String, Vec<Report>> {
    svg::svg(&Renderer::new()?, &Graph::of(document))
}

/// The picture as a page to click through, in one file that needs no network.
///
/// # Errors
/// As [`mermaid`].
pub fn html(document: &Document) -> Result<String, Vec<Report>> {
    page::page(&Renderer::new()?, document)
}

/// Everything as one Markdown file: domain by domain the components, commands, facts, events, queries, deadlines, views
/// and rejections, and what they are made of.
///
/// # Errors
/// As [`mermaid`].
pub fn catalogue(document: &Document) -> Result<String, Vec<Report>> {
    catalogue::one_file(&Renderer::new()?, document)
}

/// The same as a file a domain, and a `README.md` that lists them.
///
/// # Errors
/// As [`mermaid`].
pub fn catalogue_files(document: &Document) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    catalogue::files(&Renderer::new()?, document)
}
