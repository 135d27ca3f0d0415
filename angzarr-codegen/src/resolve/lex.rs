//! Words inside an option. Descriptors have one place for a whole option, however many values it sets.

/// From where to where, as lines and columns from 1, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: (u32, u32),
    pub(super) end: (u32, u32),
}

/// The place of the first identifier `word` within an extent; what stands in strings and comments does not count.
pub(super) fn find(text: &str, extent: Extent, word: &str) -> Option<(u32, u32)> {
    let mut characters = text.chars().peekable();
    let mut place = (1, 1);
    // The character before decides whether an identifier or a comment begins here.
    let mut identifier: Option<((u32, u32), String)> = None;
    let mut quote = None;
    let mut comment: Option<&str> = None;
    while let Some(character) = characters.next() {
        if place >= extent.end {
            break;
        }
        let next = characters.peek().copied();
        if place >= extent.start {
            let part = character.is_ascii_alphanumeric() || character == '_';
            if part && quote.is_none() && comment.is_none() {
                identifier.get_or_insert_with(|| (place, String::new())).1.push(character);
            } else if let Some((start, _)) = identifier.take_if(|(_, found)| found == word) {
                return Some(start);
            } else {
                identifier = None;
            }
            match (comment, quote, character) {
                (Some("line"), _, '\n') => comment = None,
                (Some("block"), _, '*') if next == Some('/') => comment = None,
                (None, None, '/') if next == Some('/') => comment = Some("line"),
                (None, None, '/') if next == Some('*') => comment = Some("block"),
                (None, None, '#') => comment = Some("line"),
                (None, None, '"' | '\'') => quote = Some(character),
                (None, Some(_), '\\') if next.is_some_and(|escaped| escaped != '\n') => {
                    characters.next();
                    place.1 += 1;
                }
                (None, Some(open), _) if open == character => quote = None,
                _ => {}
            }
        }
        place = if character == '\n' { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
    }
    identifier.filter(|(_, found)| found == word).map(|(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Extent = Extent { start: (1, 1), end: (9, 1) };

    #[test]
    fn whole_words_outside_of_strings_and_comments() {
        let text = "{ estate: \"state\\\" state\" // state\n /* state */ # state\n states: 'state' state: 1 }";
        assert_eq!(find(text, ALL, "state"), Some((3, 18)));
        assert_eq!(find(text, ALL, "nothing"), None);
    }

    #[test]
    fn only_within_the_extent() {
        assert_eq!(find("io io io", Extent { start: (1, 2), end: (1, 6) }, "io"), Some((1, 4)));
        assert_eq!(find("io io", Extent { start: (1, 3), end: (1, 4) }, "io"), None);
        assert_eq!(find("", ALL, "io"), None);
    }
}
