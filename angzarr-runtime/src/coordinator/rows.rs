//! The rows of a view while its projector is at work: those that were changed and are not committed yet, and those that
//! are at hand because they were used lately.

use std::collections::HashMap;

use bytes::Bytes;
use lru::LruCache;

use crate::store::EventRef;
use crate::view::{Entry, Key, Taken, Writer};

/// How many bytes of committed rows a projector keeps at hand.
const AT_HAND: usize = 32 << 20;

/// What an entry takes beside its key and its row, about.
const OVERHEAD: usize = 320;

/// Everything that is known under one lease.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) writer: Writer,
    changed: HashMap<Key, Entry>,
    at_hand: LruCache<Key, Entry>,
    bytes: usize,
    /// Of whom nothing is known here nothing is known in the store.
    all: bool,
}

fn weight(key: &Key, entry: &Entry) -> usize {
    let parts: usize = key.parts().iter().map(|part| part.len() + size_of::<String>()).sum();
    parts + entry.row.as_ref().map_or(0, Bytes::len) + OVERHEAD
}

impl Rows {
    pub(super) fn new(token: u64, taken: Taken) -> Self {
        Self {
            writer: Writer { token, version: taken.version },
            changed: HashMap::new(),
            at_hand: LruCache::unbounded(),
            bytes: 0,
            all: taken.empty,
        }
    }

    /// What is known of a key; none if the store has to be asked.
    pub(super) fn find(&mut self, key: &Key) -> Option<Option<Entry>> {
        let known = self.changed.get(key).or_else(|| self.at_hand.get(key)).cloned();
        if known.is_some() || self.all { Some(known) } else { None }
    }

    /// A handler has made this of a row.
    pub(super) fn change(&mut self, key: Key, event: EventRef, row: Option<Bytes>) {
        self.changed.insert(key, Entry { event, row });
    }

    /// What is to be committed.
    pub(super) fn changed(&self) -> Vec<(Key, Entry)> {
        self.changed.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect()
    }

    /// That was committed. What was changed again meanwhile, by a later event then, waits for the next time.
    pub(super) fn committed(&mut self, keys: Vec<(Key, EventRef)>) {
        for (key, event) in keys {
            if self.changed.get(&key).is_some_and(|entry| entry.event == event)
                && let Some(entry) = self.changed.remove(&key)
            {
                self.keep(key, entry);
            }
        }
    }

    /// Keeps an entry at hand, and lets go of what was not used for the longest time.
    pub(super) fn keep(&mut self, key: Key, entry: Entry) {
        self.bytes += weight(&key, &entry);
        if let Some((key, old)) = self.at_hand.push(key, entry) {
            self.bytes -= weight(&key, &old);
        }
        while self.bytes > AT_HAND
            && let Some((key, entry)) = self.at_hand.pop_lru()
        {
            self.bytes -= weight(&key, &entry);
            self.all = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(empty: bool) -> Rows {
        Rows::new(1, Taken { version: 1, checkpoint: 0, empty })
    }

    fn at(position: u64) -> EventRef {
        EventRef { position, part: 0 }
    }

    fn entry(position: u64, row: &'static str) -> Entry {
        Entry { event: at(position), row: Some(Bytes::from(row)) }
    }

    #[test]
    fn what_changes_while_it_is_committed_waits_for_the_next_time() {
        let (mut rows, key) = (rows(true), Key::from("a"));
        assert_eq!(rows.find(&key), Some(None), "the store has nothing");
        rows.change(key.clone(), at(1), Some(Bytes::from("1")));
        rows.change(Key::from("b"), at(2), None);
        let committing: Vec<_> = rows.changed().into_iter().map(|(key, entry)| (key, entry.event)).collect();
        rows.change(key.clone(), at(3), Some(Bytes::from("3")));
        rows.committed(committing);
        assert_eq!(rows.changed(), [(key.clone(), entry(3, "3"))]);
        assert_eq!(rows.find(&Key::from("b")), Some(Some(Entry { event: at(2), row: None })), "it is kept at hand");
        rows.committed(vec![(key.clone(), at(3))]);
        assert_eq!((rows.changed(), rows.find(&key)), (vec![], Some(Some(entry(3, "3")))));
    }

    #[test]
    fn what_does_not_fit_is_asked_for_again() {
        let mut rows = rows(true);
        let large = || Entry { event: at(1), row: Some(Bytes::from(vec![0; AT_HAND / 2])) };
        for key in ["a", "b", "a"] {
            rows.keep(Key::from(key), large());
        }
        assert_eq!(rows.find(&Key::from("a")), Some(Some(large())));
        assert_eq!(rows.find(&Key::from("b")), None);
        assert_eq!(rows.find(&Key::from("c")), None, "it may be one of those that did not fit");
        assert!(rows.bytes <= AT_HAND);
    }
}
