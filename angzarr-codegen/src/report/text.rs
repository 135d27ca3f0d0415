//! For people: the line itself with a mark under it, as compilers do.

use angzarr_model::Severity;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::sources::LONGEST_LINE;
use super::{Place, Report};

pub(super) fn plain(report: &Report) -> String {
    Renderer::plain().render(&[group(report)])
}

pub(super) fn coloured(report: &Report) -> String {
    Renderer::styled().render(&[group(report)])
}

fn group(report: &Report) -> Group<'_> {
    let level = match report.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level.primary_title(report.message.as_str()).id(report.code).elements(None::<Origin<'_>>);
    // Places of one file share a picture, so that the reader sees them in their order.
    let mut shown: Vec<&str> = Vec::new();
    for place in report.place.iter().chain(report.related.iter().map(|related| &related.place)) {
        if !shown.contains(&place.file.as_str()) {
            shown.push(&place.file);
            group = picture(group, report, &place.file);
        }
    }
    if let Some(name) = &report.suggestion {
        group = group.element(Level::HELP.message(format!("did you mean `{name}`?")));
    }
    group.element(Level::HELP.message(report.help.as_str()))
}

/// Everything that a report has to say about one file.
fn picture<'a>(group: Group<'a>, report: &'a Report, file: &str) -> Group<'a> {
    let own = report.place.iter().map(|place| (AnnotationKind::Primary, place, None));
    let others = report.related.iter().map(|one| (AnnotationKind::Context, &one.place, Some(one.label.as_str())));
    let here: Vec<_> = own.chain(others).filter(|(_, place, _)| place.file == file).collect();
    let excerpts = here.iter().map(|(kind, place, label)| {
        let (text, bytes) = report.sources.excerpt(place).filter(|(text, _)| drawable(text))?;
        Some((text, kind.span(bytes).label(*label)))
    });
    let Some(excerpts) = excerpts.collect::<Option<Vec<_>>>() else {
        return group.elements(here.iter().map(|(_, place, _)| origin(place, report.sources.shown(file))));
    };
    let Some(text) = excerpts.first().map(|(text, _)| *text) else { return group };
    let marks = excerpts.into_iter().map(|(_, mark)| mark);
    group.element(Snippet::source(text).path(report.sources.shown(file)).annotations(marks))
}

/// Whether a picture of some lines can be drawn; those around a mark may be part of it.
fn drawable(text: &str) -> bool {
    text.lines().all(|line| line.len() <= LONGEST_LINE)
}

fn origin(place: &Place, path: String) -> Origin<'static> {
    let origin = Origin::path(path);
    match (usize::try_from(place.line), usize::try_from(place.column)) {
        (Ok(line), Ok(column)) if line > 0 => origin.line(line).char_column(column),
        _ => origin,
    }
}
