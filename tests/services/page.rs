//! Console sessions of a page.

/// A command, and what it shows.
pub(crate) struct Session {
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

/// The commands of all `console` blocks; one goes on in the next line while a quote is open, and behind a `\`.
pub(crate) fn sessions(page: &str) -> Vec<Session> {
    let mut found: Vec<Session> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.lines().take_while(|line| *line != "```") {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Session { command: command.to_owned(), shown: Vec::new() }),
                (None, Some(last)) if goes_on(&last.command) && last.shown.is_empty() => {
                    last.command.push('\n');
                    last.command.push_str(line);
                }
                (None, Some(last)) => last.shown.push(line.to_owned()),
                (None, None) => panic!("`{line}` is shown before anything is run"),
            }
        }
    }
    found
}

fn goes_on(command: &str) -> bool {
    command.ends_with('\\') || command.matches('\'').count() % 2 == 1
}

/// The first of the shown lines that was not printed behind those before it. `…` stands for anything: for lines, where it is
/// alone.
pub(crate) fn missing(shown: &[String], printed: &str) -> Option<String> {
    let mut lines = printed.lines();
    shown.iter().filter(|line| line.trim() != "…").find(|line| !lines.any(|printed| fits(line, printed))).cloned()
}

fn fits(shown: &str, printed: &str) -> bool {
    let mut rest = printed;
    let mut parts = shown.split('…');
    let begins = parts.next().is_none_or(|first| match rest.strip_prefix(first) {
        Some(behind) => {
            rest = behind;
            true
        }
        None => false,
    });
    let all = parts.all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    });
    begins && all && (rest.is_empty() || shown.ends_with('…'))
}

#[test]
fn shown_lines_are_looked_for_in_order() {
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    assert_eq!(missing(&shown(&["{", "…", "  \"a\": \"…\"", "}"]), "{\n  \"b\": 1,\n  \"a\": \"x\"\n}\n"), None);
    assert_eq!(missing(&shown(&["b", "a"]), "a\nb\n"), Some("a".to_owned()));
    assert_eq!(missing(&shown(&["a"]), "ab\n"), Some("a".to_owned()));
}
