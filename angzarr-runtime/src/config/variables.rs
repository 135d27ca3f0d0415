//! `${VARIABLES}` of the environment.

use std::borrow::Cow;

/// Why variables cannot be put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadVariable {
    /// It is not set, and there is no default.
    Missing(String),
    /// Between the braces stands no name.
    NoName,
    /// A brace is not closed.
    Open,
}

/// Puts in what variables stand for: `${NAME}`, or `${NAME:-what holds if it is not set, or empty}`; `$$` is a `$`.
pub(super) fn expanded(text: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<String, BadVariable> {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            done.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (within, after) = after.split_once('}').ok_or(BadVariable::Open)?;
            done.push_str(&variable(within, variables)?);
            rest = after;
        } else {
            done.push('$');
        }
    }
    Ok(done + rest)
}

fn variable(within: &str, variables: &dyn Fn(&str) -> Option<String>) -> Result<String, BadVariable> {
    let (name, default) = match within.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (within, None),
    };
    let letters = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    if name.is_empty() || !name.bytes().all(letters) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(BadVariable::NoName);
    }
    match (variables(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(BadVariable::Missing(name.to_owned())),
    }
}

/// Where ASCII lies while it is masked: among characters that YAML takes for letters, and nobody writes.
const MASKED: u32 = 0xE000;

/// Hides variables from YAML, to which braces and colons mean something else. Each character stays one, so that places
/// stay what they are.
pub(super) fn masked(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at + 1);
        done.push_str(before);
        rest = after;
        // A variable ends on its line, and within the quotes that it stands in.
        let line = rest.split(['\n', '"']).next().unwrap_or_default();
        if rest.starts_with('$') {
            done.push('$');
            rest = &rest[1..];
        } else if let (true, Some(end)) = (rest.starts_with('{'), line.find('}')) {
            let (variable, after) = rest.split_at(end + 1);
            done.extend(variable.chars().map(mask));
            rest = after;
        }
    }
    done + rest
}

fn mask(character: char) -> char {
    if character.is_ascii() { char::from_u32(MASKED + u32::from(character)).unwrap_or(character) } else { character }
}

/// The text as it was before it was [`masked`].
pub(super) fn unmasked(text: &str) -> Cow<'_, str> {
    if !text.contains(is_mask) {
        return Cow::Borrowed(text);
    }
    let unmask = |character: char| {
        let ascii = if is_mask(character) { u32::from(character).checked_sub(MASKED) } else { None };
        ascii.and_then(char::from_u32).unwrap_or(character)
    };
    Cow::Owned(text.chars().map(unmask).collect())
}

/// Whether a character is what another one is masked by.
pub(super) fn is_mask(character: char) -> bool {
    (MASKED..MASKED + 0x80).contains(&u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in() {
        let set = |name: &str| match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            "ODD" => Some("${HOST}".to_owned()),
            _ => None,
        };
        let cases = [
            ("plain", "plain"),
            ("${HOST}", "db"),
            ("a ${HOST}, ${HOST}.", "a db, db."),
            ("${HOST:-other}", "db"),
            ("${GONE:-other: {one}", "other: {one"),
            ("${GONE:-}", ""),
            ("${EMPTY:-other}", "other"),
            ("${EMPTY}", ""),
            ("$${HOST}", "${HOST}"),
            ("a$b$", "a$b$"),
            // What a variable holds is taken as it is.
            ("${ODD}", "${HOST}"),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text, &set), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(expanded("${GONE}", &set), Err(BadVariable::Missing("GONE".to_owned())));
        for text in ["${}", "${a-b}", "${1A}", "${:-x}"] {
            assert_eq!(expanded(text, &set), Err(BadVariable::NoName), "{text}");
        }
        assert_eq!(expanded("${HOST", &set), Err(BadVariable::Open));
    }

    #[test]
    fn masks_change_nothing_but_variables_and_no_place() {
        for text in ["", "$", "${A", "$$", "$${A}", "a: {b: ${A:-ä, {} }}\nc: ${B}", "${A\n}", "\"${A\" }"] {
            let masked = masked(text);
            assert_eq!(unmasked(&masked), text);
            assert_eq!(masked.chars().count(), text.chars().count());
        }
        assert_eq!(masked("${A"), "${A");
        assert_eq!(masked("$${A}"), "$${A}");
        assert_eq!(masked("\"${A\" }"), "\"${A\" }");
        assert!(!masked("x${A:-b}y").contains(['{', ':', '}']));
    }
}
