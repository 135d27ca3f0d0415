//! Proto files of an include directory.

use std::path::{Path, PathBuf};

use angzarr_model::codes;
use protox::file::{File, FileResolver, IncludeFileResolver};

use crate::Report;

/// What some editors put in front of UTF-8.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Finds the files below a directory. A byte order mark in front of one is no part of it, as for protoc.
pub(crate) struct Include {
    directory: PathBuf,
    files: IncludeFileResolver,
}

impl Include {
    pub(crate) fn new(directory: &Path) -> Self {
        let directory = directory.to_path_buf();
        Include { files: IncludeFileResolver::new(directory.clone()), directory }
    }
}

impl FileResolver for Include {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        name_below(&self.directory, path)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = std::fs::read_to_string(self.directory.join(name));
        match text.as_deref().ok().and_then(|text| text.strip_prefix(BYTE_ORDER_MARK)) {
            Some(text) => File::from_source(name, text),
            None => self.files.open_file(name),
        }
    }
}

/// The name that a path to a file of a directory has in it. Below the directory `shop` the path `shop/a.proto` is that
/// of `a.proto`, unless it is a name itself: that of `shop/shop/a.proto`.
pub(crate) fn name_below(directory: &Path, path: &Path) -> Option<String> {
    let name = IncludeFileResolver::new(directory.to_path_buf()).resolve_path(path)?;
    let is_name = !directory.join(&name).exists() && directory.join(path).exists();
    (!is_name).then_some(name)
}

/// A report for each include directory that is not there.
pub(super) fn missing(includes: &[PathBuf]) -> Vec<Report> {
    let named = includes.iter().filter(|include| !include.as_os_str().is_empty());
    let missing = named.filter(|include| !include.is_dir());
    missing.map(|include| missing_directory(include)).collect()
}

/// The report that an include directory is not there.
pub(crate) fn missing_directory(include: &Path) -> Report {
    let message = format!("there is no include directory `{}`", include.display());
    Report::of(codes::FILE_NOT_FOUND, message)
        .help("create it, or name another one: -I DIR, or `include` in angzarr.yaml")
}
