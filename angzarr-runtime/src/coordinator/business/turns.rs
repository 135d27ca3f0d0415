//! Who waits for which root, and the states that are warm.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use uuid::Uuid;

use super::{Reply, Request};
use crate::coordinator::state::Folded;
use crate::error::Error;

/// How many books a round appends at most.
const ROUND: usize = 256;

/// How many callers of one aggregate wait at most, for all its roots together; those beyond that wait outside.
const QUEUE: usize = 4096;

/// How many bytes of states one aggregate keeps warm at most, by their encoded size.
pub(super) const WARM_BYTES: usize = 64 << 20;

/// What a warm state takes beyond its encoded size.
const OVERHEAD: usize = 256;

/// Somebody who waits.
pub(super) struct Pending {
    /// It moves often, and is large.
    pub(super) request: Box<Request>,
    answer: oneshot::Sender<Result<Reply, Error>>,
    /// Kept up to the answer, also for callers who have gone away.
    _room: OwnedSemaphorePermit,
    /// How often it was decided and another writer was faster.
    pub(super) attempts: u32,
    /// Whether the store failed at a book before it, so that it was not tried.
    pub(super) put_off: bool,
}

impl Pending {
    pub(super) fn new(
        request: Box<Request>,
        answer: oneshot::Sender<Result<Reply, Error>>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        Self { request, answer, _room: room, attempts: 0, put_off: false }
    }

    pub(super) fn answer(self, result: Result<Reply, Error>) {
        // Whoever has gone away does not need it.
        let _ = self.answer.send(result);
    }
}

/// The roots of one aggregate.
pub(super) struct Turns {
    roots: Mutex<Roots>,
    room: Arc<Semaphore>,
    /// For how many roots rounds are held.
    held: watch::Sender<usize>,
}

struct Roots {
    /// A queue exists as long as somebody holds rounds for its root.
    queues: HashMap<Uuid, VecDeque<Pending>>,
    warm: LruCache<Uuid, (Folded, usize)>,
    warm_bytes: usize,
    /// How many these may be.
    warm_limit: usize,
}

impl Turns {
    /// Keeps so many bytes of states warm.
    pub(super) fn new(warm_limit: usize) -> Self {
        let roots = Roots { queues: HashMap::new(), warm: LruCache::unbounded(), warm_bytes: 0, warm_limit };
        Self { roots: Mutex::new(roots), held: watch::Sender::new(0), room: Arc::new(Semaphore::new(QUEUE)) }
    }

    /// Room for one more who waits; none only once nobody may wait any more.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        self.room.clone().acquire_owned().await.ok()
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        // Nothing below panics between two changes that belong together.
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues somebody. If nobody holds rounds for the root, the caller has to see to it with what it gets.
    pub(super) fn enqueue(turns: &Arc<Self>, root: Uuid, pending: Pending) -> Option<Running> {
        let mut roots = turns.roots();
        let first = !roots.queues.contains_key(&root);
        roots.queues.entry(root).or_default().push_back(pending);
        drop(roots);
        first.then(|| {
            turns.held.send_modify(|held| *held += 1);
            Running { turns: turns.clone(), root, ended: false }
        })
    }

    /// How many states are warm, and how many bytes they have.
    pub(super) fn warm(&self) -> (usize, usize) {
        let roots = self.roots();
        (roots.warm.len(), roots.warm_bytes)
    }

    /// Waits until no rounds are held.
    pub(super) async fn idle(&self) {
        // Fails only without a sender, and that is ours.
        let _ = self.held.subscribe().wait_for(|held| *held == 0).await;
    }
}

/// The right to hold rounds for one root. If it is dropped before its end, those who wait are let go.
pub(super) struct Running {
    turns: Arc<Turns>,
    root: Uuid,
    ended: bool,
}

impl Running {
    /// The state that earlier rounds left.
    pub(super) fn warm(&self) -> Option<Folded> {
        let mut roots = self.turns.roots();
        let (folded, bytes) = roots.warm.pop(&self.root)?;
        roots.warm_bytes -= bytes;
        Some(folded)
    }

    /// Who is next.
    pub(super) fn next(&self) -> Vec<Pending> {
        let mut roots = self.turns.roots();
        let queue = roots.queues.get_mut(&self.root);
        queue.map(|queue| queue.drain(..queue.len().min(ROUND)).collect()).unwrap_or_default()
    }

    /// Puts somebody back in front, in order, to be decided again.
    pub(super) fn again(&self, pending: Vec<Pending>) {
        let mut roots = self.turns.roots();
        let queue = roots.queues.entry(self.root).or_default();
        for pending in pending.into_iter().rev() {
            queue.push_front(pending);
        }
    }

