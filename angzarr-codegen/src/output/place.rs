//! Where a file may lie, and how it is replaced.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Component, Path, PathBuf};

use angzarr_model::codes;

use super::OutputError;
use crate::{Place, Report};

/// The bytes of a file, none if it is not there.
///
/// # Errors
/// [`OutputError::Refused`] where nothing may be written in its place.
pub(super) fn present(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, OutputError> {
    if let Some(reason) = barred(directory, name)? {
        return Err(OutputError::Refused(vec![in_the_way(directory, name, reason)]));
    }
    let path = directory.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(OutputError::io("read", &path)(error)),
    }
}

/// The finding that a file's place is taken.
pub(super) fn in_the_way(directory: &Path, name: impl AsRef<Path>, reason: &str) -> Report {
    let path = directory.join(name).display().to_string();
    Report::of(codes::NOT_OURS, format!("`{path}` {reason}, so it is left alone")).at(Place::file(&path))
}

/// Whether a name stays below the directory that it is relative to.
pub(super) fn stays_inside(name: &str) -> bool {
    let mut components = Path::new(name).components();
    !name.is_empty() && components.all(|component| matches!(component, Component::Normal(_)))
}

/// Why nothing may be written or removed there. What lies behind a link is not in this folder.
pub(super) fn barred(directory: &Path, name: &str) -> Result<Option<&'static str>, OutputError> {
    if !stays_inside(name) {
        return Ok(Some("leaves its folder"));
    }
    let mut path = directory.to_path_buf();
    let components: Vec<_> = Path::new(name).components().collect();
    for (index, component) in components.iter().enumerate() {
        path.push(component);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // The folder itself is a file: what cannot be made is told when it is tried.
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
            Err(error) => return Err(OutputError::io("read", &path)(error)),
        };
        let last = index + 1 == components.len();
        if found.is_symlink() {
            return Ok(Some("is a symbolic link, or lies behind one"));
        }
        if last && !found.is_file() {
            return Ok(Some("is no file"));
        }
        if !last && !found.is_dir() {
            return Ok(Some("should lie in a folder that is a file"));
        }
    }
    Ok(None)
}

/// Gives a file these bytes in one step: a reader finds the old ones or the new ones.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    let written = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let beside = beside(path);
        let made = File::create_new(&beside).and_then(|mut file| {
            // Who may read or write the file stays as it is.
            if let Ok(before) = fs::metadata(path) {
                file.set_permissions(before.permissions())?;
            }
            file.write_all(bytes)
        });
        made.and_then(|()| fs::rename(&beside, path)).inspect_err(|error| {
            if error.kind() != ErrorKind::AlreadyExists {
                // It is of no use to anybody; the first error is the one to tell.
                let _ = fs::remove_file(&beside);
            }
        })
    };
    written().map_err(OutputError::io("write", path))
}

/// A name in the same folder that no other run uses at the same time.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}
