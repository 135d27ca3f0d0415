//! The rows of a view while its projector is at work: those that were changed and are not committed yet, and those that
//! are at hand because they were used lately.

use bytes::Bytes;
use lru::LruCache;

use crate::component::ReturnedRow;
use crate::store::EventRef;
use crate::view::{Change, Entry, Key, Writer};

/// How many bytes of committed rows a projector keeps at hand at most.
pub(super) const AT_HAND: usize = 32 << 20;

/// How many bytes of changed rows wait for a commit at most; what lanes are at comes on top.
const UNSTORED: usize = 32 << 20;

/// What an entry takes beside its key and its row, about.
const OVERHEAD: usize = 256;

/// Everything that is known under one lease.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) writer: Writer,
    known: LruCache<Key, Known>,
    bytes: usize,
    /// How many these may be of rows that are committed.
    at_hand: usize,
    /// Of whom nothing is known here nothing is known in the store.
    all: bool,
    /// How many commits have begun, and how many had when the last one that succeeded had begun.
    begun: u64,
    stored: u64,
    /// The last checkpoint that was committed with them.
    checkpoint: u64,
    /// What was changed since the last commit began.
    changed: Vec<Changed>,
    /// What is in that commit, until it is stored.
    committing: Vec<Changed>,
    /// Of both, in bytes.
    unstored: usize,
}

/// A row that a handler changed.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    key: Key,
    event: EventRef,
    row: Option<ReturnedRow>,
}

impl Changed {
    fn weight(&self) -> usize {
        self.key.as_str().len() + self.row.as_ref().map_or(0, |row| row.bytes().len()) + OVERHEAD
    }

    /// As it is stored: columns and JSON are made for that.
    pub(super) fn into_stored(self) -> Change {
        Change { key: self.key, event: self.event, row: self.row.as_ref().map(ReturnedRow::stored) }
    }
}

/// What is known of a key: the last event that its row is made from, or that deleted it, and the row.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) event: EventRef,
    row: Option<Row>,
}

#[derive(Clone, Debug)]
enum Row {
    Returned(ReturnedRow),
    Stored(Bytes),
}

impl Found {
    /// The encoded row; none if it was deleted.
    pub(super) fn row(&self) -> Option<&[u8]> {
        self.row.as_ref().map(|row| match row {
            Row::Returned(row) => row.bytes(),
            Row::Stored(row) => row,
        })
    }
}

impl From<Entry> for Found {
    fn from(Entry { event, row }: Entry) -> Self {
        Self { event, row: row.map(Row::Stored) }
    }
}

#[derive(Debug)]
struct Known {
    found: Found,
    /// How many commits had begun when it was changed, and where it is among the changes since; none if it was read.
    changed: Option<(u64, usize)>,
}

fn weight(key: &Key, found: &Found) -> usize {
    key.as_str().len() + found.row().map_or(0, <[u8]>::len) + OVERHEAD
}

/// What is known of a key that is used now, where it is noted that it was. That is noted once it may be asked for: to note
/// it takes longer than to find it.
fn used<'a>(known: &'a mut LruCache<Key, Known>, key: &Key, noted: bool) -> Option<&'a mut Known> {
    if noted { known.get_mut(key) } else { known.peek_mut(key) }
}

impl Rows {
    /// Nothing is known yet of the rows as of `checkpoint`; the store knows nothing either if it is `empty`. So many bytes
    /// of committed rows are kept at hand.
    pub(super) fn new(writer: Writer, checkpoint: u64, empty: bool, at_hand: usize) -> Self {
        Self {
            writer,
            known: LruCache::unbounded(),
            bytes: 0,
            at_hand,
            all: empty,
            begun: 0,
            stored: 0,
            checkpoint,
            changed: Vec::new(),
            committing: Vec::new(),
            unstored: 0,
        }
    }

    /// What is known of a key; none if the store has to be asked.
    pub(super) fn find(&mut self, key: &Key) -> Option<Option<Found>> {
        let known = used(&mut self.known, key, self.bytes > self.at_hand / 2).map(|known| known.found.clone());
        if known.is_some() || self.all { Some(known) } else { None }
    }

