//! A state that a service keeps.
//!
//! What is known of it here is what the service may lack: everything since the last snapshot, until the service says that
//! it holds that; from then on only what comes behind. So what travels is what is new, and a service that has let go of a
//! state gets all of it once the coordinator has loaded it anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prost_reflect::MessageDescriptor;
use prost_types::Any;
use uuid::Uuid;

use super::failed::failed;
use super::link::Link;
use super::{invalid, spec};
use crate::component::{Delivery, Encoding, SnapshotSpec, State, Stateful, is_encoding, unhandled};
use crate::context::Context;
use crate::coordinator::guarded_async;
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::history::Base;
use crate::transport::message::decode;

/// How states of a component are folded: elsewhere.
#[derive(Debug)]
pub(super) struct Folding {
    link: Arc<Link>,
    component: &'static str,
    state: MessageDescriptor,
    /// Types that it folds.
    events: &'static [&'static str],
    snapshots: SnapshotSpec,
}

/// Of one stream.
#[derive(Debug, Default)]
struct History {
    base: Known,
    /// Since then.
    events: Vec<Payload>,
    /// How many of these are stored, and the stream's next sequence behind them, as of the last decision.
    stored: Option<(usize, u32)>,
    /// The stream's root, once something was decided.
    root: Option<Uuid>,
}

/// What the events follow.
#[derive(Debug, Default)]
enum Known {
    #[default]
    Beginning,
    Snapshot(Payload),
    /// A state that the service keeps.
    Kept(Kept),
}

/// What was sent of a state, and what it means if the service says that it lacks something.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    /// The stream's next sequence behind what is stored.
    next: u32,
    /// How many events were sent that are stored.
    stored: usize,
    /// Whether there were others, too.
    pending: bool,
    /// All of it was sent, so nothing can be lacking.
    whole: bool,
}

/// What a service said of the state that it keeps.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Of which start of the service it is.
    pub(super) service_epoch: Bytes,
    /// It is folded from everything before this sequence; 0 if there is none.
    pub(super) next_sequence: u32,
}

impl Kept {
    /// Whether it is what the history that was sent leads to.
    fn fits(&self, sent: Sent) -> bool {
        self.next_sequence != 0 && self.next_sequence == sent.next
    }
}

impl History {
    fn history(&mut self, next_sequence: u32) -> (proto::History, Sent) {
        let before = self.stored.filter(|(_, next)| *next == next_sequence);
        let (stored, _) = before.unwrap_or((self.events.len(), next_sequence));
        self.stored = Some((stored, next_sequence));
        let any = |events: &[Payload]| events.iter().map(Payload::to_any).collect::<Vec<Any>>();
        let (base, service_epoch) = match &self.base {
            Known::Beginning => (None, Bytes::new()),
            Known::Snapshot(state) => (Some(Base::State(state.to_any())), Bytes::new()),
            Known::Kept(kept) => (Some(Base::Held(kept.next_sequence)), kept.service_epoch.clone()),
        };
        let whole = !matches!(self.base, Known::Kept(_));
        let (events, pending) = (any(&self.events[..stored]), any(&self.events[stored..]));
        let sent = Sent { next: next_sequence, stored, pending: !pending.is_empty(), whole };
        (proto::History { base, events, next: next_sequence, pending, service_epoch }, sent)
    }

    /// Lets go of the stored events that were sent: the base has them now.
    fn rebase(&mut self, sent: Sent, base: Known) {
        self.events.drain(..sent.stored);
        self.stored = Some((0, sent.next));
        self.base = base;
    }
}

impl Folding {
    pub(super) fn new(
        link: &Arc<Link>,
        component: &'static str,
        said: &proto::ComponentDescription,
        events: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let (state, snapshots) = (link.described.message(&said.state)?, spec::snapshot(said));
        Ok(Self { link: link.clone(), component, state, events, snapshots })
    }

    /// What the service needs to decide. What was folded since the first decision on this next sequence is not stored yet.
    pub(super) fn history(&self, state: &State, cx: &Context) -> Result<(proto::History, Sent), Failure> {
        let mut known = self.known(state)?;
        known.root = Some(cx.root());
        Ok(known.history(cx.next_sequence()))
    }

