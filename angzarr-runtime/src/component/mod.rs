//! Components as coordinators see them: a static description and logic whose types are erased.
//!
//! Derives write a typed trait for each component and, through the functions here, turn what implements it into a
//! [`Registration`]. Nothing in this module is written by hand outside of derives.

mod aggregate;
mod delivery;
pub mod emit;
pub mod handle;
mod process_manager;
mod projector;
mod saga;
mod state;
mod upcast;
mod upcaster;

use std::any::Any;
use std::sync::Arc;

pub use aggregate::{AggregateLogic, AggregateSpec, Deciding, Input, Undecided, aggregate, deciding, decode_refused};
pub use delivery::{Delivery, DeliveryOverride, OnFailure};
pub use process_manager::{ProcessInput, ProcessManagerLogic, ProcessManagerSpec, process_manager};
#[cfg(feature = "grpc")]
pub(crate) use projector::AnyRow;
pub use projector::{ProjectorLogic, ProjectorSpec, ReturnedRow, effects, row_decoded, view};
pub use saga::{SagaLogic, SagaSpec, saga};
pub use state::{Encoding, SnapshotSpec, State, StateMessage, Stateful};
#[cfg(feature = "grpc")]
pub(crate) use upcast::copied;
pub(crate) use upcast::is_encoding;
pub use upcast::{EventField, Held, HeldType, Unnamed, assert_upcast, decoded, unfilled, upcast};
pub use upcaster::{Answer, Check, Hooks, UpcasterLogic, UpcasterSpec, upcaster};

use crate::failure::Failure;
use crate::message::{Event, Fact, Payload};
use crate::view::Key;

/// A future that handlers are called through.
pub type Handling<'a, T> = futures_util::future::BoxFuture<'a, Result<T, Failure>>;

/// A type that was bound to a component by a derive, with its dependencies inside.
pub trait Component: Sized + Send + Sync + 'static {
    /// What the application builder takes.
    fn register(self) -> Registration;
}

/// A component that is ready to run.
pub enum Registration {
    /// Decides on commands.
    Aggregate(Arc<dyn AggregateLogic>),
    /// Turns events into commands.
    Saga(Arc<dyn SagaLogic>),
    /// Turns events into a view or other effects.
    Projector(Arc<dyn ProjectorLogic>),
    /// Reacts to events with events and commands.
    ProcessManager(Arc<dyn ProcessManagerLogic>),
    /// Turns old versions of events into their successors.
    Upcaster(Arc<dyn UpcasterLogic>),
}

impl Component for Registration {
    fn register(self) -> Registration {
        self
    }
}

impl Registration {
    /// Full name of the component.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Registration::Aggregate(logic) => logic.spec().name,
            Registration::Saga(logic) => logic.spec().name,
            Registration::Projector(logic) => logic.spec().name,
            Registration::ProcessManager(logic) => logic.spec().name,
            Registration::Upcaster(logic) => logic.spec().name,
        }
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Registration::Aggregate(_) => "Aggregate",
            Registration::Saga(_) => "Saga",
            Registration::Projector(_) => "Projector",
            Registration::ProcessManager(_) => "ProcessManager",
            Registration::Upcaster(_) => "Upcaster",
        };
        f.debug_tuple(kind).field(&self.name()).finish()
    }
}

/// An event type that a consumer listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// Whose streams hold it.
    pub domain: &'static str,
    /// Its full name, in its current version.
    pub type_name: &'static str,
}

/// An event type, and the full names under which earlier releases stored it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredNames {
    /// Its full name.
    pub type_name: &'static str,
    /// Its names of before.
    pub stored_as: &'static [&'static str],
}

impl StoredNames {
    /// Those of an event.
    pub const fn of<E: Event>() -> Self {
        Self { type_name: E::TYPE_NAME, stored_as: E::STORED_AS }
    }
}

/// Finds the key that an event's own fields name; none stands for the default of the component's kind.
pub type KeyOf = fn(&Payload) -> Result<Option<Keyed>, Failure>;

/// A key, and the event that was decoded to find it.
#[derive(Debug)]
pub struct Keyed {
    /// The key.
    pub key: Key,
    /// The event.
    pub event: Decoded,
}

/// A message of any type, decoded.
#[derive(Debug)]
pub struct Decoded(Box<dyn Any + Send>);

impl Decoded {
    /// Of a known one.
    pub fn new(message: impl prost::Message + 'static) -> Self {
        Self(Box::new(message))
    }
}

/// An event that comes to a handler: as stored, and decoded if that was done before.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// As stored.
    pub payload: &'a Payload,
    decoded: Option<Decoded>,
}

impl<'a> Arrival<'a> {
    /// An event and, if it was decoded before, that.
    pub fn new(payload: &'a Payload, decoded: Option<Decoded>) -> Self {
        Self { payload, decoded }
    }

    /// The event itself; that the types fit is the caller's business.
    ///
    /// # Errors
    /// `PAYLOAD_MALFORMED` if the payload is no encoding of `M`.
    pub fn into_event<M: prost::Message + Default + 'static>(self) -> Result<M, Failure> {
        match self.decoded.map(|decoded| decoded.0.downcast()) {
            Some(Ok(event)) => Ok(*event),
            Some(Err(_)) | None => self.payload.decode(),
        }
    }
}

impl<'a> From<&'a Payload> for Arrival<'a> {
    fn from(payload: &'a Payload) -> Self {
        Self::new(payload, None)
    }
}

/// The type name of an event that a component stores; refused by the compiler if the event is retired.
pub const fn written<E: Event>() -> &'static str {
    assert!(!E::RETIRED, "a handler returns an event that is retired");
    E::TYPE_NAME
}

/// The same for a fact that an aggregate takes.
pub const fn recorded<F: Fact>() -> &'static str {
    assert!(!F::RETIRED, "a handler records a fact that is retired");
    F::TYPE_NAME
}

/// Applies an event to a state.
///
/// # Errors
/// `PAYLOAD_MALFORMED`.
pub fn fold<S, E: prost::Message + Default>(
    state: &mut S,
    event: &Payload,
    apply: fn(&mut S, E),
) -> Result<(), Failure> {
    apply(state, event.decode()?);
    Ok(())
}

/// The failure of a dispatch that has no handler for a type; coordinators only pass what was subscribed.
pub fn unhandled(component: &str, payload: &Payload) -> Failure {
    Failure::new("TYPE_UNKNOWN", format!("`{component}` has no handler for `{}`", payload.type_name))
}
