//! Texts to where the user wants them, and what became of them.

use std::path::Path;

use angzarr_codegen::output::{self, Comment, Summary};

use crate::console::{Exit, findings, output_error, print};

/// A comment in Markdown, HTML and SVG.
pub(crate) const MARKUP: Comment = ("<!-- ", " -->");

/// Whether `--out` means standard output; a file of that name is `./-`.
pub(crate) fn is_standard_output(out: &Path) -> bool {
    out == Path::new("-")
}

/// Writes a text to a file, whose first line then says in a comment that it was generated, or as it is to standard
/// output if there is no file, or it means that.
pub(crate) fn text(text: &str, comment: Comment, file: Option<&Path>) -> Exit {
    let text = text.trim_end_matches('\n');
    let Some(file) = file.filter(|file| !is_standard_output(file)) else {
        print(&text);
        return Exit::Done;
    };
    match output::save_generated(file, comment, &format!("{text}\n")) {
        Ok(()) => Exit::Done,
        Err(error) => output_error(&error),
    }
}

/// Tells what a run did in a directory.
pub(crate) fn done(summary: &Summary) -> Exit {
    findings(&summary.warnings);
    let removed = if summary.removed == 0 { String::new() } else { format!(", {} removed", summary.removed) };
    print(&format!("{} written, {} unchanged{removed}", summary.written, summary.unchanged));
    Exit::Done
}
