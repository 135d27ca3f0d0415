//! Names and texts as Python spells them.

use angzarr_model::languages::LANGUAGES;

/// Whether a name is a word of the language, so that no code can write it.
pub(crate) fn is_keyword(name: &str) -> bool {
    LANGUAGES.iter().any(|language| language.name == "Python" && language.keywords.contains(&name))
}

/// The same name, with an underscore behind it if it is a word of the language.
pub(super) fn identifier(name: &str) -> String {
    if is_keyword(name) { format!("{name}_") } else { name.to_owned() }
}

/// A part of a file's path as the name of a module or a folder.
pub(super) fn segment(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut name: String = text.chars().map(|c| if word(c) { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, '_');
    }
    identifier(&name)
}

/// The lines of a docstring, without indentation; none without a text.
pub(super) fn docstring(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.is_empty() {
        return Vec::new();
    }
    // A quote that stands last would end the docstring too early.
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut lines: Vec<String> =
        escaped.lines().map(|line| line.replace(char::is_control, " ").trim_end().to_owned()).collect();
    if let Some(first) = lines.first_mut() {
        first.insert_str(0, "\"\"\"");
    }
    match lines.as_mut_slice() {
        [only] => only.push_str("\"\"\""),
        _ => lines.push("\"\"\"".to_owned()),
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names() {
        assert_eq!(
            ["v1", "my-orders", "import", "2024", ""].map(segment),
            ["v1", "my_orders", "import_", "_2024", "_"]
        );
    }

    #[test]
    fn docstrings_end_where_they_should() {
        assert_eq!(docstring(" \n"), Vec::<String>::new());
        assert_eq!(docstring("Says \"no\""), [r#""""Says \"no\"""""#]);
        assert_eq!(docstring("A \\ and\n  more"), [r#""""A \\ and"#, "  more", "\"\"\""]);
    }
}
