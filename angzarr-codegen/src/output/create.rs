//! Files that belong to the user from the moment at which they exist.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::{OutputError, place};
use crate::{GeneratedFile, Report};

/// What became of files that are created once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// Names of those that were not there before.
    pub created: Vec<String>,
    /// Names of those that were, and that were left alone.
    pub kept: Vec<String>,
}

/// Writes the files that are not there yet, and touches no other.
///
/// # Errors
/// Places that lie behind a symbolic link, with nothing written; the first file that cannot be written, and what was
/// written before stays.
pub fn create(directory: &Path, files: &[GeneratedFile]) -> Result<Created, OutputError> {
    let refused = files.iter().filter_map(|file| refused(directory, &file.name).transpose());
    let refused: Vec<Report> = refused.collect::<Result<_, _>>()?;
    if !refused.is_empty() {
        return Err(OutputError::Refused(refused));
    }
    let mut done = Created::default();
    for GeneratedFile { name, text } in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(OutputError::io("write", parent))?;
        }
        match File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(OutputError::io("write", &path))?;
                done.created.push(name.clone());
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => done.kept.push(name.clone()),
            Err(error) => return Err(OutputError::io("write", &path)(error)),
        }
    }
    Ok(done)
}

/// Why a file must not be created; one that is there is left alone whatever it is.
fn refused(directory: &Path, name: &str) -> Result<Option<Report>, OutputError> {
    if place::stays_inside(name) && directory.join(name).symlink_metadata().is_ok() {
        return Ok(None);
    }
    Ok(place::barred(directory, name)?.map(|reason| place::in_the_way(directory, name, reason)))
}
