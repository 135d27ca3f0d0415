//! What the compiler has to say, in the form in which everything else is said.

use std::path::Path;

use angzarr_model::codes;
use miette::{Diagnostic, SourceCode};

use crate::report::{Place, Report};

/// The reports that an error of the compiler amounts to: itself, and what it lists as related.
pub(super) fn reports(path: &Path, error: &protox::Error) -> Vec<Report> {
    let code = if error.is_file_not_found() { codes::FILE_NOT_FOUND } else { codes::INVALID_FILE };
    let source = error.source_code();
    let own = [error as &dyn Diagnostic].into_iter();
    own.chain(error.related().into_iter().flatten())
        .map(|found| {
            let file = error.file().map_or_else(|| path.display().to_string(), str::to_owned);
            let place = match position(found, found.source_code().or(source)) {
                Some((line, column)) => Place { file, line, column },
                None => Place { file, line: 0, column: 0 },
            };
            let help = found.help().map_or_else(|| code.help.to_owned(), |help| help.to_string());
            let message = match std::error::Error::source(found) {
                // Only errors of the file system have a cause that adds something.
                Some(cause) if error.is_io() => format!("{found}: {cause}"),
                _ => found.to_string(),
            };
            Report { severity: code.severity, code: code.id, message, place: Some(place), help }
        })
        .collect()
}

/// Line and column, both from 1, of the first label.
fn position(found: &dyn Diagnostic, source: Option<&dyn SourceCode>) -> Option<(u32, u32)> {
    let label = found.labels()?.next()?;
    let contents = source?.read_span(label.inner(), 0, 0).ok()?;
    let line = u32::try_from(contents.line()).ok()?;
    let column = u32::try_from(contents.column()).ok()?;
    Some((line.saturating_add(1), column.saturating_add(1)))
}
