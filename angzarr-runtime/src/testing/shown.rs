//! Messages as text, and how two lists of them differ.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use crate::message::Payload;

type Show = fn(&Payload) -> Option<String>;

/// How to show what was encoded in this process, by the names of types.
static KNOWN: Mutex<BTreeMap<&'static str, Show>> = Mutex::new(BTreeMap::new());

/// Remembers the Rust type behind a name.
pub(crate) fn learn<M: prost::Message + Debug + Default + 'static>(type_name: &'static str) {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(type_name, show::<M>);
}

fn show<M: prost::Message + Debug + Default>(payload: &Payload) -> Option<String> {
    payload.decode::<M>().ok().map(|message| format!("{message:#?}"))
}

/// A message under its full name.
pub(super) fn text(payload: &Payload) -> String {
    let show = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&*payload.type_name).copied();
    match show.and_then(|show| show(payload)) {
        Some(debug) => named(&payload.type_name, &debug),
        None => format!("{} of {} bytes", payload.type_name, payload.value.len()),
    }
}

/// `Debug` text in which the type has its full name.
fn named(type_name: &str, debug: &str) -> String {
    match debug.split_once(' ') {
        Some((_, fields)) => format!("{type_name} {fields}"),
        None => type_name.to_owned(),
    }
}

/// Each message on lines of its own.
pub(super) fn list(payloads: &[Payload]) -> String {
    payloads.iter().map(|payload| format!("  {}\n", text(payload).replace('\n', "\n  "))).collect()
}

/// Panics unless both are the same.
#[track_caller]
pub(super) fn assert_same(what: &str, expected: &[Payload], actual: &[Payload]) {
    if expected != actual {
        let all = |payloads: &[Payload]| payloads.iter().map(|payload| text(payload) + "\n").collect::<String>();
        assert_same_text(what, &all(expected), &all(actual));
        panic!("{what} look as expected, but are encoded differently:\n{}", list(actual));
    }
}

/// The same for texts.
#[track_caller]
pub(super) fn assert_same_text(what: &str, expected: &str, actual: &str) {
    if expected != actual {
        let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
        panic!("{what} are not as expected (- expected, + actual)\n{}", diff(&expected, &actual));
    }
}

/// Lines that are missing and lines that are too much, among those that are common.
fn diff(expected: &[&str], actual: &[&str]) -> String {
    // How many lines are common from here to the end.
    let mut common = vec![vec![0_usize; actual.len() + 1]; expected.len() + 1];
    for (i, old) in expected.iter().enumerate().rev() {
        for (j, new) in actual.iter().enumerate().rev() {
            common[i][j] = if old == new { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    let mut line = |mark: char, line: &str| text.extend([&*mark.to_string(), " ", line, "\n"]);
    while i < expected.len() || j < actual.len() {
        if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            line(' ', expected[i]);
            (i, j) = (i + 1, j + 1);
        } else if i < expected.len() && (j == actual.len() || common[i + 1][j] >= common[i][j + 1]) {
            line('-', expected[i]);
            i += 1;
        } else {
            line('+', actual[j]);
            j += 1;
        }
    }
    text
}
