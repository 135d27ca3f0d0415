//! What the compiler has to say, in the form in which everything else is said.

use std::path::Path;

use angzarr_model::codes;
use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::followed;
use super::suggest::{self, Known};
use crate::lex::{self, Extent};
use crate::report::{Place, RelatedPlace, Report, Sources};

/// As many of a file's errors as anybody reads; most of what comes behind a first one follows from it.
const MOST: usize = 20;

/// The reports that an error of the compiler amounts to: itself, and what it lists as related.
pub(super) fn reports(path: &Path, error: &protox::Error, sources: &Sources, known: &Known) -> Vec<Report> {
    let code = match error {
        error if error.is_file_not_found() => codes::FILE_NOT_FOUND,
        error if error.is_io() => codes::UNREADABLE_FILE,
        _ => codes::INVALID_FILE,
    };
    let source = error.source_code();
    let file = error.file().map_or_else(|| path.display().to_string(), str::to_owned);
    let own = [error as &dyn Diagnostic].into_iter();
    let all = own.chain(error.related().into_iter().flatten());
    let reports = all
        .map(|found| {
            let message = match std::error::Error::source(found) {
                // Only errors of the file system have a cause that adds something.
                Some(cause) if error.is_io() => format!("{found}: {cause}"),
                _ => found.to_string(),
            };
            let mut report = Report::of(code, message).at(Place::file(&file)).from(sources);
            if let Some(help) = found.help() {
                report.help = help.to_string();
            }
            let source = found.source_code().or(source);
            let mut labels = labels(found, &file, source);
            if !labels.is_empty() {
                report.place = Some(labels.remove(primary(&labels)).place);
            }
            // What exactly is wrong inside of an option.
            let inner = found.diagnostic_source().map(ToString::to_string);
            let text = sources.get(&file).map_or("", |source| source.text.as_str());
            let told = inner.as_ref().unwrap_or(&report.message);
            report.suggestion = known.suggestion(told, text);
            if let Some(place) =
                report.place.as_mut().filter(|_| inner.is_some() || told.starts_with("expected a value"))
            {
                narrow(place, text, told);
            }
            if let Some(inner) = inner {
                report.message = format!("{}: {inner}", report.message);
            }
            report.related = labels;
            report
        })
        .collect();
    let mut reports = followed::by_cause(reports);
    reports.truncate(MOST);
    reports
}

/// Leaves of the place of a whole option the word of it that is wrong.
fn narrow(place: &mut Place, text: &str, told: &str) {
    let Some(wrong) = suggest::wrong_word(told) else { return };
    let extent = Extent { start: (place.line, place.column), end: (place.end_line, place.end_column) };
    if let Some(Extent { start, end }) = lex::word(text, extent, wrong) {
        (place.line, place.column, place.end_line, place.end_column) = (start.0, start.1, end.0, end.1);
    }
}

/// The places that an error names, in the compiler's order.
fn labels(found: &dyn Diagnostic, file: &str, source: Option<&dyn SourceCode>) -> Vec<RelatedPlace> {
    let (Some(labels), Some(source)) = (found.labels(), source) else { return Vec::new() };
    labels
        .filter_map(|label| {
            let (place, text) = (place(&label, file, source)?, label.label().unwrap_or_default());
            Some(RelatedPlace { place, label: text.trim_matches('…').to_owned() })
        })
        .collect()
}

/// Which of two places is wrong: the one where something was found, not the one that it collides with.
fn primary(labels: &[RelatedPlace]) -> usize {
    let culprit = |label: &str| label.contains("again") || label.starts_with("found");
    labels.iter().position(|one| culprit(&one.label)).unwrap_or_default()
}

/// Where a label is, its columns in characters.
fn place(label: &LabeledSpan, file: &str, source: &dyn SourceCode) -> Option<Place> {
    let contents = source.read_span(label.inner(), 1, 0).ok()?;
    let before = label.offset().checked_sub(contents.span().offset())?;
    let bytes = contents.data();
    let count = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let line = u32::try_from(text.matches('\n').count()).ok()?;
        let column = u32::try_from(text.rsplit('\n').next().unwrap_or_default().chars().count()).ok()?;
        Some((line, column.saturating_add(1)))
    };
    let (lines, column) = count(bytes.get(..before)?)?;
    let (end_lines, end_column) = count(bytes.get(..before.saturating_add(label.len()).min(bytes.len()))?)?;
    let first = u32::try_from(contents.line()).ok()?.saturating_add(1);
    let (line, end_line) = (first.saturating_add(lines), first.saturating_add(end_lines));
    Some(Place { file: file.to_owned(), line, column, end_line, end_column })
}
