//! What processes print, each line with the name of who did.

use std::io::{BufRead, BufReader, Read, Write};
use std::thread;

/// Of names, one after the other.
const COLOURS: [u8; 6] = [36, 33, 35, 32, 34, 31];

/// What stands before the lines of one process.
#[derive(Clone, Debug)]
pub(super) struct Prefix(String);

impl Prefix {
    /// Of the `index`-th name, as wide as the widest.
    pub(super) fn new(name: &str, index: usize, width: usize) -> Self {
        let colour = COLOURS[index % COLOURS.len()];
        Self(format!("\x1b[{colour}m{name:width$} |\x1b[0m "))
    }

    /// Copies what comes, until nothing does any more.
    pub(super) fn copy(&self, from: impl Read + Send + 'static) {
        let prefix = self.0.clone();
        thread::spawn(move || {
            let (mut from, mut line) = (BufReader::new(from), Vec::new());
            while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                // Colours are dropped where nobody could see them; that nobody reads is no reason to stop.
                let _ = writeln!(anstream::stdout().lock(), "{prefix}{}", text.trim_end_matches(['\n', '\r']));
                line.clear();
            }
        });
    }
}
