//! Places: the model's span numbers, and what they stand for.

use std::collections::{BTreeMap, HashMap};

use angzarr_model::{Diagnostic, Span};
use prost_reflect::FileDescriptor;

use super::lex::{self, Extent};
use crate::report::{Place, Report};

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
    /// Per file on disk: its text.
    texts: BTreeMap<String, String>,
}

impl Spans {
    /// No spans yet; `texts` are those of the files, by name.
    pub(super) fn new(texts: BTreeMap<String, String>) -> Self {
        Spans { texts, ..Spans::default() }
    }

    /// A span for the element at a descriptor path, or for the innermost one around it that has a place.
    pub(crate) fn at(&mut self, file: &FileDescriptor, path: &[i32]) -> Span {
        let (extent, _) = self.extent(file, path);
        self.add(file, extent.start)
    }

    /// A span for a value at a path inside of an option, which `word` sets.
    pub(super) fn inside(&mut self, file: &FileDescriptor, path: &[i32], word: &str) -> Span {
        let (extent, exact) = self.extent(file, path);
        let text = self.texts.get(file.name()).filter(|_| !exact);
        let place = text.and_then(|text| lex::find(text, extent, word)).unwrap_or(extent.start);
        self.add(file, place)
    }

    fn add(&mut self, file: &FileDescriptor, (line, column): (u32, u32)) -> Span {
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place { file: file.name().to_owned(), line, column });
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
        Report::sorted(
            found
                .into_iter()
                .map(|found| {
                    let place = self.place(found.span);
                    Report::new(found, place)
                })
                .collect(),
        )
    }

    fn locations(&mut self, file: &FileDescriptor) -> &HashMap<Vec<i32>, Location> {
        self.files.entry(file.name().to_owned()).or_insert_with(|| {
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            let mut locations = HashMap::new();
            for location in info.into_iter().flat_map(|info| &info.location) {
                let comment = comment(location.leading_comments());
                let found = Location { extent: extent(&location.span), comment };
                locations.entry(location.path.clone()).or_insert(found);
            }
            locations
        })
    }
}

/// Spans count from 0, people from 1. A span within one line leaves the second line out.
fn extent(span: &[i32]) -> Extent {
    let number = |index: usize| span.get(index).and_then(|n| u32::try_from(*n).ok()).map_or(0, |n| n.saturating_add(1));
    let end = if span.len() == 3 { (number(0), number(2)) } else { (number(2), number(3)) };
    Extent { start: (number(0), number(1)), end }
}

fn comment(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
