//! The checked domain model that every front end (protos, derives) produces and every back end prints.
//!
//! Data and rules only: no descriptors, no syntax trees, no templates, no files.
//!
//! ```text
//! front end ─► ir::Model ─► check::model ─► back end
//! derive    ─► ir::Component ─► check::component ─► expansion
//! ```

pub mod check;
pub mod codes;
pub mod diagnostics;
pub mod ir;
pub mod languages;
pub mod names;
pub mod relations;
pub mod upcast;

pub use diagnostics::{Code, Diagnostic, Diagnostics, Related, Severity, Span};
