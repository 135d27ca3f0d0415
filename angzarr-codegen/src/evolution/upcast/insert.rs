//! Text into files of the user's: only insertions, so that what he wrote stays as it is.

use super::At;
use crate::report::Place;

const OPTIONS: &str = "angzarr/v1/options.proto";

/// A text with a part inserted; nothing, if the place is not there.
pub(super) fn insert(text: &str, at: &At, part: &str) -> Option<String> {
    let (offset, inserted) = match at {
        At::End => (text.trim_end().len(), format!("\n\n{part}")),
        At::After(place) => (commented(text, block(text, place)?.1 + 1)?, format!("\n\n{part}")),
        At::First(place) => {
            let (open, close) = block(text, place)?;
            let start = commented(text, open + 1)?;
            let on_line = text.get(start..close)?.split('\n').next().map(str::trim).unwrap_or_default();
            if !on_line.is_empty() {
                // The block goes on in its first line, and so does the part.
                let (head, rest) = text.split_at_checked(start)?;
                return Some(format!("{head} {part} {}", rest.trim_start()));
            }
            // Nothing else between the braces: the part may have the line of its own.
            let end = if text.get(start..close)?.trim().is_empty() { "\n" } else { "\n\n" };
            let (head, rest) = text.split_at_checked(start)?;
            let after = rest.trim_start_matches('\n');
            return Some(format!("{head}\n  {part}{end}{after}"));
        }
        At::Last(place) => {
            let close = block(text, place)?.1;
            let before = text.get(..close)?;
            let line = before.trim_end_matches([' ', '\t']);
            if line.ends_with('\n') { (line.len(), format!("  {part}\n")) } else { (close, format!(" {part} ")) }
        }
    };
    Some(format!("{}{inserted}{}", text.get(..offset)?, text.get(offset..)?))
}

/// Where a line goes on: behind a comment that belongs to what ends at an offset.
fn commented(text: &str, offset: usize) -> Option<usize> {
    let line = text.get(offset..)?.split('\n').next()?;
    Some(if line.trim_start().starts_with("//") { offset + line.len() } else { offset })
}

/// A text with short line ends, if it has none but long ones; one that has both stays as it is.
pub(super) fn short_line_ends(text: &str) -> String {
    if only_long(text) { text.replace("\r\n", "\n") } else { text.to_owned() }
}

/// The way back, for what that made of a text.
pub(super) fn line_ends_of(like: &str, text: String) -> String {
    if only_long(like) { text.replace('\n', "\r\n") } else { text }
}

fn only_long(text: &str) -> bool {
    text.contains('\n') && text.matches('\n').count() == text.matches("\r\n").count()
}

/// A text that imports the annotations.
pub(super) fn import(text: &str) -> String {
    if text.contains(OPTIONS) {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = |word: &str| lines.iter().rposition(|line| line.starts_with(word));
    // Beside the other imports, or below the package, or below the syntax.
    let (after, gap) = match (at("import "), at("package ").or(at("syntax "))) {
        (Some(import), _) => (import + 1, ""),
        (None, Some(package)) => (package + 1, "\n"),
        (None, None) => (0, ""),
    };
    let (head, rest) = lines.split_at(after.min(lines.len()));
    format!("{}{gap}import \"{OPTIONS}\";\n{}", head.concat(), rest.concat())
}

/// Offsets of the braces of the block whose name stands at a place.
fn block(text: &str, place: &Place) -> Option<(usize, usize)> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let start = start + text.get(start..)?.chars().take(column).map(char::len_utf8).sum::<usize>();
    let mut open = None;
    let mut depth = 0_usize;
    let mut inside = Inside::Code;
    let mut characters = text.get(start..)?.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        inside = match (inside, character) {
            (Inside::Code, '"' | '\'') => Inside::Quotes(character),
            (Inside::Code, '/') if next == Some('/') => Inside::Line,
            (Inside::Code, '/') if next == Some('*') => Inside::Comment,
            (Inside::Code, '{') => {
                open = open.or(Some(start + offset));
                depth += 1;
                Inside::Code
            }
            (Inside::Code, '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some((open?, start + offset));
                }
                Inside::Code
            }
            (Inside::Quotes(quote), character) if character == quote => Inside::Code,
            (Inside::Quotes(_), '\\') => {
                characters.next();
                inside
            }
            (Inside::Line, '\n') => Inside::Code,
            (Inside::Comment, '*') if next == Some('/') => Inside::Code,
            _ => inside,
        };
    }
    None
}

