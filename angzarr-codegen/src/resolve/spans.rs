//! Places: the model's span numbers, and what they stand for.

use std::collections::HashMap;

use angzarr_model::{Diagnostic, Span};
use prost_reflect::FileDescriptor;

use crate::report::{Place, Report};

/// What stands at one path of a descriptor.
#[derive(Clone, Default)]
struct Location {
    line: u32,
    column: u32,
    comment: String,
}

/// The table behind the span numbers of a model.
#[derive(Default)]
pub(crate) struct Spans {
    places: Vec<Place>,
    /// Per file: path in the descriptor to location.
    files: HashMap<String, HashMap<Vec<i32>, Location>>,
}

impl Spans {
    /// A span for the element at a descriptor path, or for the innermost one around it that has a place.
    pub(crate) fn at(&mut self, file: &FileDescriptor, path: &[i32]) -> Span {
        let locations = self.locations(file);
        let found = (0..=path.len()).rev().find_map(|length| locations.get(path.get(..length)?)).cloned();
        let Location { line, column, .. } = found.unwrap_or_default();
        let index = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place { file: file.name().to_owned(), line, column });
        Span(index)
    }

    /// The comment above the element at a descriptor path, its lines without markers.
    pub(super) fn comment(&mut self, file: &FileDescriptor, path: &[i32]) -> String {
        self.locations(file).get(path).map(|location| location.comment.clone()).unwrap_or_default()
    }

    /// What a span stands for.
    pub(super) fn place(&self, span: Span) -> Option<Place> {
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
                let found =
                    Location { line: from_one(&location.span, 0), column: from_one(&location.span, 1), comment };
                locations.entry(location.path.clone()).or_insert(found);
            }
            locations
        })
    }
}

/// Spans count from 0, people from 1.
fn from_one(span: &[i32], index: usize) -> u32 {
    span.get(index).and_then(|n| u32::try_from(*n).ok()).map_or(0, |n| n.saturating_add(1))
}

fn comment(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
