//! Texts of the files that findings are about.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Place;
use crate::frontend::BYTE_ORDER_MARK;

/// Bytes of the longest line that is shown. What drawing one takes grows by the square of its length, and there may be
/// a finding for each word of it.
pub(super) const LONGEST_LINE: usize = 2_000;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it lies on disk.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &Path, text: String) -> Self {
        let text = text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text);
        // Includes often are the current directory, which nobody writes in front of a path.
        Source { path: path.strip_prefix(".").unwrap_or(path).to_path_buf(), text }
    }
}

/// The files of a run by their names, shared by everything that shows lines of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources(Arc<BTreeMap<String, Source>>);

/// What compilers count as columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Columns {
    /// Bytes of the line.
    #[default]
    Bytes,
    /// Bytes of the line, but a tab leads to the next multiple of eight: protoc and those who follow it.
    TabStops,
}

impl Sources {
    pub(crate) fn new(files: BTreeMap<String, Source>) -> Self {
        Sources(Arc::new(files))
    }

    pub(crate) fn get(&self, file: &str) -> Option<&Source> {
        self.0.get(file)
    }

    /// How people and tools find a file: by its path on disk, or by its name if that is not known.
    pub(super) fn shown(&self, file: &str) -> String {
        self.get(file).map_or_else(|| file.to_owned(), |source| source.path.to_string_lossy().into_owned())
    }

    /// The file of a place, and the bytes of it that the place stands for: within its first line, and at least one
    /// character wide unless the line is over.
    pub(super) fn excerpt(&self, place: &Place) -> Option<(&str, Range<usize>)> {
        let text = self.get(&place.file)?.text.as_str();
        let (start_of_line, line) = line(text, place.line)?;
        let last = if place.end_line > place.line { u32::MAX } else { place.end_column.max(place.column + 1) };
        let start = offset(line, place.column);
        let end = offset(line, last).max(start);
        Some((text, start_of_line + start..start_of_line + end))
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where a line, counted from 1, begins, and the line without its end.
pub(super) fn line(text: &str, number: u32) -> Option<(usize, &str)> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    let mut start = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        if at == index {
            return Some((start, line.trim_end_matches(['\n', '\r'])));
        }
        start += line.len();
    }
    None
}

/// The byte at which a column, counted in characters from 1, begins; the end of the line if it is shorter.
fn offset(line: &str, column: u32) -> usize {
    let characters = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
}

/// The column in characters, from 1, of what a compiler calls a column, from 0.
pub(crate) fn characters(line: &str, column: u32, columns: Columns) -> u32 {
    let mut reached = 0_u32;
    let mut characters = 1_u32;
    for character in line.chars() {
        if reached >= column {
            return characters;
        }
        reached = match (character, columns) {
            ('\t', Columns::TabStops) => (reached / 8 + 1) * 8,
            _ => reached.saturating_add(u32::try_from(character.len_utf8()).unwrap_or(1)),
        };
        characters += 1;
    }
    characters.saturating_add(column.saturating_sub(reached))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_characters() {
        assert_eq!(characters("\tä b", 0, Columns::Bytes), 1);
        assert_eq!(characters("\tä b", 1, Columns::Bytes), 2);
        assert_eq!(characters("\tä b", 4, Columns::Bytes), 4);
        assert_eq!(characters("\tä b", 8, Columns::TabStops), 2);
        assert_eq!(characters("a\tb", 8, Columns::TabStops), 3);
        assert_eq!(characters("ab", 9, Columns::Bytes), 10);
    }

    #[test]
    fn an_excerpt_stays_within_its_line_and_its_file() {
        let file = Source::new(Path::new("a"), "eins\r\nzwei drei\n".to_owned());
        let sources = Sources::new(BTreeMap::from([("a".to_owned(), file)]));
        let at = |line, column, end_line, end_column| {
            let place = Place { file: "a".to_owned(), line, column, end_line, end_column };
            sources.excerpt(&place).map(|(text, range)| text.get(range).map(str::to_owned))
        };
        assert_eq!(at(2, 6, 2, 10), Some(Some("drei".to_owned())));
        assert_eq!(at(2, 6, 2, 6), Some(Some("d".to_owned())));
        assert_eq!(at(1, 3, 2, 2), Some(Some("ns".to_owned())));
        assert_eq!(at(1, 90, 1, 91), Some(Some(String::new())));
        assert_eq!(at(3, 1, 3, 2), None);
        assert_eq!(at(0, 0, 0, 0), None);
    }
}
