//! Where calls wait.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::{Call, StoreFault};

/// One gate for each kind of call.
#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: HashMap<Call, Gate>,
}

#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) held: bool,
    waiting: VecDeque<oneshot::Sender<Option<StoreFault>>>,
    /// What happens to the next calls that are not held.
    pub(super) next: VecDeque<StoreFault>,
}

/// How a call gets through.
pub(super) enum Passage {
    Free(Option<StoreFault>),
    Held(oneshot::Receiver<Option<StoreFault>>),
}

impl Gates {
    pub(super) fn of(&mut self, call: Call) -> &mut Gate {
        self.gates.entry(call).or_default()
    }

    pub(super) fn open_all(&mut self) {
        self.gates.values_mut().for_each(Gate::open);
    }
}

impl Gate {
    pub(super) fn enter(&mut self) -> Passage {
        if !self.held {
            return Passage::Free(self.next.pop_front());
        }
        let (pass, passed) = oneshot::channel();
        self.waiting.push_back(pass);
        Passage::Held(passed)
    }

    pub(super) fn someone_waits(&mut self) -> bool {
        // Some may have gone away.
        self.waiting.retain(|pass| !pass.is_closed());
        !self.waiting.is_empty()
    }

    pub(super) fn pass(&mut self, fault: Option<StoreFault>) {
        if let Some(pass) = self.waiting.pop_front() {
            // Whoever went away meanwhile does nothing.
            let _ = pass.send(fault);
        }
    }

    pub(super) fn open(&mut self) {
        self.held = false;
        // Dropped: they go on.
        self.waiting.clear();
    }
}
