//! Texts to where the user wants them.

use std::path::Path;

use angzarr_codegen::GeneratedFile;
use angzarr_codegen::output::{self, WriteError};

use crate::console::{Exit, print, unusable};

/// Writes a text to a file, or to standard output if there is none.
pub(crate) fn text(text: &str, file: Option<&Path>) -> Exit {
    let text = text.trim_end_matches('\n');
    let Some(file) = file else {
        print(&text);
        return Exit::Done;
    };
    match write(file, format!("{text}\n")) {
        Ok(()) => Exit::Done,
        Err(error) => unusable(&error),
    }
}

/// Writes a file, unless it holds that text already.
pub(crate) fn write(file: &Path, text: String) -> Result<(), WriteError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    output::write(directory, &[GeneratedFile { name, text }]).map(|_| ())
}
