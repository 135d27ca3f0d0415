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
mod frontend;
mod lang;
pub mod output;
mod render;
mod report;
mod resolve;

use std::collections::BTreeMap;
use std::path::PathBuf;

use angzarr_model::check;

pub use angzarr_model::Severity;
pub use build::{Build, BuildError, BuildResult};
pub use report::{Place, Report};

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

/// Generates Rust, writing nothing. The same request gives the same bytes, in whatever order its files are listed.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn generate(request: &Request) -> Result<Generated, Vec<Report>> {
    let protos = frontend::read(request)?;
    let mut resolved = resolve::resolve(&protos);
    let mut found = resolved.found;
    check::alone(&resolved.model, &mut found);
    if resolved.complete {
        check::together(&resolved.model, &mut found);
    }
    let found = found.finish();
    let warnings = found.map(|found| resolved.spans.reports(found)).map_err(|found| resolved.spans.reports(found))?;
    let files = lang::rust::generate(&protos, &resolved.model, &mut resolved.spans, &request.extern_paths)?;
    Ok(Generated { files, read: protos.read, warnings })
}