    /// Takes note of what the service keeps now.
    pub(super) fn keeps(&self, state: &State, sent: Sent, kept: Kept) -> Result<(), Failure> {
        if kept.fits(sent) {
            self.known(state)?.rebase(sent, Known::Kept(kept));
        }
        Ok(())
    }

    /// The failure of a service that lacks history although it got all of it; none if it may lack some.
    pub(super) fn lacking(&self, sent: Sent) -> Option<Failure> {
        sent.whole.then(|| invalid(format!("`{}` needs history that there is not", self.component)))
    }

    fn known<'a>(&self, state: &'a State) -> Result<MutexGuard<'a, History>, Failure> {
        let foreign = || Failure::new("STATE_FOREIGN", format!("`{}` was handed another one's state", self.component));
        let known: &Mutex<History> = state.downcast_ref().ok_or_else(foreign)?;
        Ok(known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the service for a state.
    async fn fold(&self, state: &State, next_sequence: u32) -> Result<Option<Payload>, Failure> {
        let ((history, sent), root) = {
            let mut known = self.known(state)?;
            (known.history(next_sequence), known.root)
        };
        let request = proto::FoldRequest {
            component: self.component.to_owned(),
            runtime_epoch: self.link.runtime_epoch.clone(),
            root: root.map(Into::into),
            history: Some(history),
        };
        use proto::fold_response::Outcome;
        let answer = self.link.call(Box::pin(self.link.business_logic().fold(request))).await?;
        match answer.outcome {
            Some(Outcome::State(folded)) => {
                let folded = Payload::from_any(folded);
                if *folded.type_name != *self.state.full_name() {
                    return Err(invalid(format!("`{}` folded to a `{}`", self.component, folded.type_name)));
                }
                decode(&self.state, &folded)?;
                let kept = Kept { service_epoch: answer.service_epoch, next_sequence: answer.holds };
                if kept.fits(sent) {
                    self.keeps(state, sent, kept)?;
                } else if !sent.pending {
                    // Whoever keeps nothing would be sent all of it for ever.
                    self.known(state)?.rebase(sent, Known::Snapshot(folded.clone()));
                }
                Ok(Some(folded))
            }
            Some(Outcome::Failure(failure)) => Err(failed(failure)),
            Some(Outcome::NeedsHistory(_)) => self.lacking(sent).map_or(Ok(None), Err),
            None => Err(invalid(format!("`{}` folded to nothing", self.component))),
        }
    }
}

impl Stateful for Folding {
    fn state_type(&self) -> String {
        self.state.full_name().to_owned()
    }

    fn new_state(&self) -> State {
        Box::new(Mutex::<History>::default())
    }

    fn fold(&self, state: &mut State, event: &Payload) -> Result<(), Failure> {
        // Found here, it is told with its place in the stream; the service knows no places.
        if !self.events.contains(&&*event.type_name) {
            return Err(unhandled(self.component, event));
        }
        if !is_encoding(&event.value) {
            let message = format!("a stored `{}` of {} bytes does not decode", event.type_name, event.value.len());
            return Err(Failure::new("PAYLOAD_MALFORMED", message));
        }
        self.known(state)?.events.push(event.clone());
        Ok(())
    }

    fn encode_state<'a>(&'a self, state: &'a State, next_sequence: u32) -> Encoding<'a> {
        Encoding::Waiting(Box::pin(async move {
            // Nobody waits for it, but the next command does.
            let limit = Delivery::DEFAULT.timeout;
            guarded_async(self.component, limit, self.fold(state, next_sequence)).await
        }))
    }

    fn encoded_len(&self, state: &State) -> usize {
        let Ok(known) = self.known(state) else { return 0 };
        let base = match &known.base {
            Known::Snapshot(state) => state.value.len(),
            Known::Beginning | Known::Kept(_) => 0,
        };
        base + known.events.iter().map(|event| size_of::<Payload>() + event.value.len()).sum::<usize>()
    }

    fn decode_state(&self, payload: &Payload) -> Option<State> {
        let fits = *payload.type_name == *self.state.full_name() && decode(&self.state, payload).is_ok();
        let known = History { base: Known::Snapshot(payload.clone()), ..History::default() };
        fits.then(|| Box::new(Mutex::new(known)) as State)
    }

    fn snapshots(&self) -> SnapshotSpec {
        self.snapshots
    }
}
