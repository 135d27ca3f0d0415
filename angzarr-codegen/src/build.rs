//! The generator inside a build script.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::output::{self, OutputError};
use crate::{Project, ProjectError, Report, Request};

/// What `main` of a build script returns.
pub type BuildResult = Result<(), BuildError>;

/// Why a build script failed. `Debug` is the readable form, because `main` prints that one.
pub enum BuildError {
    /// The input has mistakes.
    Findings(Vec<Report>),
    /// `OUT_DIR` is not set: this is not a build script.
    NoOutDir,
    /// The project file cannot be used.
    Project(ProjectError),
    /// A file could not be written.
    Write(OutputError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Findings(reports) => reports.iter().try_for_each(|report| write!(f, "\n{report}\n")),
            BuildError::NoOutDir => f.write_str("OUT_DIR is not set; call this from a build script"),
            BuildError::Project(error) => write!(f, "\n{error}\n"),
            BuildError::Write(error) => write!(f, "\n{error}\n"),
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildError {}

/// Generates components into `$OUT_DIR/angzarr`, from a build script.
///
/// The program takes them in with `include!(concat!(env!("OUT_DIR"), "/angzarr/mod.rs"));`.
#[derive(Clone, Debug, Default)]
pub struct Build {
    includes: Vec<PathBuf>,
    with: Vec<PathBuf>,
    extern_paths: BTreeMap<String, String>,
}

impl Build {
    /// No include directories yet; without any, names are relative to the package.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory that names of files and imports are relative to.
    #[must_use]
    pub fn include(mut self, directory: impl Into<PathBuf>) -> Self {
        self.includes.push(directory.into());
        self
    }

    /// Reads these files for the services that own events and commands, without generating them.
    #[must_use]
    pub fn with<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.with.extend(files.into_iter().map(Into::into));
        self
    }

    /// Says where the types of a package lie that is not generated here: its Rust module, as an absolute path like
    /// `::stock::shop::stock::v1`.
    #[must_use]
    pub fn extern_path(mut self, package: impl Into<String>, path: impl Into<String>) -> Self {
        self.extern_paths.insert(package.into(), path.into());
        self
    }

    /// Generates these files and tells cargo what they depend on.
    ///
    /// # Errors
    /// Everything that is wrong with the input, or the first file that cannot be written.
    pub fn compile<P: Into<PathBuf>>(self, files: impl IntoIterator<Item = P>) -> BuildResult {
        let files = files.into_iter().map(Into::into).collect();
        let request = Request {
            includes: self.includes,
            files,
            with: self.with,
            extern_paths: self.extern_paths,
            descriptors: None,
        };
        run(&request)
    }

    /// Generates what a project file like `angzarr.yaml` names; its path is relative to the package.
    ///
    /// # Errors
    /// Everything that is wrong with the project or its input, or the first file that cannot be written.
    pub fn project(file: impl AsRef<Path>) -> BuildResult {
        rerun_if_changed([file.as_ref()]);
        let project = Project::read(file.as_ref()).map_err(BuildError::Project)?;
        // If no file fits, one may appear there; otherwise they are named below.
        let request = project.request().inspect_err(|_| rerun_if_changed(project.includes.iter()));
        run(&request.map_err(BuildError::Project)?)
    }
}

fn run(request: &Request) -> BuildResult {
    let out = std::env::var_os("OUT_DIR").ok_or(BuildError::NoOutDir)?;
    // Named before anything can fail, so that mending a file runs the script again.
    rerun_if_changed(request.includes.iter());
    let generated = crate::generate(request).map_err(BuildError::Findings)?;
    rerun_if_changed(generated.read.iter());
    warn(&generated.warnings);
    output::write(&PathBuf::from(out).join("angzarr"), &generated.files).map_err(BuildError::Write)?;
    Ok(())
}

/// cargo shows one line at a time.
#[expect(clippy::print_stdout, reason = "standard output is how a build script talks to cargo")]
fn warn(warnings: &[Report]) {
    for line in warnings.iter().flat_map(|warning| warning.to_string().lines().map(str::to_owned).collect::<Vec<_>>()) {
        println!("cargo:warning={line}");
    }
}

#[expect(clippy::print_stdout, reason = "standard output is how a build script talks to cargo")]
fn rerun_if_changed(paths: impl IntoIterator<Item = impl AsRef<Path>>) {
    for path in paths {
        // An empty path is the package itself, which a dot names as well.
        let path = if path.as_ref().as_os_str().is_empty() { Path::new(".") } else { path.as_ref() };
        println!("cargo:rerun-if-changed={}", path.display());
    }
}
