//! Words inside an option. Descriptors have one place for a whole option, however many values it sets.

/// From where to where, as lines and columns from 1, the end excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: (u32, u32),
    pub(crate) end: (u32, u32),
}

/// Where the `nth` identifier `word` within an extent is, counted from 0, or the text right behind it and a colon, if
/// there is one. What stands in strings and comments does not count.
pub(crate) fn find(text: &str, extent: Extent, word: &str, nth: usize) -> Option<Extent> {
    let mut seen = 0;
    let mut tokens = Tokens::within(text, extent).peekable();
    while let Some(token) = tokens.next() {
        if token.kind != Kind::Word || token.text != word {
            continue;
        }
        if seen < nth {
            seen += 1;
            continue;
        }
        tokens.next_if(|next| matches!(next.text, ":" | "="));
        let value = tokens.next_if(|next| next.kind == Kind::String);
        return Some(value.unwrap_or(token).extent);
    }
    None
}

/// Where the first identifier `word` within an extent is. What stands in strings and comments does not count.
pub(crate) fn word(text: &str, extent: Extent, word: &str) -> Option<Extent> {
    let mut tokens = Tokens::within(text, extent);
    tokens.find(|token| token.kind == Kind::Word && token.text == word).map(|token| token.extent)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    String,
    Other,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    extent: Extent,
}

/// The words, strings and single other characters of a text, without space and comments.
struct Tokens<'a> {
    rest: &'a str,
    place: (u32, u32),
    end: (u32, u32),
}

impl<'a> Tokens<'a> {
    fn within(text: &'a str, extent: Extent) -> Self {
        let mut tokens = Tokens { rest: text, place: (1, 1), end: extent.end };
        while tokens.place < extent.start && !tokens.rest.is_empty() {
            tokens.advance(1);
        }
        tokens
    }

    /// Takes a number of characters.
    fn advance(&mut self, characters: usize) -> &'a str {
        let length = self.rest.char_indices().nth(characters).map_or(self.rest.len(), |(at, _)| at);
        let (taken, rest) = self.rest.split_at(length);
        for character in taken.chars() {
            self.place = if character == '\n' { (self.place.0 + 1, 1) } else { (self.place.0, self.place.1 + 1) };
        }
        self.rest = rest;
        taken
    }

    fn skip_space_and_comments(&mut self) {
        loop {
            let space = self.rest.chars().take_while(|character| character.is_whitespace()).count();
            let length = match self.rest {
                _ if space > 0 => space,
                rest if rest.starts_with("//") || rest.starts_with('#') => {
                    rest.chars().take_while(|character| *character != '\n').count()
                }
                rest if rest.starts_with("/*") => {
                    let inside = rest.get(2..).unwrap_or_default();
                    inside
                        .find("*/")
                        .map_or(usize::MAX, |end| inside.get(..end).unwrap_or_default().chars().count() + 4)
                }
                _ => return,
            };
            self.advance(length);
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_space_and_comments();
        let start = self.place;
        let first = self.rest.chars().next().filter(|_| start < self.end)?;
        let part = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
        let (kind, length) = match first {
            _ if part(&first) => (Kind::Word, self.rest.chars().take_while(part).count()),
            '"' | '\'' => (Kind::String, quoted(self.rest, first)),
            _ => (Kind::Other, 1),
        };
        let text = self.advance(length);
        Some(Token { kind, text, extent: Extent { start, end: self.place.min(self.end) } })
    }
}

/// How many characters a string has, quotes included; an open one ends with its line.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let mut length = 1;
    for character in text.chars().skip(1) {
        if character == '\n' {
            break;
        }
        length += 1;
        if character == quote && !escaped {
            break;
        }
        escaped = character == '\\' && !escaped;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Extent = Extent { start: (1, 1), end: (9, 1) };

    fn place(start: (u32, u32), end: (u32, u32)) -> Option<Extent> {
        Some(Extent { start, end })
    }

    #[test]
    fn whole_words_outside_of_strings_and_comments() {
        let text = "{ estate: \"state\\\" state\" // state\n /* ä state */ # state\n states: 'state' state: 1 }";
        assert_eq!(find(text, ALL, "state", 0), place((3, 18), (3, 23)));
        assert_eq!(find(text, ALL, "state", 1), None);
        assert_eq!(find(text, ALL, "nothing", 0), None);
    }

    #[test]
    fn the_text_that_a_word_is_given() {
        let text = "{ key: 'ä\\'b' key /* or */ : \"c\" key: [\"d\"] }";
        assert_eq!(find(text, ALL, "key", 0), place((1, 8), (1, 14)));
        assert_eq!(find(text, ALL, "key", 1), place((1, 30), (1, 33)));
        assert_eq!(find(text, ALL, "key", 2), place((1, 34), (1, 37)));
    }

    #[test]
    fn a_word_and_not_its_text() {
        assert_eq!(word("{ a: \"stat\" stat: \"b\" }", ALL, "stat"), place((1, 13), (1, 17)));
        assert_eq!(word("stats", ALL, "stat"), None);
    }

    #[test]
    fn only_within_the_extent() {
        assert_eq!(find("io io io", Extent { start: (1, 2), end: (1, 6) }, "io", 0), place((1, 4), (1, 6)));
        assert_eq!(find("io io", Extent { start: (1, 3), end: (1, 4) }, "io", 0), None);
        assert_eq!(find("", ALL, "io", 0), None);
        assert_eq!(find("\"io", ALL, "io", 0), None);
        assert_eq!(find("/* io", ALL, "io", 0), None);
    }
}
