//! Texts to where the user wants them.

use std::path::Path;

use angzarr_codegen::output;

use crate::console::{Exit, output_error, print};

/// Writes a text to a file, or to standard output if there is none.
pub(crate) fn text(text: &str, file: Option<&Path>) -> Exit {
    let text = text.trim_end_matches('\n');
    let Some(file) = file else {
        print(&text);
        return Exit::Done;
    };
    match output::save(file, &format!("{text}\n")) {
        Ok(()) => Exit::Done,
        Err(error) => output_error(&error),
    }
}
