//! Who waits for which root, and the states that are warm.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Outcome, Request};
use crate::coordinator::state::Folded;
use crate::error::Error;

/// How many books a round appends at most.
const ROUND: usize = 256;

/// How many bytes of states one aggregate keeps warm, by their encoded size.
const WARM_BYTES: usize = 64 << 20;

/// What a warm state takes beyond its encoded size.
const OVERHEAD: usize = 256;

/// Somebody who waits.
pub(super) struct Pending {
    pub(super) request: Request,
    answer: oneshot::Sender<Result<Outcome, Error>>,
    /// How often it has been decided in vain.
    pub(super) attempts: u32,
}

impl Pending {
    pub(super) fn new(request: Request, answer: oneshot::Sender<Result<Outcome, Error>>) -> Self {
        Self { request, answer, attempts: 0 }
    }

    pub(super) fn answer(self, result: Result<Outcome, Error>) {
        // Whoever has gone away does not need it.
        let _ = self.answer.send(result);
    }
}

/// The roots of one aggregate.
pub(super) struct Turns {
    roots: Mutex<Roots>,
}

struct Roots {
    /// A queue exists as long as somebody holds rounds for its root.
    queues: HashMap<Uuid, VecDeque<Pending>>,
    warm: LruCache<Uuid, (Folded, usize)>,
    warm_bytes: usize,
}

impl Turns {
    pub(super) fn new() -> Self {
        let roots = Roots { queues: HashMap::new(), warm: LruCache::unbounded(), warm_bytes: 0 };
        Self { roots: Mutex::new(roots) }
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        // Nothing below panics between two changes that belong together.
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues somebody; true if nobody holds rounds for the root, so that the caller has to see to it.
    pub(super) fn enqueue(&self, root: Uuid, pending: Pending) -> bool {
        let mut roots = self.roots();
        let first = !roots.queues.contains_key(&root);
        roots.queues.entry(root).or_default().push_back(pending);
        first
    }

    /// Who is next, with the warm state; none if nobody waits, which ends the rounds and leaves `warm` to the next ones.
    pub(super) fn next(
        &self,
        root: Uuid,
        warm: Option<Folded>,
        size: impl Fn(&Folded) -> usize,
    ) -> Option<(Vec<Pending>, Option<Folded>)> {
        let mut roots = self.roots();
        let queue = roots.queues.get_mut(&root)?;
        if queue.is_empty() {
            roots.queues.remove(&root);
            if let Some(warm) = warm {
                let bytes = size(&warm) + OVERHEAD;
                roots.keep(root, warm, bytes);
            }
            return None;
        }
        let batch = queue.drain(..queue.len().min(ROUND)).collect();
        Some((batch, warm.or_else(|| roots.take(root))))
    }

    /// Puts somebody back in front, in order, to be decided again.
    pub(super) fn again(&self, root: Uuid, pending: Vec<Pending>) {
        let mut roots = self.roots();
        let queue = roots.queues.entry(root).or_default();
        for pending in pending.into_iter().rev() {
            queue.push_front(pending);
        }
    }

    /// Marks that rounds are held; if they end without saying so, those who wait are let go.
    pub(super) fn running(&self, root: Uuid) -> Running<'_> {
        Running { turns: self, root, done: false }
    }
}

impl Roots {
    fn keep(&mut self, root: Uuid, folded: Folded, bytes: usize) {
        self.warm_bytes += bytes;
        if let Some((_, old)) = self.warm.put(root, (folded, bytes)) {
            self.warm_bytes -= old;
        }
        while self.warm_bytes > WARM_BYTES
            && let Some((_, (_, old))) = self.warm.pop_lru()
        {
            self.warm_bytes -= old;
        }
    }

    fn take(&mut self, root: Uuid) -> Option<Folded> {
        let (folded, bytes) = self.warm.pop(&root)?;
        self.warm_bytes -= bytes;
        Some(folded)
    }
}

/// Rounds that are held.
pub(super) struct Running<'a> {
    turns: &'a Turns,
    root: Uuid,
    done: bool,
}

impl Running<'_> {
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.turns.roots().queues.remove(&self.root);
        }
    }
}
