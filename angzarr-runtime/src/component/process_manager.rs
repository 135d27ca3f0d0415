//! Process managers.

use std::sync::Arc;

use super::state::Folding;
use super::{Delivery, Handling, KeyOf, Registration, SnapshotSpec, State, StateMessage, Stateful, Subscription};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::rejection::Rejection;
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
    /// Domains that it sends commands and facts to.
    pub targets: &'static [&'static str],
    /// How events reach it.
    pub delivery: Delivery,
    /// Types among them that create an instance.
    pub starts: &'static [&'static str],
    /// Messages of the deadlines it handles.
    pub deadlines: &'static [&'static str],
    /// Commands of its own whose refusal it answers.
    pub compensations: &'static [&'static str],
    /// Events it stores.
    pub events: &'static [&'static str],
}

/// What a process manager reacts to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ProcessInput<'a> {
    /// Something happened.
    Event(&'a Payload),
    /// A deadline that it set has passed.
    Deadline(&'a Payload),
    /// A command that it sent was refused.
    Refusal {
        /// That command.
        command: &'a Payload,
        /// Why it was refused.
        rejection: &'a Rejection,
    },
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
    fn react<'a>(&'a self, state: &'a State, input: ProcessInput<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>>;
}

type React<T, S> = for<'a> fn(&'a T, &'a S, ProcessInput<'a>, &'a Context) -> Handling<'a, Vec<Emission>>;

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
        Ok((self.key)(event)?.map(|keyed| keyed.key))
    }

    fn react<'a>(&'a self, state: &'a State, input: ProcessInput<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>> {
        match self.folding.typed(state) {
            Ok(state) => (self.react)(&self.component, state, input, cx),
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