    /// A handler has made this of a row.
    pub(super) fn change(&mut self, key: Key, event: EventRef, row: Option<ReturnedRow>) {
        let found = Found { event, row: row.clone().map(Row::Returned) };
        let change = Changed { key: key.clone(), event, row };
        self.bytes += weight(&key, &found);
        let mut changed = Some((self.begun, self.changed.len()));
        match used(&mut self.known, &key, self.bytes > self.at_hand / 2) {
            Some(known) => {
                self.bytes -= weight(&key, &known.found);
                if known.changed.is_some_and(|(begun, _)| begun == self.begun) {
                    changed = known.changed;
                }
                *known = Known { found, changed };
            }
            None => {
                self.known.put(key, Known { found, changed });
            }
        }
        self.unstored += change.weight();
        match changed.and_then(|(_, place)| self.changed.get_mut(place)) {
            Some(earlier) => self.unstored -= std::mem::replace(earlier, change).weight(),
            None => self.changed.push(change),
        }
        self.let_go();
    }

    /// Whether so much waits for a commit that nothing more should be changed before that.
    pub(super) fn are_many(&self) -> bool {
        self.unstored >= UNSTORED
    }

    /// The last checkpoint that was committed.
    pub(super) fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    /// What is to be committed: what was changed since this was called before, and what came of that if it was not stored.
    pub(super) fn commit(&mut self) -> Vec<Changed> {
        let changed = std::mem::take(&mut self.changed);
        let same =
            |change: &Changed| self.known.peek(&change.key).is_some_and(|known| known.found.event == change.event);
        self.committing.retain(same);
        self.committing.extend(changed);
        self.unstored = self.committing.iter().map(Changed::weight).sum();
        self.begun += 1;
        self.committing.clone()
    }

    /// That was committed; what was changed again meanwhile waits for the next time. Gives what is of no more use.
    pub(super) fn committed(&mut self, checkpoint: u64) -> Vec<Changed> {
        let committed = std::mem::take(&mut self.committing);
        self.unstored = self.changed.iter().map(Changed::weight).sum();
        self.checkpoint = checkpoint;
        self.stored = self.begun;
        self.let_go();
        committed
    }

    /// Keeps what the store says of a key, for whoever handles its lane.
    pub(super) fn keep(&mut self, key: Key, found: Found) {
        if !self.known.contains(&key) {
            self.bytes += weight(&key, &found);
            self.known.put(key, Known { found, changed: None });
            self.let_go();
        }
    }

    /// Lets go of what was not used for the longest time, if it is stored.
    fn let_go(&mut self) {
        while self.bytes > self.at_hand
            && let Some((_, known)) = self.known.peek_lru()
            && known.changed.is_none_or(|(begun, _)| begun < self.stored)
            && let Some((key, known)) = self.known.pop_lru()
        {
            self.bytes -= weight(&key, &known.found);
            self.all = false;
        }
    }
}

