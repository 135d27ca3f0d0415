//! The only code that writes files.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::GeneratedFile;

/// A file or directory that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", path.display())]
pub struct WriteError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// How many files were written, and how many held the same bytes already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that are new or different.
    pub written: usize,
    /// Files that were left alone.
    pub unchanged: usize,
}

/// Writes the files that differ from what lies in `directory`, which is created if needed.
///
/// # Errors
/// The first file or directory that cannot be written; files before it stay written.
pub fn write(directory: &Path, files: &[GeneratedFile]) -> Result<Summary, WriteError> {
    fs::create_dir_all(directory).map_err(|source| WriteError { path: directory.to_path_buf(), source })?;
    let mut summary = Summary::default();
    for file in files {
        let path = directory.join(&file.name);
        // Untouched times let cargo and editors see that nothing happened.
        if fs::read(&path).is_ok_and(|present| present == file.text.as_bytes()) {
            summary.unchanged += 1;
            continue;
        }
        fs::write(&path, &file.text).map_err(|source| WriteError { path, source })?;
        summary.written += 1;
    }
    Ok(summary)
}