    /// Ends the rounds and leaves the state, of so many bytes, to later ones; unless somebody has come meanwhile.
    pub(super) fn end(&mut self, warm: Option<Folded>, bytes: usize) -> Result<(), Option<Folded>> {
        let mut roots = self.turns.roots();
        if roots.queues.get(&self.root).is_some_and(|queue| !queue.is_empty()) {
            return Err(warm);
        }
        roots.queues.remove(&self.root);
        self.ended = true;
        let evicted = warm.map(|warm| roots.keep(self.root, warm, bytes.saturating_add(OVERHEAD)));
        // States are freed after the lock.
        drop(roots);
        drop(evicted);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let left = self.turns.roots().queues.remove(&self.root);
            drop(left);
        }
        self.turns.held.send_modify(|held| *held -= 1);
    }
}

impl Roots {
    /// Gives what has to go.
    fn keep(&mut self, root: Uuid, folded: Folded, bytes: usize) -> Vec<Folded> {
        if bytes > self.warm_limit {
            return vec![folded];
        }
        let mut evicted = Vec::new();
        self.warm_bytes += bytes;
        if let Some((old, bytes)) = self.warm.put(root, (folded, bytes)) {
            self.warm_bytes -= bytes;
            evicted.push(old);
        }
        while self.warm_bytes > self.warm_limit
            && let Some((_, (old, bytes))) = self.warm.pop_lru()
        {
            self.warm_bytes -= bytes;
            evicted.push(old);
        }
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinator::business::{Source, Work};
    use crate::store::{StreamId, Trace};

    fn pending(turns: &Arc<Turns>, root: Uuid) -> (Option<Running>, oneshot::Receiver<Result<Reply, Error>>) {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            stream: StreamId::new("d", root),
            key: "a".into(),
            expected: None,
            idempotency_key: None,
            work: Work::Decide(Vec::new()),
            trace: Trace { correlation_id: "c".into(), cause: None, traceparent: None },
            span: tracing::Span::none(),
            source: Source::Client,
            deadline: None,
            occurred_at: None,
            arrived: crate::time::from_micros(0),
            seed: Uuid::nil(),
        };
        let room = turns.room.clone().try_acquire_owned().unwrap();
        (Turns::enqueue(turns, root, Pending::new(Box::new(request), answer, room)), answered)
    }

    fn folded() -> Folded {
        Folded { state: Box::new(()), next_sequence: 1, snapshot_next: 0, completed: false }
    }

    #[test]
    fn one_holds_rounds_and_the_others_queue() {
        let turns = Arc::new(Turns::new(WARM_BYTES));
        let (first, _first) = pending(&turns, Uuid::nil());
        let (second, _second) = pending(&turns, Uuid::nil());
        let mut running = first.unwrap();
        assert!(second.is_none());
        assert_eq!(running.next().len(), 2);
        // Somebody who comes before the end keeps the rounds going.
        let (third, _third) = pending(&turns, Uuid::nil());
        assert!(third.is_none());
        assert!(running.end(Some(folded()), 0).is_err_and(|warm| warm.is_some()));
        assert_eq!(running.next().len(), 1);
        assert!(running.end(Some(folded()), 0).is_ok());
        drop(running);
        let (later, _later) = pending(&turns, Uuid::nil());
        assert!(later.unwrap().warm().is_some());
    }

    #[tokio::test]
    async fn rounds_that_are_dropped_let_go_of_the_root() {
        let turns = Arc::new(Turns::new(WARM_BYTES));
        let (running, answered) = pending(&turns, Uuid::nil());
        drop(running);
        assert!(answered.await.is_err(), "whoever waited is told");
        turns.idle().await;
        assert!(pending(&turns, Uuid::nil()).0.is_some());
    }

    #[test]
    fn warm_states_are_bounded_by_bytes() {
        let turns = Arc::new(Turns::new(WARM_BYTES));
        let keep = |root: u128, bytes| {
            let mut running = pending(&turns, Uuid::from_u128(root)).0.unwrap();
            running.next();
            assert!(running.end(Some(folded()), bytes).is_ok());
        };
        let is_warm = |root: u128| turns.roots().warm.contains(&Uuid::from_u128(root));
        keep(1, WARM_BYTES / 2);
        keep(2, WARM_BYTES / 3);
        keep(3, WARM_BYTES);
        assert_eq!([1, 2, 3].map(is_warm), [true, true, false], "what is too large makes nobody else leave");
        keep(4, WARM_BYTES / 3);
        assert_eq!([1, 2, 4].map(is_warm), [false, true, true]);
        assert!(turns.roots().warm_bytes <= WARM_BYTES);
    }
}
