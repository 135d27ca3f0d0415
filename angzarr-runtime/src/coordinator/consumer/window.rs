//! What was read and is not done for good: the order of the log, and the lanes. No I/O.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::store::{EventRef, Record};

/// How many events may lie between the checkpoint and what is read, done or not.
const SPAN: usize = 1 << 18;

/// While so many lanes wait for others to be done, what is read could not be begun either.
const READY: usize = 1024;

/// How many bytes of events that wait are kept; the others are read again when it is their turn.
const BYTES: usize = 32 << 20;

/// What an event that waits takes beyond its payload.
const OVERHEAD: usize = 256;

/// Which one it is of all that were read.
pub(super) type Ticket = u64;

/// That of a deadline, which does not come from reading on.
pub(super) const NO_TICKET: Ticket = Ticket::MAX;

/// An event that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) event: EventRef,
    /// None if there was no room for it; so a place in a queue is small.
    pub(super) record: Option<Box<Record>>,
}

struct Slot {
    event: EventRef,
    done: bool,
}

/// A lane of which an event is being handled or waits.
#[derive(Default)]
struct Queue {
    busy: bool,
    /// Nothing of it is begun until it goes on.
    rests: bool,
    waiting: VecDeque<Waiting>,
}

/// Events from the checkpoint to what was read last.
pub(super) struct Window {
    /// In the order of the log. The first one is not done.
    slots: VecDeque<Slot>,
    /// Ticket of the first slot.
    first: Ticket,
    /// Everything up to here was read.
    read: u64,
    lanes: HashMap<Arc<str>, Queue>,
    /// Lanes that are not busy and have something that waits.
    ready: VecDeque<Arc<str>>,
    /// Of what waits.
    bytes: usize,
}

impl Window {
    /// Begins behind a checkpoint.
    pub(super) fn new(position: u64) -> Self {
        let (slots, lanes, ready) = (VecDeque::new(), HashMap::new(), VecDeque::new());
        Self { slots, first: 0, read: position, lanes, ready, bytes: 0 }
    }

