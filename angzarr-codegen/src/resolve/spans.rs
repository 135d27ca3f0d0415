//! Places: the model's span numbers, and what they stand for.

use std::collections::HashMap;

use angzarr_model::{Diagnostic, Span};
use prost_reflect::FileDescriptor;

use crate::lex::{self, Extent};
use crate::report::{Columns, Place, RelatedPlace, Report, Sources, characters};

/// What stands at one path of a descriptor.
#[derive(Clone, Default)]
struct Location {
    extent: Extent,
    comment: String,
}

/// The table behind the span numbers of a model.
#[derive(Default)]
pub(crate) struct Spans {
    places: Vec<Place>,
    /// Per file: path in the descriptor to location.
    files: HashMap<String, HashMap<Vec<i32>, Location>>,
    sources: Sources,
    columns: Columns,
}

impl Spans {
    /// No spans yet, for files with these texts, whose compiler counted columns in this way.
    pub(super) fn new(sources: Sources, columns: Columns) -> Self {
        Spans { sources, columns, ..Spans::default() }
    }

    /// A span for the element at a descriptor path, or for the innermost one around it that has a place.
    pub(crate) fn at(&mut self, file: &FileDescriptor, path: &[i32]) -> Span {
        let (extent, _) = self.extent(file, path);
        self.add(file, extent)
    }

    /// A span for the element at a descriptor path, if that very path has a place.
    pub(super) fn exactly(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<Span> {
        let extent = self.locations(file).get(path)?.extent;
        Some(self.add(file, extent))
    }

    /// A span for a value at a path inside of an option, which `word` sets for the `nth` time, counted from 0: the value
    /// if it is a text, otherwise the word.
    pub(super) fn inside(&mut self, file: &FileDescriptor, path: &[i32], word: &str, nth: usize) -> Span {
        let (extent, exact) = self.extent(file, path);
        let text = self.sources.get(file.name()).filter(|_| !exact).map(|source| source.text.as_str());
        let place = text.and_then(|text| lex::find(text, extent, word, nth)).unwrap_or(extent);
        self.add(file, place)
    }

    fn add(&mut self, file: &FileDescriptor, Extent { start, end }: Extent) -> Span {
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let ((line, column), (end_line, end_column)) = (start, end);
        self.places.push(Place { file: file.name().to_owned(), line, column, end_line, end_column });
        Span(index)
    }

    /// Where the innermost element around a path is, and whether it is that of the whole path.
    fn extent(&mut self, file: &FileDescriptor, path: &[i32]) -> (Extent, bool) {
        let locations = self.locations(file);
        let around = (0..=path.len()).rev().filter_map(|length| path.get(..length));
        let found = around.filter_map(|part| Some((locations.get(part)?.extent, part.len() == path.len()))).next();
        found.unwrap_or_default()
    }

    /// The comment above the element at a descriptor path, its lines without markers.
    pub(super) fn comment(&mut self, file: &FileDescriptor, path: &[i32]) -> String {
        self.locations(file).get(path).map(|location| location.comment.clone()).unwrap_or_default()
    }

    /// What a span stands for.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        self.places.get(usize::try_from(span.0).ok()?).cloned()
    }

    /// Gives findings their places.
    pub(crate) fn reports(&self, found: Vec<Diagnostic>) -> Vec<Report> {
        Report::sorted(found.into_iter().map(|found| self.report(found)).collect())
    }

    fn report(&self, found: Diagnostic) -> Report {
        let related = found.related.into_iter();
        let related = related.filter_map(|one| Some(RelatedPlace { place: self.place(one.span)?, label: one.label }));
        let mut report = Report::of(found.code, found.message).from(&self.sources);
        report.place = self.place(found.span);
        report.related = related.collect();
        report.suggestion = found.suggestion;
        report
    }

    fn locations(&mut self, file: &FileDescriptor) -> &HashMap<Vec<i32>, Location> {
        self.files.entry(file.name().to_owned()).or_insert_with(|| {
            let text = self.sources.get(file.name()).map(|source| source.text.as_str());
            let lines = text.map(|text| text.lines().collect()).unwrap_or_default();
            let lines = Lines { lines, columns: self.columns };
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            let mut locations = HashMap::new();
            for location in info.into_iter().flat_map(|info| &info.location) {
                let comment = comment(location.leading_comments());
                let found = Location { extent: lines.extent(&location.span), comment };
                locations.entry(location.path.clone()).or_insert(found);
            }
            locations
        })
    }
}

/// The lines of a file, if its text is known.
struct Lines<'a> {
    lines: Vec<&'a str>,
    columns: Columns,
}

impl Lines<'_> {
    /// Spans count from 0, people from 1. A span within one line leaves the second line out.
    fn extent(&self, span: &[i32]) -> Extent {
        let number = |index: usize| span.get(index).and_then(|n| u32::try_from(*n).ok()).unwrap_or_default();
        let place = |line: u32, column: u32| {
            let text = usize::try_from(line).ok().and_then(|line| self.lines.get(line));
            let column = text.map_or(column.saturating_add(1), |text| characters(text, column, self.columns));
            (line.saturating_add(1), column)
        };
        let start = place(number(0), number(1));
        let end = if span.len() == 3 { place(number(0), number(2)) } else { place(number(2), number(3)) };
        Extent { start, end }
    }
}

fn comment(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
