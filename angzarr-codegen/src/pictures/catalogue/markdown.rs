//! Plain text as Markdown. Comments are plain text but for what stands between backticks, which is code there too.

/// Characters that would mean something.
const SPECIAL: [char; 10] = ['\\', '&', '*', '_', '[', ']', '<', '>', '|', '~'];

/// Several lines of text; empty lines part paragraphs.
pub(super) fn prose(text: &str) -> String {
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Text on one line, for a cell of a table.
pub(super) fn cell(text: &str) -> String {
    prose(text).replace('\n', " ")
}

/// Code on one line, also within a table.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// Backticks that have no partner stay what they are.
fn line(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line.trim_end();
    if rest.trim_start().starts_with('#') {
        text.push('\\');
    }
    while let Some((before, after)) = rest.split_once('`') {
        escape(&mut text, before);
        match after.split_once('`') {
            Some((inside, behind)) => {
                text.push_str(&code(inside));
                rest = behind;
            }
            None => {
                text.push_str("\\`");
                rest = after;
            }
        }
    }
    escape(&mut text, rest);
    text
}

fn escape(to: &mut String, text: &str) {
    for character in text.chars() {
        if SPECIAL.contains(&character) {
            to.push('\\');
        }
        to.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_means_something() {
        assert_eq!(
            prose("a <b> of `c_d|e` and *f* | g_h [i](j)"),
            "a \\<b\\> of `c_d\\|e` and \\*f\\* \\| g\\_h \\[i\\](j)"
        );
        assert_eq!(prose("# no title\n\n~~a~~ ` b"), "\\# no title\n\n\\~\\~a\\~\\~ \\` b");
        assert_eq!(cell("one\ntwo"), "one two");
    }
}
