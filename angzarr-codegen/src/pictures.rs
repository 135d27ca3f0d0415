//! What was understood, for people and other programs: as data, as a graph, as a catalogue.
//!
//! Everything starts from [`document::Document`]; nothing here looks at the model again.

pub mod document;

use document::Document;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use crate::Report;
use crate::render::internal;

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
