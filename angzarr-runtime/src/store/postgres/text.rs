//! Text that PostgreSQL takes: any but that with the character 0, which therefore is written as another.

use std::borrow::Cow;

const ESCAPE: char = '\u{1}';

/// Written as `\u{1}0`, a 0 stays before all other characters where texts are ordered.
pub(super) fn encode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte <= 1) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1}1").replace('\0', "\u{1}0"))
}

/// What [`encode`] was given.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\u{1}0", "\0").replace("\u{1}1", "\u{1}"))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn every_text_comes_back_and_keeps_its_place() {
        let texts = [
            "", "\0", "\0\0", "\0\u{1}", "\0a", "\u{1}", "\u{1}\0", "\u{1}0", "\u{1}1", "\u{2}", "0", "a", "a\0",
            "a\u{1}0",
        ];
        for text in texts {
            assert!(!encode(text).contains('\0'));
            assert_eq!(decode(&encode(text)), text);
        }
        assert!(texts.is_sorted());
        assert!(texts.map(encode).is_sorted());
    }
}
