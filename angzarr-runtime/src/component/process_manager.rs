//! Process managers.

use std::sync::Arc;

use super::state::Folding;
use super::{Handling, KeyOf, Registration, SnapshotSpec, State, StateMessage, Stateful, Subscription};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::view::Key;

/// What a process manager says of itself.
#[derive(Debug)]
pub struct ProcessManagerSpec {
    /// Full name.
    pub name: &'static str,
    /// Its own domain.
    pub domain: &'static str,
    /// When snapshots are written.
    pub snapshot: SnapshotSpec,
    /// What it listens to.
    pub subscriptions: &'static [Subscription],
    /// Domains that it sends commands to.
    pub targets: &'static [&'static str],
    /// Types among them that create an instance.
    pub starts: &'static [&'static str],
    /// Events it stores.
    pub events: &'static [&'static str],
}

/// A process manager, for its coordinator.
pub trait ProcessManagerLogic: Send + Sync {
    /// How its state is folded.
    fn stateful(&self) -> &dyn Stateful;

    /// What it says of itself.
    fn spec(&self) -> &'static ProcessManagerSpec;

    /// The instance that an event is for; none stands for the event's correlation id.
    ///
    /// # Errors
    /// The event does not decode.
    fn key(&self, event: &Payload) -> Result<Option<Key>, Failure>;

    /// Decides what to store and to send.
    fn react<'a>(&'a self, state: &'a State, event: &'a Payload, cx: &'a Context) -> Handling<'a, Vec<Emission>>;
}

type React<T, S> = for<'a> fn(&'a T, &'a S, &'a Payload, &'a Context) -> Handling<'a, Vec<Emission>>;

struct Typed<T, S> {
    component: T,
    spec: &'static ProcessManagerSpec,
    react: React<T, S>,
    key: KeyOf,
    folding: Folding<S>,
}

impl<T: Send + Sync + 'static, S: StateMessage> ProcessManagerLogic for Typed<T, S> {
    fn stateful(&self) -> &dyn Stateful {
        &self.folding
    }

    fn spec(&self) -> &'static ProcessManagerSpec {
        self.spec
    }

    fn key(&self, event: &Payload) -> Result<Option<Key>, Failure> {
        (self.key)(event)
    }

    fn react<'a>(&'a self, state: &'a State, event: &'a Payload, cx: &'a Context) -> Handling<'a, Vec<Emission>> {
        match self.folding.typed(state) {
            Ok(state) => (self.react)(&self.component, state, event, cx),
            Err(failure) => Box::pin(async { Err(failure) }),
        }
    }
}

/// Registers a process manager.
pub fn process_manager<T: Send + Sync + 'static, S: StateMessage>(
    component: T,
    spec: &'static ProcessManagerSpec,
    react: React<T, S>,
    key: KeyOf,
    fold: fn(&mut S, &Payload) -> Result<(), Failure>,
) -> Registration {
    let folding = Folding { component: spec.name, snapshots: spec.snapshot, fold };
    Registration::ProcessManager(Arc::new(Typed { component, spec, react, key, folding }))
}
