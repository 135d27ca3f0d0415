//! What an earlier release stored: from its lock, from a git ref, from a descriptor set.
//!
//! Git is asked through its command: whoever has a ref has the command, in the version that knows his repository, and a
//! library that reads every form of one would be larger than all of the generator.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use protox::file::{ChainFileResolver, File, FileResolver};

use super::lock::{Lock, LockError};
use crate::frontend::{self, BYTE_ORDER_MARK, Include, Protos, name_below};
use crate::report::Source;
use crate::resolve::{self, Resolved};
use crate::{Report, Request};

/// Why it cannot be said what was stored.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// There is no lock file yet.
    #[error("there is no {}; `angzarr lock` writes it, and --against-git REF compares with a commit instead", .0.display())]
    NoLock(PathBuf),
    /// The lock file is none.
    #[error("{}: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: LockError,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The `git` command is not there.
    #[error("git is not installed, or not in PATH; a comparison with a commit needs it")]
    NoGit,
    /// The current directory is in no repository, or the repository has no such commit.
    #[error("git cannot give the commit `{reference}`: {said}")]
    Commit {
        /// As it was given.
        reference: String,
        /// What git says.
        said: String,
    },
    /// Git refuses.
    #[error("git: {0}")]
    Git(String),
    /// The protos of then have mistakes that keep them from being understood.
    #[error("the protos of then have mistakes")]
    Findings(Vec<Report>),
}

/// Reads a lock file.
///
/// # Errors
/// It is not there, cannot be read, or is none.
pub fn lock(path: &Path) -> Result<Lock, PastError> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PastError::NoLock(path.to_owned()),
        _ => PastError::Read { path: path.to_owned(), source },
    })?;
    Lock::parse(&text).map_err(|source| PastError::Lock { path: path.to_owned(), source })
}

/// Reads a descriptor set: what `protoc --include_imports --descriptor_set_out` and `buf build` write. The files of the
/// request's `with` do not count as the release's own.
///
/// # Errors
/// It cannot be read, is none, or what it holds cannot be understood.
pub fn descriptor_set(path: &Path, request: &Request) -> Result<Lock, PastError> {
    let set = std::fs::read(path).map_err(|source| PastError::Read { path: path.to_owned(), source })?;
    let request = Request { descriptors: Some(set), with: request.with.clone(), ..Request::default() };
    understood(frontend::read(&request).map_err(PastError::Findings)?)
}

/// Reads the protos of a request as they were at a commit, and those below its directories that are gone since.
///
/// Directories outside of the repository are read as they are.
///
/// # Errors
/// Git refuses, or the protos of then cannot be understood.
pub fn git(reference: &str, request: &Request) -> Result<Lock, PastError> {
    let here = vec![PathBuf::from(".")];
    let includes = if request.includes.is_empty() { &here } else { &request.includes };
    let then = Then::of(reference)?;
    let places: Vec<Place> = includes.iter().map(|include| then.place(include)).collect::<Result<_, _>>()?;
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    files.extend(request.files.iter().filter_map(|file| name(file, &places)));
    let with: Vec<PathBuf> = request.with.iter().filter_map(|file| name(file, &places)).collect();
    files.extend(gone(&places).into_iter().filter(|file| !with.contains(file)));
    let request = Request { files: files.into_iter().collect(), with, ..Request::default() };
    let add = |resolver: &mut ChainFileResolver| places.iter().for_each(|place| resolver.add(place.clone()));
    understood(frontend::read_from(&request, &add, &|name| places.iter().find_map(|place| place.source(name))))
}

/// Names of files that are gone since. One that several directories reach is named as the innermost of them has it.
fn gone(places: &[Place]) -> Vec<PathBuf> {
    let mut trees: Vec<(&Place, &Tree)> =
        places.iter().filter_map(|place| Some((place, place.then.as_ref()?))).collect();
    trees.sort_by_key(|(_, tree)| std::cmp::Reverse(tree.prefix.len()));
    let mut seen = BTreeSet::new();
    let mut gone = Vec::new();
    for (place, tree) in trees {
        for name in tree.names.iter().filter(|name| !place.include.join(name).exists()) {
            if seen.insert(format!("{}{name}", tree.prefix)) {
                gone.push(PathBuf::from(name));
            }
        }
    }
    gone
}

/// What protos of then say. They were checked then, perhaps by other rules; only what hides a component matters now.
fn understood((protos, unread): (Protos, Vec<Report>)) -> Result<Lock, PastError> {
    if !unread.is_empty() {
        return Err(PastError::Findings(unread));
    }
    let Resolved { model, spans, found, undecided } = resolve::resolve(&protos);
    match found.finish() {
        Err(found) if !undecided.services.is_empty() => Err(PastError::Findings(spans.reports(found))),
        _ => Ok(Lock::of(&model)),
    }
}

