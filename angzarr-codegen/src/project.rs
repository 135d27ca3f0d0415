//! `angzarr.yaml`: what a project generates from what, so that nobody has to spell it each time.

pub(crate) mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use angzarr_model::codes;

use crate::frontend::missing_directory;
use crate::report::Sources;
use crate::{Place, Report, Request};

/// Name of the file that [`Project::find`] looks for.
pub const PROJECT_FILE: &str = "angzarr.yaml";

/// Name of the file that fingerprints of what is stored are kept in, where nothing else is said.
pub const LOCK_FILE: &str = "angzarr.lock";

/// Whether a file is one of those that travel with the generator; copies of them are for other tools, and are never
/// generated.
pub(crate) fn travels_along(name: &Path) -> bool {
    ["google/protobuf", "angzarr/v1"].iter().any(|own| name.starts_with(own))
}

/// What a project file says. Its paths are made relative to the current directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// The file itself.
    pub path: PathBuf,
    /// Directories that names of files and imports are relative to; the project's folder if it names none.
    pub includes: Vec<PathBuf>,
    /// Patterns of files to generate, relative to each include directory; `**/*.proto` if it names none.
    pub files: Vec<Pattern>,
    /// Patterns of files to read without generating them, and without those to generate.
    pub with: Vec<Pattern>,
    /// Where the fingerprints of what is stored are kept, if it says so; see [`Project::lock_file`].
    pub lock: Option<PathBuf>,
    /// What to generate Python like; none if the project does not name the language.
    pub python: Option<PythonSettings>,
    /// What to generate Rust like; none if the project does not name the language.
    pub rust: Option<RustSettings>,
    /// Where the file names its directories; flags may have replaced them.
    include_places: Vec<(PathBuf, Place)>,
    /// The text of the file, for findings about it.
    sources: Sources,
}

/// What a project file says about generated Python.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonSettings {
    /// Folder of the package.
    pub out: Option<PathBuf>,
    /// Folder of a program that serves the components, and that is the user's once it was created; none creates none.
    pub program: Option<PathBuf>,
}

/// What a project file says about generated Rust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RustSettings {
    /// Folder to write to; none if a build script generates.
    pub out: Option<PathBuf>,
    /// See [`Request::extern_paths`].
    pub extern_paths: BTreeMap<String, String>,
}

/// A pattern of file names, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    place: Place,
}

/// Why a project cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The file has mistakes, sorted by place.
    #[error("{}", .0.iter().map(Report::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Report>),
    /// The file, or a directory that it names, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Project {
    /// The project file of the current directory, or else of the nearest one above it.
    pub fn find() -> Option<PathBuf> {
        let above = env::current_dir().ok()?.ancestors().count();
        (0..above).map(|up| PathBuf::from("../".repeat(up)).join(PROJECT_FILE)).find(|path| path.is_file())
    }

    /// Reads a project file.
    ///
    /// # Errors
    /// All mistakes in it, or that it cannot be read.
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        let text = fs::read_to_string(path).map_err(|source| ProjectError::Io { path: path.to_path_buf(), source })?;
        reader::read(path, &text).map_err(ProjectError::Findings)
    }

    /// Where the fingerprints of what is stored are kept: where the project says, or else beside its file.
    pub fn lock_file(&self) -> PathBuf {
        self.lock.clone().unwrap_or_else(|| self.path.with_file_name(LOCK_FILE))
    }

    /// What to read for this project.
    ///
    /// # Errors
    /// Patterns that fit no file, and directories that cannot be read.
    pub fn request(&self) -> Result<Request, ProjectError> {
        let missing = self.includes.iter().filter(|include| !include.as_os_str().is_empty() && !include.is_dir());
        let missing: Vec<Report> = missing.map(|include| self.missing_directory(include)).collect();
        if !missing.is_empty() {
            return Err(ProjectError::Findings(missing));
        }
        let mut found = Vec::new();
        let mut files = self.matching(&self.files, &mut found)?;
        let with = self.matching(&self.with, &mut found)?;
        if !found.is_empty() {
            return Err(ProjectError::Findings(Report::sorted(found)));
        }
        files.retain(|file| !with.contains(file));
        if files.is_empty() {
            // A run for no file would take away whatever an earlier one wrote.
            let place =
                self.with.first().map_or_else(|| Place::file(&self.path.to_string_lossy()), |one| one.place.clone());
            let report = Report::of(codes::NO_FILES, "every file is only read, so nothing is left to generate");
            let report = report.help("let `with` fit fewer files than `files` does").at(place).from(&self.sources);
            return Err(ProjectError::Findings(vec![report]));
        }
        let extern_paths = self.rust.as_ref().map(|rust| rust.extern_paths.clone()).unwrap_or_default();
        Ok(Request {
            includes: self.includes.clone(),
            files: files.into_iter().collect(),
            with: with.into_iter().collect(),
            extern_paths,
            ..Request::default()
        })
    }

    fn missing_directory(&self, include: &Path) -> Report {
        let report = missing_directory(include);
        match self.include_places.iter().find(|(path, _)| path == include) {
            Some((_, place)) => report.at(place.clone()).from(&self.sources),
            None => report,
        }
    }

    /// Names of all files that fit, relative to their include directory.
    fn matching(&self, patterns: &[Pattern], found: &mut Vec<Report>) -> Result<BTreeSet<PathBuf>, ProjectError> {
        let mut all = BTreeSet::new();
        for pattern in patterns {
            let mut names = BTreeSet::new();
            for include in &self.includes {
                names.extend(self.fitting(include, pattern)?);
            }
            if names.is_empty() {
                let message = format!("no file fits `{}`", pattern.text);
                found.push(Report::of(codes::NO_FILES, message).at(pattern.place.clone()).from(&self.sources));
            }
            all.extend(names);
        }
        Ok(all)
    }

    /// Names of the files below a directory that a pattern fits.
    fn fitting(&self, include: &Path, pattern: &Pattern) -> Result<Vec<PathBuf>, ProjectError> {
        let root = glob::Pattern::escape(&include.to_string_lossy());
        let full = if root.is_empty() { pattern.text.clone() } else { format!("{root}/{}", pattern.text) };
        let paths = glob::glob(&full).map_err(|error| {
            let message = format!("`{}` is no pattern: {}", pattern.text, error.msg);
            ProjectError::Findings(vec![
                Report::of(codes::BAD_PROJECT, message).at(pattern.place.clone()).from(&self.sources),
            ])
        })?;
        let mut names = Vec::new();
        for path in paths {
            let path =
                path.map_err(|error| ProjectError::Io { path: error.path().to_path_buf(), source: error.into() })?;
            let name = path.strip_prefix(include).unwrap_or(&path).to_path_buf();
            if path.is_file() && !travels_along(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}