    /// Everything up to here was read.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Whether more may lie between the checkpoint and what is read.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < SPAN
    }

    /// Whether there is no point in reading more before a lane that is at work is done.
    pub(super) fn is_ahead(&self) -> bool {
        self.ready.len() >= READY
    }

    /// Everything up to here is done.
    pub(super) fn done_up_to(&self) -> u64 {
        self.slots.front().map_or(self.read, |slot| slot.event.position - 1)
    }

    /// Whether everything from one position to another is done, though something before it may not be.
    pub(super) fn is_done(&self, from: u64, to: u64) -> bool {
        let begin = self.slots.partition_point(|slot| slot.event.position < from);
        let mut between = self.slots.iter().skip(begin).take_while(|slot| slot.event.position <= to);
        to <= self.read && between.all(|slot| slot.done)
    }

    /// Takes up an event that was read.
    pub(super) fn add(&mut self, event: EventRef) -> Ticket {
        self.slots.push_back(Slot { event, done: false });
        self.first + (self.slots.len() as u64 - 1)
    }

    /// Everything up to here was read, and added if it mattered.
    pub(super) fn reach(&mut self, position: u64) {
        self.read = self.read.max(position);
    }

    pub(super) fn finish(&mut self, ticket: Ticket) {
        if ticket == NO_TICKET {
            return;
        }
        let index = usize::try_from(ticket - self.first).unwrap_or(usize::MAX);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.done = true;
        }
        while self.slots.front().is_some_and(|slot| slot.done) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Whether nothing of a lane is being handled or waits.
    pub(super) fn is_free(&self, lane: &str) -> bool {
        self.lanes.is_empty() || !self.lanes.contains_key(lane)
    }

    /// Has a lane's events wait until [`Window::next`] is called for it.
    pub(super) fn keep_busy(&mut self, lane: Arc<str>) {
        self.lanes.entry(lane).or_default().busy = true;
    }

    /// Lets an event wait for its turn in its lane.
    pub(super) fn wait(&mut self, lane: &Arc<str>, ticket: Ticket, mut record: Record) {
        let event = EventRef { position: record.position, part: record.part };
        let bytes = record.payload.value.len() + OVERHEAD;
        let kept = (self.bytes + bytes <= BYTES).then(|| {
            // What it was read with must not stay in memory with it.
            record.payload.value = Bytes::copy_from_slice(&record.payload.value);
            Box::new(record)
        });
        self.bytes += kept.as_ref().map_or(0, |_| bytes);
        if !self.lanes.contains_key(lane) {
            self.ready.push_back(lane.clone());
        }
        self.lanes.entry(lane.clone()).or_default().waiting.push_back(Waiting { ticket, event, record: kept });
    }

    /// Lets nothing of a lane be begun, so that it rests once what is being handled is done.
    pub(super) fn rest(&mut self, lane: &str) {
        self.lanes.entry(lane.into()).or_default().rests = true;
    }

    /// Whether a lane that is to rest does so.
    pub(super) fn rests(&self, lane: &str) -> bool {
        self.lanes.get(lane).is_none_or(|lane| !lane.busy)
    }

    /// Lets a lane go on that was to rest.
    pub(super) fn go_on(&mut self, name: &str) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.rests = false;
        if lane.busy {
            return;
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(name);
        } else {
            self.ready.push_back(name.into());
        }
    }

    /// What a lane does next; if there is nothing, the lane is free.
    pub(super) fn next(&mut self, lane: &str) -> Option<Waiting> {
        if let Some(lane) = self.lanes.get_mut(lane).filter(|lane| lane.rests) {
            lane.busy = false;
            return None;
        }
        let next = self.lanes.get_mut(lane).and_then(|lane| lane.waiting.pop_front());
        match &next {
            Some(waiting) => self.release(waiting),
            None => drop(self.lanes.remove(lane)),
        }
        next
    }

    /// A lane that is not busy, and what it does first.
    pub(super) fn start(&mut self) -> Option<(Arc<str>, Waiting)> {
        while let Some(name) = self.ready.pop_front() {
            // One that was cleared may have come again meanwhile, and have started.
            let Some(lane) = self.lanes.get_mut(&name).filter(|lane| !lane.busy && !lane.rests) else { continue };
            lane.busy = true;
            if let Some(waiting) = self.next(&name) {
                return Some((name, waiting));
            }
        }
        None
    }

    /// Everything that waits in a lane, which is free then unless it is to rest.
    pub(super) fn clear(&mut self, lane: &str) -> Vec<Waiting> {
        let waiting: Vec<_> = match self.lanes.get_mut(lane) {
            Some(resting) if resting.rests => resting.waiting.drain(..).collect(),
            _ => self.lanes.remove(lane).into_iter().flat_map(|lane| lane.waiting).collect(),
        };
        waiting.iter().for_each(|waiting| self.release(waiting));
        waiting
    }

    fn release(&mut self, waiting: &Waiting) {
        self.bytes -= waiting.record.as_ref().map_or(0, |record| record.payload.value.len() + OVERHEAD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::store::{RecordKind, StreamId, Trace};
    use crate::time;
    use uuid::Uuid;

    fn record(position: u64, bytes: usize) -> Record {
        Record {
            stream: StreamId::new("d", Uuid::nil()),
            key: "k".into(),
            sequence: 0,
            position,
            kind: RecordKind::Event,
            part: 0,
            parts: 0,
            payload: Payload { type_name: "T".into(), value: vec![0; bytes].into() },
            created_at: time::from_micros(0),
            occurred_at: None,
            trace: Trace { correlation_id: "c".into(), cause: None, traceparent: None },
        }
    }

    fn add(window: &mut Window, position: u64) -> Ticket {
        window.add(EventRef { position, part: 0 })
    }

    #[test]
    fn the_checkpoint_stays_before_what_is_not_done() {
        let mut window = Window::new(10);
        let (a, b, c) = (add(&mut window, 12), add(&mut window, 15), add(&mut window, 15));
        window.reach(20);
        assert_eq!((window.done_up_to(), window.read()), (11, 20));
        window.finish(b);
        assert_eq!(window.done_up_to(), 11);
        assert!(window.is_done(11, 11) && window.is_done(13, 14) && window.is_done(16, 20), "nobody wants them");
        assert!(!window.is_done(12, 12) && !window.is_done(13, 15) && !window.is_done(20, 21));
        window.finish(a);
        assert_eq!(window.done_up_to(), 14, "a part of it is not done");
        window.finish(c);
        assert_eq!(window.done_up_to(), 20);
        assert!(window.is_done(12, 15));
    }

    #[test]
    fn lanes_take_turns_in_their_order() {
        let mut window = Window::new(0);
        for position in 1..=4 {
            let ticket = add(&mut window, position);
            window.wait(&if position % 2 == 0 { "even" } else { "odd" }.into(), ticket, record(position, 1));
        }
        assert!(!window.is_free("odd") && window.is_free("other"));
        let positions = |waiting: Option<Waiting>| waiting.map(|waiting| waiting.event.position);
        let (odd, first) = window.start().unwrap();
        assert_eq!((&*odd, first.event.position), ("odd", 1));
        assert_eq!(positions(window.next("odd")), Some(3));
        assert_eq!(positions(window.next("odd")), None);
        assert!(window.is_free("odd"));
        assert_eq!(window.clear("even").len(), 2);
        assert!(window.start().is_none(), "it was cleared");
        let ticket = add(&mut window, 5);
        window.wait(&"even".into(), ticket, record(5, 1));
        assert_eq!(positions(window.start().map(|(_, waiting)| waiting)), Some(5));
        assert_eq!(window.bytes, 0);
    }

    #[test]
    fn lanes_that_cannot_be_begun_are_enough_at_some_point() {
        let mut window = Window::new(0);
        window.keep_busy("busy".into());
        for position in 1..=READY as u64 {
            assert!(!window.is_ahead());
            for lane in ["busy".into(), position.to_string().into()] {
                let ticket = add(&mut window, position);
                window.wait(&lane, ticket, record(position, 1));
            }
        }
        assert!(window.is_ahead());
        window.start().unwrap();
        assert!(!window.is_ahead());
    }

    #[test]
    fn lanes_that_rest_begin_nothing() {
        let mut window = Window::new(0);
        let wait = |window: &mut Window, position| {
            let ticket = add(window, position);
            window.wait(&"lane".into(), ticket, record(position, 1));
        };
        wait(&mut window, 1);
        assert!(window.start().is_some());
        window.rest("lane");
        wait(&mut window, 2);
        assert!(!window.rests("lane"), "it is at the first event");
        assert!(window.next("lane").is_none() && window.rests("lane"));
        wait(&mut window, 3);
        assert!(window.start().is_none() && !window.is_free("lane"));
        window.go_on("lane");
        let (_, first) = window.start().unwrap();
        assert_eq!((first.event.position, window.next("lane").map(|waiting| waiting.event.position)), (2, Some(3)));
        assert!(window.next("lane").is_none() && window.is_free("lane"));

        window.rest("lane");
        wait(&mut window, 4);
        assert_eq!(window.clear("lane").len(), 1);
        assert!(!window.is_free("lane"), "it was parked meanwhile, and still is to rest");
        window.go_on("lane");
        assert!(window.is_free("lane") && window.bytes == 0);
    }

    #[test]
    fn what_waits_is_bounded_by_bytes() {
        let mut window = Window::new(0);
        for position in 1..=3 {
            let ticket = add(&mut window, position);
            window.wait(&"lane".into(), ticket, record(position, BYTES / 2));
        }
        let kept: Vec<_> = window.clear("lane").into_iter().map(|waiting| waiting.record.is_some()).collect();
        assert_eq!((kept, window.bytes), (vec![true, false, false], 0));
    }
}