/// What a character is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Code,
    Quotes(char),
    Line,
    Comment,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32, column: u32) -> Place {
        Place { line, column, ..Place::default() }
    }

    const TEXT: &str =
        "package t;\nmessage A { // }\n  string b = 1 [default = \"}\\\"\"]; /* } */\n  message C {}\n}\n";

    #[test]
    fn braces_in_strings_and_comments_do_not_count() {
        let after = insert(TEXT, &At::After(place(2, 9)), "message D {}").unwrap();
        assert_eq!(after, TEXT.replace("{}\n}\n", "{}\n}\n\nmessage D {}\n"));
        let last = insert(TEXT, &At::Last(place(2, 9)), "int32 e = 2;").unwrap();
        assert_eq!(last, TEXT.replace("{}\n}\n", "{}\n  int32 e = 2;\n}\n"));
        assert_eq!(insert("message A {}", &At::Last(place(1, 9)), "x;").unwrap(), "message A { x; }");
        assert_eq!(insert("message A {\n}\n", &At::First(place(1, 9)), "x;").unwrap(), "message A {\n  x;\n}\n");
        assert_eq!(insert("message A {y;}", &At::First(place(1, 9)), "x;").unwrap(), "message A { x; y;}");
        assert_eq!(insert("message A { y; }", &At::First(place(1, 9)), "x;").unwrap(), "message A { x; y; }");
        assert_eq!(
            insert("message A {\n\n  y;\n}\n", &At::First(place(1, 9)), "x;").unwrap(),
            "message A {\n  x;\n\n  y;\n}\n"
        );
        assert_eq!(insert("message A {}\n\n\n", &At::End, "x").unwrap(), "message A {}\n\nx\n\n\n");
    }

    #[test]
    fn comments_stay_with_what_they_follow() {
        let text = "message A { // {\n  y;\n} // }\nmessage B {}\n";
        let first = insert(text, &At::First(place(1, 9)), "x;").unwrap();
        assert_eq!(first, text.replace("// {\n", "// {\n  x;\n\n"));
        let after = insert(text, &At::After(place(1, 9)), "x").unwrap();
        assert_eq!(after, text.replace("// }\n", "// }\n\nx\n"));
    }

    #[test]
    fn line_ends_are_those_of_the_file() {
        let long = "message A {\r\n}\r\n";
        let inserted = insert(&short_line_ends(long), &At::First(place(1, 9)), "x;\n  y;").unwrap();
        assert_eq!(line_ends_of(long, inserted), "message A {\r\n  x;\r\n  y;\r\n}\r\n");
        for both in ["a\nb\n", "a\r\nb\n", "a"] {
            assert_eq!(short_line_ends(both), both);
            assert_eq!(line_ends_of(both, format!("{both}x\n")), format!("{both}x\n"));
        }
    }

    #[test]
    fn places_that_are_not_there() {
        assert_eq!(insert(TEXT, &At::After(place(9, 9)), "x"), None);
        assert_eq!(insert("message A {", &At::After(place(1, 9)), "x"), None);
        assert_eq!(insert(TEXT, &At::After(place(0, 0)), "x"), None);
    }

    #[test]
    fn the_import_is_added_once() {
        let line = "import \"angzarr/v1/options.proto\";\n";
        assert_eq!(import(line), line);
        let bare = "syntax = \"proto3\";\n\npackage t;\n\nmessage A {}\n";
        assert_eq!(import(bare), bare.replace("package t;\n", &format!("package t;\n\n{line}")));
        let more = "package t;\nimport \"a.proto\";\n";
        assert_eq!(import(more), format!("{more}{line}"));
    }
}
