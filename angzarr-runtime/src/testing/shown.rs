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

/// What was expected, as the beginning of a sentence that goes on with "but".
pub(super) fn expected(payloads: &[Payload]) -> String {
    if payloads.is_empty() { "expected nothing, ".to_owned() } else { format!("expected\n{}", list(payloads)) }
}

/// What was done, as the end of a sentence.
pub(super) fn did(verb: &str, payloads: &[Payload]) -> String {
    if payloads.is_empty() { format!("{verb} nothing") } else { format!("{verb}\n{}", list(payloads)) }
}

/// Panics unless both are the same.
#[track_caller]
pub(super) fn assert_same(what: &str, expected: &[Payload], actual: &[Payload]) {
    if expected != actual {
        let texts = |payloads: &[Payload]| payloads.iter().map(text).collect::<Vec<_>>();
        let (old, new) = (texts(expected), texts(actual));
        if old == new {
            panic!("{what} look as expected, but are encoded differently:\n{}", list(actual));
        }
        panic!("{what} {UNEXPECTED}\n{}", diff(&old, &new));
    }
}

/// The same for one text.
#[track_caller]
pub(super) fn assert_same_text(what: &str, expected: &str, actual: &str) {
    if expected != actual {
        panic!("{what} {UNEXPECTED}\n{}", diff_lines(expected, actual));
    }
}

const UNEXPECTED: &str = "are not as expected (- expected, + actual)";

/// Messages that are missing and messages that are too many; of two of one type, the lines in which they differ.
fn diff(expected: &[String], actual: &[String]) -> String {
    let likeness = |old: &String, new: &String| match old.lines().next() == new.lines().next() {
        _ if old == new => 2,
        same_type => usize::from(same_type),
    };
    let pairs = aligned(expected, actual, likeness).into_iter();
    pairs.map(|(old, new)| diff_lines(old.map_or("", String::as_str), new.map_or("", String::as_str))).collect()
}

/// Lines that are missing and lines that are too much, among those that are common.
fn diff_lines(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let pairs = aligned(&expected, &actual, |old, new| usize::from(old == new)).into_iter();
    let lines = pairs.map(|pair| match pair {
        (Some(line), Some(_)) => format!("  {line}\n"),
        (old, new) => {
            let (mark, line) = if old.is_some() { ('-', old) } else { ('+', new) };
            format!("{mark} {}\n", line.copied().unwrap_or_default())
        }
    });
    lines.collect()
}

/// Pairs what belongs together, so that all of it is as alike as can be and stays in order; what is not alike at all stays
/// alone.
fn aligned<'a, T>(
    expected: &'a [T],
    actual: &'a [T],
    likeness: impl Fn(&T, &T) -> usize,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    // The best that can be reached from here to the end.
    let mut best = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for (i, old) in expected.iter().enumerate().rev() {
        for (j, new) in actual.iter().enumerate().rev() {
            let alone = best[i + 1][j].max(best[i][j + 1]);
            best[i][j] = alone.max(best[i + 1][j + 1] + likeness(old, new));
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < expected.len() || j < actual.len() {
        match (expected.get(i), actual.get(j)) {
            (Some(old), Some(new)) if best[i][j] > best[i + 1][j].max(best[i][j + 1]) => {
                pairs.push((Some(old), Some(new)));
                (i, j) = (i + 1, j + 1);
            }
            (Some(old), new) if new.is_none() || best[i + 1][j] >= best[i][j + 1] => {
                pairs.push((Some(old), None));
                i += 1;
            }
            (_, new) => {
                pairs.push((None, new));
                j += 1;
            }
        }
    }
    pairs
}
