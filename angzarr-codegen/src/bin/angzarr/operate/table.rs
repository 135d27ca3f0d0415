//! Tables and lines for people.

use comfy_table::{Table, presets};

use crate::console::{print, tell};

/// How many characters of a cell are shown. A table that is laid out around more takes minutes; `--json` has all of it.
const WIDEST: usize = 2_000;

/// Prints rows below a header; tells that there are none otherwise.
pub(super) fn print_table<const N: usize>(header: [&str; N], rows: Vec<[String; N]>) {
    if rows.is_empty() {
        tell(&"none");
        return;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| plain(&begun(cell)))));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    print(&table.trim_fmt());
}

/// The beginning of a text, if it is a long one.
fn begun(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(WIDEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A text in one line: what others have written must not steer a terminal.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}
