//! Protos that are all right, and some that are wrong on purpose: those of the other tests and of the examples.

use std::path::{Path, PathBuf};

/// All files below a folder whose name has an ending, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for path in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Folders that hold protos, each with what its files import.
pub(crate) fn includes() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let cases = std::fs::read_dir(tests.join("golden")).unwrap().map(|entry| entry.unwrap().path().join("proto"));
    let mut includes: Vec<PathBuf> = cases.collect();
    includes.sort();
    includes.push(tests.join("diagnostics"));
    includes
}
