//! Turns annotated protos into Angzarr components.
//!
//! ```text
//! proto ─► descriptors ─► model ─► checks ─► view ─► template ─► files ─► disk
//!        frontend     resolve   angzarr_model   lang/<language>    output
//! ```
//!
//! One direction only: descriptors are seen by `frontend` and `resolve` (the message generator of a language gets
//! them as a whole), templates loop and print, and only `output` writes.
//!
//! In a build script:
//!
//! ```no_run
//! fn main() -> angzarr_codegen::BuildResult {
//!     angzarr_codegen::Build::new().include("proto").compile(["shop/orders/v1/orders.proto"])
//! }
//! ```

mod build;
pub mod evolution;
mod frontend;
mod lang;
pub mod output;
pub mod pictures;
mod render;
mod report;
mod resolve;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use angzarr_model::ir::Model;
use angzarr_model::{Span, check};

pub use angzarr_model::{self as model, Severity};
pub use build::{Build, BuildError, BuildResult};
pub use report::{Place, Report};

use frontend::Protos;
use resolve::{FOREIGN_PACKAGES, Resolved, Spans};

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Directories that names of files and imports are relative to; none means the current one.
    pub includes: Vec<PathBuf>,
    /// Files to generate, relative to a directory of `includes` or to the current one.
    pub files: Vec<PathBuf>,
    /// Files to read for the services that own events and commands, without generating them.
    pub with: Vec<PathBuf>,
    /// Where the types of packages lie that this run does not generate: from package, like `shop.stock.v1`, to the
    /// absolute path of its Rust module, like `::stock::shop::stock::v1`. Packages below it are included.
    pub extern_paths: BTreeMap<String, String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Files to write, sorted by name.
    pub files: Vec<GeneratedFile>,
    /// Files on disk that were read, imports too.
    pub read: Vec<PathBuf>,
    /// What somebody should look at all the same, sorted by place.
    pub warnings: Vec<Report>,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Name, relative to the output directory.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Protos that were read and checked: what every generator and picture starts from.
pub struct Understood {
    /// Everything in the protos that is ours, those read through `with` too.
    pub model: Model,
    /// Files on disk that were read, imports too.
    pub read: Vec<PathBuf>,
    /// What somebody should look at all the same, sorted by place.
    pub warnings: Vec<Report>,
    protos: Protos,
    spans: Spans,
}

impl fmt::Debug for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Understood").field("model", &self.model).field("read", &self.read).finish_non_exhaustive()
    }
}

impl Understood {
    /// The text of a file that was read from disk, by its name.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.protos.texts.get(file).map(String::as_str)
    }

    /// `file:line:column` of a place in the model, or only the file; empty if it is not in a file.
    pub(crate) fn place(&self, span: Span) -> String {
        self.spans.place(span).map(|place| place.to_string()).unwrap_or_default()
    }
}

/// Reads and checks, generating nothing.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn understand(request: &Request) -> Result<Understood, Vec<Report>> {
    let protos = frontend::read(request)?;
    let Resolved { model, spans, mut found, complete } = resolve::resolve(&protos);
    check::alone(&model, &mut found);
    if complete {
        check::together(&model, &mut found);
    }
    let found = found.finish();
    let warnings = found.map(|found| spans.reports(found)).map_err(|found| spans.reports(found))?;
    Ok(Understood { model, read: protos.read.clone(), warnings, protos, spans })
}

/// Generates Rust, writing nothing. The same request gives the same bytes, in whatever order its files are listed.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn generate(request: &Request) -> Result<Generated, Vec<Report>> {
    let Understood { model, read, warnings, protos, mut spans } = understand(request)?;
    let files = lang::rust::generate(&protos, &model, &mut spans, &request.extern_paths)?;
    Ok(Generated { files, read, warnings })
}