/// A commit of the repository around the current directory.
struct Then {
    /// As it was given.
    reference: String,
    commit: String,
    root: PathBuf,
    /// Paths of its protos, from the repository's root.
    protos: BTreeSet<String>,
}

impl Then {
    fn of(reference: &str) -> Result<Self, PastError> {
        let text = |arguments: &[&str]| match run(arguments) {
            Ok(output) => Ok(String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned()),
            Err(PastError::Git(said)) => Err(PastError::Commit { reference: reference.to_owned(), said }),
            Err(error) => Err(error),
        };
        let root = text(&["rev-parse", "--show-toplevel"])?;
        let wanted = format!("{reference}^{{commit}}");
        let commit = text(&["rev-parse", "--verify", "--end-of-options", &wanted]).map_err(|error| match error {
            PastError::Commit { reference, .. } => {
                PastError::Commit { reference, said: "no commit, branch or tag is called that".to_owned() }
            }
            other => other,
        })?;
        let paths = run(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &commit])?;
        let paths = paths.split(|byte| *byte == 0).map(|path| String::from_utf8_lossy(path).into_owned());
        let protos = paths.filter(|path| path.ends_with(".proto")).collect();
        Ok(Then { reference: reference.to_owned(), commit, root: PathBuf::from(root), protos })
    }

    /// What an include directory was then.
    fn place(&self, include: &Path) -> Result<Place, PastError> {
        let read = |source| PastError::Read { path: include.to_owned(), source };
        let absolute = std::path::absolute(include).map_err(read)?;
        // One that is gone has no canonical form, and needs none but for links above it.
        let absolute = absolute.canonicalize().unwrap_or(absolute);
        let root = self.root.canonicalize().map_err(read)?;
        let Ok(below) = absolute.strip_prefix(&root) else {
            return Ok(Place { include: include.to_owned(), then: None });
        };
        let mut prefix: String = segments(below).flat_map(|segment| [segment, "/".to_owned()]).collect();
        if prefix == "/" {
            prefix.clear();
        }
        let inside = self.protos.iter().filter_map(|path| path.strip_prefix(&prefix));
        let names = inside.map(str::to_owned).collect();
        Ok(Place {
            include: include.to_owned(),
            then: Some(Tree {
                prefix: format!("{}:{prefix}", self.commit),
                shown: format!("{}:{prefix}", self.reference),
                names,
            }),
        })
    }
}

/// An include directory.
#[derive(Clone)]
struct Place {
    include: PathBuf,
    /// What git has of it; nothing, if it lies outside.
    then: Option<Tree>,
}

/// Files below a directory at a commit.
#[derive(Clone)]
struct Tree {
    /// What makes a name an object of git.
    prefix: String,
    /// The same for people.
    shown: String,
    names: BTreeSet<String>,
}

/// Files are asked for by their names; what paths lead to was said before.
impl FileResolver for Place {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let Some(tree) = &self.then else { return Include::new(&self.include).open_file(name) };
        if !tree.names.contains(name) {
            return Err(protox::Error::file_not_found(name));
        }
        let text = tree.text(name).map_err(protox::Error::new)?;
        File::from_source(name, text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text))
    }
}

impl Tree {
    fn text(&self, name: &str) -> Result<String, PastError> {
        let bytes = run(&["cat-file", "blob", &format!("{}{name}", self.prefix)])?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Place {
    /// A file as it was then, for findings.
    fn source(&self, name: &str) -> Option<Source> {
        let Some(tree) = &self.then else {
            let path = self.include.join(name);
            return Some(Source::new(&path, std::fs::read_to_string(&path).ok()?));
        };
        let text = tree.names.contains(name).then(|| tree.text(name))?.ok()?;
        Some(Source::new(Path::new(&format!("{}{name}", tree.shown)), text))
    }
}

/// The name of a file that was there then, relative to its directory.
fn name(file: &Path, places: &[Place]) -> Option<PathBuf> {
    let names = places.iter().filter_map(|place| Some((place, name_below(&place.include, file)?)));
    let as_given = segments(file).collect::<Vec<_>>().join("/");
    let names = names.chain(places.iter().map(|place| (place, as_given.clone())));
    let there = |(place, name): &(&Place, String)| match &place.then {
        Some(tree) => tree.names.contains(name),
        None => place.include.join(name).exists(),
    };
    names.into_iter().find(there).map(|(_, name)| PathBuf::from(name))
}

fn segments(path: &Path) -> impl Iterator<Item = String> {
    path.components().filter_map(|component| match component {
        Component::Normal(segment) => Some(segment.to_string_lossy().into_owned()),
        _ => None,
    })
}

/// What git prints.
fn run(arguments: &[&str]) -> Result<Vec<u8>, PastError> {
    let output = Command::new("git").args(arguments).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => PastError::NoGit,
        _ => PastError::Git(error.to_string()),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().find(|line| !line.is_empty()).unwrap_or("it failed without a word");
    Err(PastError::Git(said.trim_start_matches("fatal: ").to_owned()))
}
