//! Folded states that are kept between calls.
//!
//! All of them are folded from stored events only. So what is kept of a root, for one start of one runtime, is known by
//! the sequence that it ends before.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use uuid::Uuid;

use super::answer::malformed;
use crate::component::{State, Stateful};
use crate::coordinator::guarded;
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::history::Base;

/// How many bytes of states are kept, by their encoded size.
const KEPT_BYTES: usize = 64 << 20;

/// What a state takes beyond its encoded size.
const OVERHEAD: usize = 256;

/// Whose state it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) component: &'static str,
    pub(super) runtime_epoch: Bytes,
    pub(super) root: Uuid,
}

#[derive(Debug)]
pub(super) struct States(Mutex<Inner>);

struct Inner {
    kept: LruCache<Owner, Kept>,
    bytes: usize,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("kept", &self.kept.len()).field("bytes", &self.bytes).finish()
    }
}

struct Kept {
    state: State,
    next_sequence: u32,
    bytes: usize,
}

/// Why there is no state to decide on.
pub(super) enum Lacking {
    /// What is kept ends before this sequence, which is not what the history builds upon.
    History(u32),
    /// A fold failed.
    Failed(Failure),
}

impl From<Failure> for Lacking {
    fn from(failure: Failure) -> Self {
        Lacking::Failed(failure)
    }
}

macro_rules! outcomes {
    ($($outcome:path)*) => {$(
        impl From<Lacking> for $outcome {
            fn from(lacking: Lacking) -> Self {
                match lacking {
                    Lacking::History(holds) => Self::NeedsHistory(proto::NeedsHistory { holds }),
                    Lacking::Failed(failure) => Self::Failure(failure.into()),
                }
            }
        }
    )*};
}
outcomes! {
    proto::handle_response::Outcome
    proto::fold_response::Outcome
    proto::process_manager_handle_response::Outcome
}

/// What a history folds to, for one call.
pub(super) struct Folded<'a> {
    states: &'a States,
    logic: &'a dyn Stateful,
    owner: Owner,
    /// What is stored, and nothing else: this is what is kept.
    stored: State,
    ahead: Option<State>,
    next_sequence: u32,
}

impl Folded<'_> {
    /// The state to decide on.
    pub(super) fn state(&self) -> &State {
        self.ahead.as_ref().unwrap_or(&self.stored)
    }

    /// Keeps what is stored for later calls; gives the sequence that it ends before, or 0 if there is no room.
    pub(super) fn keep(self) -> u32 {
        self.states.keep(self.logic, self.owner, self.stored, self.next_sequence)
    }
}

/// The history of a request.
pub(super) fn history(history: Option<proto::History>) -> Result<proto::History, tonic::Status> {
    history.ok_or_else(|| malformed("history"))
}

impl States {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { kept: LruCache::unbounded(), bytes: 0 }))
    }

    /// What a history folds to. What is kept is taken out, if the history builds upon that.
    pub(super) async fn fold<'a>(
        &'a self,
        logic: &'a dyn Stateful,
        owner: Owner,
        epoch: &Bytes,
        history: &proto::History,
    ) -> Result<Folded<'a>, Lacking> {
        let stored = self.stored(logic, &owner, epoch, history)?;
        let ahead = ahead(logic, &owner, &stored, history).await?;
        Ok(Folded { states: self, logic, owner, stored, ahead, next_sequence: history.next })
    }

    /// The state that everything which is stored folds to.
    fn stored(
        &self,
        logic: &dyn Stateful,
        owner: &Owner,
        epoch: &Bytes,
        history: &proto::History,
    ) -> Result<State, Lacking> {
        let kept = self.take(owner);
        let mut state = match &history.base {
            None => logic.new_state(),
            Some(Base::State(state)) => {
                let unreadable = || Failure::new("PAYLOAD_MALFORMED", "the state of a snapshot does not decode");
                logic.decode_state(&Payload::from_any(state.clone())).ok_or_else(unreadable)?
            }
            Some(Base::Held(next)) => match kept {
                Some(kept) if kept.next_sequence == *next && history.service_epoch == *epoch => kept.state,
                Some(kept) => return Err(Lacking::History(kept.next_sequence)),
                None => return Err(Lacking::History(0)),
            },
        };
        fold_all(logic, owner, &mut state, &history.events)?;
        Ok(state)
    }

    /// Keeps a state, unless there is no room for it; gives the sequence that it ends before, or 0.
    fn keep(&self, logic: &dyn Stateful, owner: Owner, state: State, next_sequence: u32) -> u32 {
        let bytes = logic.encoded_len(&state) + OVERHEAD;
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes > KEPT_BYTES {
            // It would push everything else out, and then itself.
            return 0;
        }
        inner.bytes += bytes;
        if let Some(before) = inner.kept.put(owner, Kept { state, next_sequence, bytes }) {
            inner.bytes -= before.bytes;
        }
        while inner.bytes > KEPT_BYTES
            && let Some((_, oldest)) = inner.kept.pop_lru()
        {
            inner.bytes -= oldest.bytes;
        }
        next_sequence
    }

    fn take(&self, owner: &Owner) -> Option<Kept> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = inner.kept.pop(owner)?;
        inner.bytes -= kept.bytes;
        Some(kept)
    }
}

/// A state with what is not stored yet, beside the one without; none if there is nothing of that.
async fn ahead(
    logic: &dyn Stateful,
    owner: &Owner,
    state: &State,
    history: &proto::History,
) -> Result<Option<State>, Failure> {
    if history.pending.is_empty() {
        return Ok(None);
    }
    let encoded = logic.encode_state(state, history.next).done().await?;
    let copied = encoded.and_then(|encoded| logic.decode_state(&encoded));
    let mut copy = copied.ok_or_else(|| Failure::new("STATE_FOREIGN", "the state cannot be copied"))?;
    fold_all(logic, owner, &mut copy, &history.pending)?;
    Ok(Some(copy))
}

fn fold_all(
    logic: &dyn Stateful,
    owner: &Owner,
    state: &mut State,
    events: &[prost_types::Any],
) -> Result<(), Failure> {
    for event in events {
        let event = Payload::from_any(event.clone());
        guarded(owner.component, || logic.fold(state, &event))?;
    }
    Ok(())
}
