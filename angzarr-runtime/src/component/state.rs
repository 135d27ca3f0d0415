//! What aggregates and process managers share: a state that is folded from their own stream.

use std::any::Any;

use futures_util::future::BoxFuture;

use crate::failure::Failure;
use crate::message::Payload;

/// A folded state of whatever type.
pub type State = Box<dyn Any + Send + Sync>;

/// Messages that can be a state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of a component",
    note = "derive `prost::Message` and implement `prost::Name` for it: its snapshots are kept under its full name"
)]
pub trait StateMessage: prost::Message + prost::Name + Default + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<S: prost::Message + prost::Name + Default + Send + Sync + 'static> StateMessage for S {}

/// When snapshots are written, and what makes them valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotSpec {
    /// After how many records; 0 writes none.
    pub every: u32,
    /// Raised by hand when folding changes its meaning.
    pub version: u32,
    /// Fingerprint of the state's shape, made by the generator.
    pub shape: &'static str,
}

/// A state that is written down: there already, or coming.
pub enum Encoding<'a> {
    /// There.
    Done(Option<Payload>),
    /// Whoever keeps it is asked.
    Waiting(BoxFuture<'a, Result<Option<Payload>, Failure>>),
}

impl Encoding<'_> {
    /// Waits for it.
    pub(crate) async fn done(self) -> Result<Option<Payload>, Failure> {
        match self {
            Encoding::Done(state) => Ok(state),
            Encoding::Waiting(state) => state.await,
        }
    }
}

impl std::fmt::Debug for Encoding<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Encoding::Done(state) => f.debug_tuple("Done").field(state).finish(),
            Encoding::Waiting(_) => f.write_str("Waiting"),
        }
    }
}

/// Folding, for coordinators.
pub trait Stateful: Send + Sync {
    /// Full name of the message that holds the state.
    fn state_type(&self) -> String;

    /// The state of a stream without events.
    fn new_state(&self) -> State;

    /// Applies one event, in its current version.
    ///
    /// # Errors
    /// The event does not decode, or no fold takes its type.
    fn fold(&self, state: &mut State, event: &Payload) -> Result<(), Failure>;

    /// The state as a snapshot holds it, of a stream with this next sequence; none if that cannot be had now.
    fn encode_state<'a>(&'a self, state: &'a State, next_sequence: u32) -> Encoding<'a>;

    /// How many bytes the state has when it is encoded.
    fn encoded_len(&self, state: &State) -> usize;

    /// The state of a snapshot; none if it cannot be used.
    fn decode_state(&self, payload: &Payload) -> Option<State>;

    /// When snapshots are due.
    fn snapshots(&self) -> SnapshotSpec;
}

/// The folding half of a typed component.
pub(super) struct Folding<S> {
    pub(super) component: &'static str,
    pub(super) snapshots: SnapshotSpec,
    pub(super) fold: fn(&mut S, &Payload) -> Result<(), Failure>,
}

impl<S: StateMessage> Folding<S> {
    pub(super) fn typed<'a>(&self, state: &'a State) -> Result<&'a S, Failure> {
        state.downcast_ref().ok_or_else(|| self.foreign())
    }

    fn foreign(&self) -> Failure {
        Failure::new("STATE_FOREIGN", format!("`{}` was handed the state of another component", self.component))
    }
}

impl<S: StateMessage> Stateful for Folding<S> {
    fn state_type(&self) -> String {
        S::full_name()
    }

    fn new_state(&self) -> State {
        Box::new(S::default())
    }

    fn fold(&self, state: &mut State, event: &Payload) -> Result<(), Failure> {
        (self.fold)(state.downcast_mut().ok_or_else(|| self.foreign())?, event)
    }

    fn encode_state<'a>(&'a self, state: &'a State, _: u32) -> Encoding<'a> {
        Encoding::Done(state.downcast_ref::<S>().map(Payload::named))
    }

    fn encoded_len(&self, state: &State) -> usize {
        state.downcast_ref::<S>().map_or(0, prost::Message::encoded_len)
    }

    fn decode_state(&self, payload: &Payload) -> Option<State> {
        let fits = *payload.type_name == *S::full_name();
        let state: S = payload.decode().ok().filter(|_| fits)?;
        Some(Box::new(state))
    }

    fn snapshots(&self) -> SnapshotSpec {
        self.snapshots
    }
}
