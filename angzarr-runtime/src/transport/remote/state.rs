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

use super::{Link, failed, invalid, spec};
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
struct Kept {
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
    /// What a service holds, of which start it is, and the sequence that it comes before.
    Held {
        service_epoch: Bytes,
        next_sequence: u32,
    },
}

/// What is sent of a state, and what it means if the service says that it lacks something.
pub(super) struct Sent {
    pub(super) history: proto::History,
    /// All of it was sent, so nothing can be lacking.
    whole: bool,
    stored: usize,
}

/// What a service said of the state that it holds.
pub(super) struct Held {
    pub(super) service_epoch: Bytes,
    /// It is folded from everything before this sequence; 0 if there is none.
    pub(super) next_sequence: u32,
}

impl Kept {
    fn history(&mut self, next_sequence: u32) -> Sent {
        let before = self.stored.filter(|(_, next)| *next == next_sequence);
        let (stored, _) = before.unwrap_or((self.events.len(), next_sequence));
        self.stored = Some((stored, next_sequence));
        let any = |events: &[Payload]| events.iter().map(Payload::to_any).collect::<Vec<Any>>();
        let (base, service_epoch) = match &self.base {
            Known::Beginning => (None, Bytes::new()),
            Known::Snapshot(state) => (Some(Base::State(state.to_any())), Bytes::new()),
            Known::Held { service_epoch, next_sequence } => (Some(Base::Held(*next_sequence)), service_epoch.clone()),
        };
        let whole = !matches!(self.base, Known::Held { .. });
        let (events, pending) = (any(&self.events[..stored]), any(&self.events[stored..]));
        Sent { history: proto::History { base, events, next: next_sequence, pending, service_epoch }, whole, stored }
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
    pub(super) fn history(&self, state: &State, cx: &Context) -> Result<Sent, Failure> {
        let mut kept = self.kept(state)?;
        kept.root = Some(cx.root());
        Ok(kept.history(cx.next_sequence()))
    }

    /// Takes note of what the service holds now.
    pub(super) fn holds(&self, state: &State, sent: &Sent, held: Held) -> Result<(), Failure> {
        if held.next_sequence == 0 || held.next_sequence != sent.history.next {
            return Ok(());
        }
        let mut kept = self.kept(state)?;
        kept.events.drain(..sent.stored);
        kept.stored = Some((0, held.next_sequence));
        kept.base = Known::Held { service_epoch: held.service_epoch, next_sequence: held.next_sequence };
        Ok(())
    }

    /// The failure of a service that lacks history although it got all of it; none if it may lack some.
    pub(super) fn lacking(&self, sent: &Sent) -> Option<Failure> {
        sent.whole.then(|| invalid(format!("`{}` needs history that there is not", self.component)))
    }

    fn kept<'a>(&self, state: &'a State) -> Result<MutexGuard<'a, Kept>, Failure> {
        let foreign = || Failure::new("STATE_FOREIGN", format!("`{}` was handed another one's state", self.component));
        let kept: &Mutex<Kept> = state.downcast_ref().ok_or_else(foreign)?;
        Ok(kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks the service for a state.
    async fn fold(&self, state: &State, next_sequence: u32) -> Result<Option<Payload>, Failure> {
        let (sent, root) = {
            let mut kept = self.kept(state)?;
            (kept.history(next_sequence), kept.root)
        };
        let request = proto::FoldRequest {
            component: self.component.to_owned(),
            runtime_epoch: self.link.runtime_epoch.clone(),
            root: root.map(Into::into),
            history: Some(sent.history.clone()),
        };
        let answer = self.link.business_logic().fold(request).await;
        let answer = answer.map_err(|status| self.link.lost(&status))?.into_inner();
        use proto::fold_response::Outcome;
        self.holds(state, &sent, Held { service_epoch: answer.service_epoch, next_sequence: answer.holds })?;
        match answer.outcome {
            Some(Outcome::State(state)) if *Payload::from_any(state.clone()).type_name == *self.state.full_name() => {
                Ok(Some(Payload::from_any(state)))
            }
            Some(Outcome::Failure(failure)) => Err(failed(failure)),
            Some(Outcome::NeedsHistory(_)) => self.lacking(&sent).map_or(Ok(None), Err),
            Some(Outcome::State(_)) | None => {
                Err(invalid(format!("`{}` folded to no state of its own", self.component)))
            }
        }
    }
}

impl Stateful for Folding {
    fn state_type(&self) -> String {
        self.state.full_name().to_owned()
    }

    fn new_state(&self) -> State {
        Box::new(Mutex::<Kept>::default())
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
        self.kept(state)?.events.push(event.clone());
        Ok(())
    }

    fn encode_state<'a>(&'a self, state: &'a State, next_sequence: u32) -> Encoding<'a> {
        Encoding::Waiting(Box::pin(async move {
            // Nobody waits for it, but the next command does.
            let limit = Delivery::DEFAULT.timeout;
            match guarded_async(self.component, limit, self.fold(state, next_sequence)).await {
                Ok(state) => state,
                Err(failure) => {
                    tracing::warn!(component = self.component, %failure, "the service gives no state");
                    None
                }
            }
        }))
    }

    fn encoded_len(&self, state: &State) -> usize {
        let Ok(kept) = self.kept(state) else { return 0 };
        let base = match &kept.base {
            Known::Snapshot(state) => state.value.len(),
            Known::Beginning | Known::Held { .. } => 0,
        };
        base + kept.events.iter().map(|event| size_of::<Payload>() + event.value.len()).sum::<usize>()
    }

    fn decode_state(&self, payload: &Payload) -> Option<State> {
        let fits = *payload.type_name == *self.state.full_name() && decode(&self.state, payload).is_ok();
        let kept = Kept { base: Known::Snapshot(payload.clone()), ..Kept::default() };
        fits.then(|| Box::new(Mutex::new(kept)) as State)
    }

    fn snapshots(&self) -> SnapshotSpec {
        self.snapshots
    }
}
