//! For programs: one object in a line. `docs/diagnostics/README.md` is where it is described.

use angzarr_model::Severity;
use serde::Serialize;

use super::{Failure, Place, Report, sources};

#[derive(Serialize)]
struct Finding<'a> {
    severity: String,
    code: Option<&'a str>,
    message: &'a str,
    place: Option<Location<'a>>,
    related: Vec<Beside<'a>>,
    suggestion: Option<&'a str>,
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Location<'a> {
    file: &'a str,
    path: Option<String>,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Beside<'a> {
    label: &'a str,
    place: Location<'a>,
}

pub(super) fn line(report: &Report) -> String {
    let related = report.related.iter();
    let finding = Finding {
        severity: report.severity.to_string(),
        code: Some(report.code),
        message: &report.message,
        place: report.place.as_ref().map(|place| location(report, place)),
        related: related.map(|one| Beside { label: &one.label, place: location(report, &one.place) }).collect(),
        suggestion: report.suggestion.as_deref(),
        help: Some(&report.help),
    };
    object(&finding)
}

pub(super) fn failure(failure: &Failure) -> String {
    let place = failure.file.as_deref().map(|file| Location {
        file,
        path: Some(file.to_owned()),
        line: 0,
        column: 0,
        end_line: 0,
        end_column: 0,
        text: None,
    });
    object(&Finding {
        severity: Severity::Error.to_string(),
        code: failure.code.as_deref(),
        message: &failure.message,
        place,
        related: Vec::new(),
        suggestion: None,
        help: failure.help.as_deref(),
    })
}

/// Text and numbers alone; nothing in it can fail.
fn object(finding: &Finding<'_>) -> String {
    serde_json::to_string(finding).unwrap_or_default()
}

fn location<'a>(report: &'a Report, place: &'a Place) -> Location<'a> {
    let source = report.sources.get(&place.file);
    let text = source.and_then(|source| sources::line(&source.text, place.line));
    let text = text.filter(|(_, line)| line.len() <= sources::LONGEST_LINE);
    Location {
        file: &place.file,
        path: source.map(|source| source.path.to_string_lossy().into_owned()),
        line: place.line,
        column: place.column,
        end_line: place.end_line,
        end_column: place.end_column,
        text: text.map(|(_, line)| line),
    }
}
