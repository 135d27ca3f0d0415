//! For GitHub Actions: `::error file=…,line=…,col=…,title=…::message`.

use super::{Failure, Place, RelatedPlace, Report};

pub(super) fn command(report: &Report) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &report.place {
        // The path on disk, because annotations belong to files of the repository.
        properties.push(format!("file={}", property(&report.sources.shown(&place.file))));
        if place.line > 0 {
            properties.push(format!("line={},endLine={}", place.line, place.end_line));
        }
        // Columns mean something within one line only.
        if place.line > 0 && place.line == place.end_line {
            properties.push(format!("col={},endColumn={}", place.column, place.end_column));
        }
    }
    properties.push(format!("title={}", property(report.code)));
    let suggestion = report.suggestion.iter().map(|name| format!("\nhelp: did you mean `{name}`?"));
    let related = report.related.iter().map(|RelatedPlace { place, label }| {
        let place = Place { file: report.sources.shown(&place.file), ..place.clone() };
        format!("\n{place}: {label}")
    });
    let text: String = related.chain(suggestion).collect();
    let message = data(&format!("{}{text}\nhelp: {}", report.message, report.help));
    format!("::{} {}::{message}", report.severity, properties.join(","))
}

pub(super) fn failure(failure: &Failure) -> String {
    let file = failure.file.iter().map(|file| format!("file={},", property(file))).collect::<String>();
    let title = property(failure.code.as_deref().unwrap_or("angzarr"));
    let help = failure.help.iter().map(|help| format!("\nhelp: {help}")).collect::<String>();
    format!("::error {file}title={title}::{}", data(&format!("{}{help}", failure.message)))
}

/// What a line of the log cannot hold as it is.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What a property cannot hold besides.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
