//! Turns annotated protos into Angzarr components.
//!
//! ```text
//! proto ─► descriptors ─► model ─► checks ─► view ─► template ─► files ─► disk
//!        frontend     resolve   angzarr_model   lang/<language>    output
//! ```
//!
//! One direction only: descriptors are seen by `frontend` and `resolve` (the message generator of a language and the
//! description get them as a whole), templates loop and print, and only `output` writes.
//!
//! In a build script:
//!
//! ```no_run
//! fn main() -> angzarr_codegen::BuildResult {
//!     angzarr_codegen::Build::new().include("proto").compile(["shop/orders/v1/orders.proto"])
//! }
//! ```

mod build;
pub mod description;
mod encoding;
pub mod evolution;
pub mod explain;
mod frontend;
mod lang;
mod lex;
pub mod output;
pub mod pictures;
pub mod plugin;
mod project;
mod render;
mod report;
mod resolve;
pub mod scaffold;
pub mod standalone;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use angzarr_model::ir::Model;
use angzarr_model::{Span, check};

pub use angzarr_model::{self as model, Severity};
pub use build::{Build, BuildError, BuildResult};
pub use project::{LOCK_FILE, PROJECT_FILE, Project, ProjectError, PythonSettings, RustSettings};
pub use report::{Failure, Format, Place, RelatedPlace, Report};

use frontend::{FOREIGN_PACKAGES, Protos};
use resolve::{Resolved, Spans};

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
    /// An encoded `google.protobuf.FileDescriptorSet` with everything that the files import: what `protoc
    /// --include_imports --descriptor_set_out`, `buf build` and plugins have. Nothing is compiled then; `files` and
    /// `with` are names in the set, no `files` at all means every file that is not protobuf's or Angzarr's own, and
    /// `includes` only serve to show the lines that a finding is about.
    pub descriptors: Option<Vec<u8>>,
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
        self.protos.sources.get(file).map(|source| source.text.as_str())
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
    let (understood, found) = examine(request)?;
    passed(found).map(|warnings| Understood { warnings, ..understood })
}

/// Generates Rust, writing nothing. The same request gives the same bytes, in whatever order its files are listed.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn generate(request: &Request) -> Result<Generated, Vec<Report>> {
    let (mut understood, mut found) = examine(request)?;
    let Understood { model, protos, spans, .. } = &mut understood;
    found.extend(lang::rust::check(protos, model, spans, &request.extern_paths));
    let warnings = passed(found)?;
    let files = lang::rust::generate(&understood, &request.extern_paths)?;
    Ok(Generated { files, read: understood.read, warnings })
}

/// Generates Python, writing nothing: a package of messages with their stubs, an abstract class for each component, and a
/// server of these.
/// The same request gives the same bytes, in whatever order its files are listed; `extern_paths` do not count.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn generate_python(request: &Request) -> Result<Generated, Vec<Report>> {
    let understood = understand(request)?;
    let files = lang::python::generate(&understood)?;
    Ok(Generated { files, read: understood.read, warnings: understood.warnings })
}

/// The files of a Python program that serves the components, for [`create`](output::create): a class for each component
/// with all methods that it needs, and `main.py`. `package` is the path by which the program imports what
/// [`generate_python`] generates, like `shop` or `shop.generated`.
///
/// # Errors
/// Everything that is wrong with the input, sorted by place.
pub fn python_program(request: &Request, package: &str) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    lang::python::program::generate(&understand(request)?, package)
}

/// Whether a Python program can import a package by this path, its parts between dots.
pub fn is_python_package(path: &str) -> bool {
    lang::python::program::is_importable(path)
}

/// What can be understood, and everything that is wrong with it.
fn examine(request: &Request) -> Result<(Understood, Vec<Report>), Vec<Report>> {
    let (protos, mut reports) = frontend::read(request)?;
    let Resolved { model, spans, mut found, undecided } = resolve::resolve(&protos);
    check::alone(&model, &mut found);
    // What a file that cannot be read would have said is not held against the others, and nobody knows what that is.
    if reports.is_empty() {
        check::together(&model, &undecided, &mut found);
    }
    let (Ok(found) | Err(found)) = found.finish();
    reports.extend(spans.reports(found));
    let read = protos.read.clone();
    Ok((Understood { model, read, warnings: Vec::new(), protos, spans }, reports))
}

/// The warnings, if there is nothing worse.
fn passed(found: Vec<Report>) -> Result<Vec<Report>, Vec<Report>> {
    let found = Report::sorted(found);
    if found.iter().any(|report| report.severity == Severity::Error) { Err(found) } else { Ok(found) }
}