/// Changes in parts that a store takes in one message each: a row is stored three times over.
pub(super) fn parts(changes: Vec<Changed>) -> Vec<Vec<Change>> {
    let (mut parts, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for change in changes.into_iter().map(Changed::into_stored) {
        let more = change.row.as_ref().map_or(0, |row| row.bytes.len());
        if bytes + more > UNSTORED && bytes > 0 {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += more;
        part.push(change);
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(empty: bool) -> Rows {
        Rows::new(Writer { token: 1, version: 1 }, 0, empty, AT_HAND)
    }

    fn at(position: u64) -> EventRef {
        EventRef { position, part: 0 }
    }

    fn entry(position: u64, row: &'static str) -> Entry {
        Entry { event: at(position), row: Some(Bytes::from(row)) }
    }

    fn returned(row: &'static str) -> Option<ReturnedRow> {
        Some(ReturnedRow::plain(row))
    }

    fn find(rows: &mut Rows, key: &Key) -> Option<Option<Entry>> {
        let entry = |found: Found| Entry { event: found.event, row: found.row().map(Bytes::copy_from_slice) };
        rows.find(key).map(|found| found.map(entry))
    }

    fn commit(rows: &mut Rows) -> Vec<Change> {
        rows.commit().into_iter().map(Changed::into_stored).collect()
    }

    fn change(key: &str, position: u64, row: &'static str) -> Change {
        Change { key: Key::from(key), event: at(position), row: returned(row).map(|row| row.stored()) }
    }

    #[test]
    fn what_changes_while_it_is_committed_waits_for_the_next_time() {
        let (mut rows, key) = (rows(true), Key::from("a"));
        assert_eq!(find(&mut rows, &key), Some(None), "the store has nothing");
        rows.change(key.clone(), at(1), returned("0"));
        rows.change(Key::from("b"), at(2), None);
        rows.change(key.clone(), at(2), returned("1"));
        let deleted = Change { key: Key::from("b"), event: at(2), row: None };
        assert_eq!(commit(&mut rows), [change("a", 2, "1"), deleted], "each once");
        rows.change(key.clone(), at(3), returned("3"));
        rows.committed(1);
        assert_eq!(
            find(&mut rows, &Key::from("b")),
            Some(Some(Entry { event: at(2), row: None })),
            "it is kept at hand"
        );
        assert_eq!(commit(&mut rows), [change("a", 3, "3")]);
        rows.committed(1);
        assert_eq!((commit(&mut rows), find(&mut rows, &key)), (vec![], Some(Some(entry(3, "3")))));
    }

    #[test]
    fn a_commit_that_failed_is_made_again_with_the_next_one() {
        let mut rows = rows(true);
        for key in ["a", "b"] {
            rows.change(Key::from(key), at(1), returned("1"));
        }
        rows.commit();
        rows.change(Key::from("b"), at(2), returned("2"));
        rows.change(Key::from("c"), at(3), returned("3"));
        assert_eq!(commit(&mut rows), [change("a", 1, "1"), change("b", 2, "2"), change("c", 3, "3")]);
        assert_eq!(rows.commit().len(), 3);
        rows.committed(1);
        assert_eq!(commit(&mut rows), []);
    }

    #[test]
    fn what_is_not_stored_stays() {
        let mut rows = rows(true);
        let large = || ReturnedRow::plain(vec![0; AT_HAND / 2]);
        let is_known = |rows: &mut Rows, key: &str| find(rows, &Key::from(key)).is_some();
        for key in ["a", "b", "c"] {
            rows.change(Key::from(key), at(1), Some(large()));
        }
        // It fails the first time.
        rows.commit();
        rows.commit();
        rows.change(Key::from("d"), at(2), Some(large()));
        assert!(["a", "b", "c", "d"].iter().all(|key| is_known(&mut rows, key)));
        rows.committed(1);
        assert!(!is_known(&mut rows, "a") && is_known(&mut rows, "d"), "the oldest ones are let go");
        assert!(rows.bytes <= AT_HAND);
    }

    #[test]
    fn a_commit_of_large_rows_is_made_in_parts() {
        let large = |key: &str, bytes| {
            let row = Some(ReturnedRow::plain(vec![0; bytes]));
            Changed { key: Key::from(key), event: at(1), row }
        };
        let changes = [large("a", UNSTORED / 2), large("b", UNSTORED / 2), large("c", 1), large("d", 2 * UNSTORED)];
        let sizes = |parts: Vec<Vec<Change>>| parts.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(parts(changes.into())), [2, 1, 1]);
        assert_eq!(sizes(parts(Vec::new())), [0]);
    }

    #[test]
    fn what_waits_for_a_commit_is_counted_in_bytes() {
        let mut rows = rows(true);
        let half = || Some(ReturnedRow::plain(vec![0; UNSTORED / 2]));
        rows.change(Key::from("a"), at(1), half());
        rows.change(Key::from("a"), at(2), half());
        assert!(!rows.are_many(), "there is one");
        rows.change(Key::from("b"), at(3), half());
        assert!(rows.are_many());
        rows.commit();
        assert!(rows.are_many(), "it is not stored yet");
        rows.change(Key::from("c"), at(4), half());
        rows.committed(1);
        assert!(!rows.are_many());
        rows.committed(1);
        assert_eq!(rows.unstored, half().unwrap().bytes().len() + OVERHEAD + 1);
    }

    #[test]
    fn what_does_not_fit_is_asked_for_again() {
        let mut rows = rows(true);
        let large = || Entry { event: at(1), row: Some(Bytes::from(vec![0; AT_HAND / 2])) };
        for key in ["b", "a"] {
            rows.keep(Key::from(key), large().into());
        }
        assert_eq!(find(&mut rows, &Key::from("a")), Some(Some(large())));
        assert_eq!(find(&mut rows, &Key::from("b")), None);
        assert_eq!(find(&mut rows, &Key::from("c")), None, "it may be one of those that did not fit");
        assert!(rows.bytes <= AT_HAND);
    }
}
