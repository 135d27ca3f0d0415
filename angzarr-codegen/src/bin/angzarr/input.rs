//! What to read: the same words for every subcommand.

use std::path::{Path, PathBuf};

use angzarr_codegen::{LOCK_FILE, Project, Request, Understood};
use clap::Args;

use crate::console::{Exit, findings, project_error, unusable_file, usage};

#[derive(Args, Debug)]
pub(crate) struct Input {
    /// Project file. Without it: angzarr.yaml in the current directory or the nearest one above, if there is one.
    /// Flags and files on the command line replace what it says.
    #[arg(long, value_name = "FILE")]
    project: Option<PathBuf>,
    /// Directory that names of files and imports are relative to; may be repeated. Without any: the current one.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    includes: Vec<PathBuf>,
    /// File whose services own events or commands used here; read, not generated. May be repeated.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Compiled protos to read instead of proto files, as `protoc --include_imports --include_source_info
    /// --descriptor_set_out` or `buf build` write them. FILE then names files in it; without any, all.
    #[arg(long, value_name = "FILE")]
    descriptor_set: Option<PathBuf>,
    /// Proto files to work on.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What flags and project file come to.
pub(crate) struct Settings {
    pub(crate) request: Request,
    pub(crate) project: Option<Project>,
}

/// What was read and checked, and where from.
pub(crate) struct Work {
    pub(crate) request: Request,
    pub(crate) understood: Understood,
    project: Option<Project>,
}

impl Work {
    /// The lock file: the given one, or else that of the project, or else `angzarr.lock` in the current directory.
    pub(crate) fn lock_file(&self, given: Option<&Path>) -> PathBuf {
        let project = || self.project.as_ref().map(Project::lock_file);
        given.map(Path::to_path_buf).or_else(project).unwrap_or_else(|| LOCK_FILE.into())
    }
}

impl Input {
    /// The project file that is in force.
    pub(crate) fn project_file(&self) -> Option<PathBuf> {
        self.project.clone().or_else(Project::find)
    }

    /// The file of `--descriptor-set`.
    pub(crate) fn descriptor_set(&self) -> Option<&PathBuf> {
        self.descriptor_set.as_ref()
    }

    /// The directories that protos are looked for in, as far as they are known; those of a project file with mistakes
    /// are not.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        if !self.includes.is_empty() {
            return self.includes.clone();
        }
        let project = self.project_file().and_then(|file| Project::read(&file).ok());
        let includes = project.map(|project| project.includes).unwrap_or_default();
        let here = |path: PathBuf| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        let mut directories: Vec<PathBuf> = includes.into_iter().map(here).collect();
        if directories.is_empty() {
            directories.push(PathBuf::from("."));
        }
        directories
    }

    /// Reads and checks what there is to work on, and tells what somebody should look at.
    pub(crate) fn understand(&self) -> Result<Work, Exit> {
        let Settings { request, project } = self.settings()?;
        let understood = angzarr_codegen::understand(&request).map_err(|reports| findings(&reports))?;
        findings(&understood.warnings);
        Ok(Work { request, understood, project })
    }

    /// Reads the project file, and lets flags replace what it says.
    pub(crate) fn settings(&self) -> Result<Settings, Exit> {
        let file = self.project_file();
        let mut project = file.map(|file| Project::read(&file)).transpose().map_err(|error| project_error(&error))?;
        if let Some(project) = project.as_mut().filter(|_| !self.includes.is_empty()) {
            project.includes.clone_from(&self.includes);
        }
        let named = !self.files.is_empty() || self.descriptor_set.is_some();
        let mut request = match &project {
            Some(project) if !named => project.request().map_err(|error| project_error(&error))?,
            Some(project) => Request { includes: project.includes.clone(), ..Request::default() },
            None => Request { includes: self.includes.clone(), ..Request::default() },
        };
        if named {
            request.files = self.named(&self.files, &request.includes);
        } else if project.is_none() {
            return Err(usage(&"there are no files to work on: name some, or write an angzarr.yaml"));
        }
        if !self.with.is_empty() {
            request.with = self.named(&self.with, &request.includes);
        }
        if let Some(path) = &self.descriptor_set {
            let read = |error| unusable_file(&format!("cannot read {}: {error}", path.display()), path);
            request.descriptors = Some(std::fs::read(path).map_err(read)?);
        }
        Ok(Settings { request, project })
    }

    /// Files under what they are called below the include directories; in a descriptor set they have that name already.
    fn named(&self, files: &[PathBuf], includes: &[PathBuf]) -> Vec<PathBuf> {
        match self.descriptor_set {
            Some(_) => files.to_vec(),
            None => files.iter().map(|file| below(includes, file)).collect(),
        }
    }
}

/// A file that somebody found on disk, however he spelt its path, as a path that begins with an include directory. What
/// is a name already, or no file, stays as it is.
fn below(includes: &[PathBuf], file: &Path) -> PathBuf {
    let here = [PathBuf::from(".")];
    let includes = if includes.is_empty() { &here } else { includes };
    let is_name = file.is_relative() && includes.iter().any(|include| include.join(file).is_file());
    let whole = if is_name || !file.is_file() { None } else { file.parent().and_then(real) };
    let inside = |include: &PathBuf| {
        let folder = whole.as_deref()?.strip_prefix(real(include)?).ok()?;
        Some(include.join(folder).join(file.file_name()?))
    };
    includes.iter().find_map(inside).unwrap_or_else(|| file.to_path_buf())
}

/// A directory without links and dots in its path, if it is there.
fn real(directory: &Path) -> Option<PathBuf> {
    let here = directory.as_os_str().is_empty();
    if here { Path::new(".").canonicalize().ok() } else { directory.canonicalize().ok() }
}
