//! Sagas.

use std::sync::Arc;

use super::{Arrival, Delivery, Handling, KeyOf, Keyed, Registration, Subscription};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};

/// What a saga says of itself.
#[derive(Debug)]
pub struct SagaSpec {
    /// Full name.
    pub name: &'static str,
    /// What it listens to.
    pub subscriptions: &'static [Subscription],
    /// Domains that it sends commands and facts to.
    pub targets: &'static [&'static str],
    /// How events reach it.
    pub delivery: Delivery,
}

/// A saga, for its coordinator.
pub trait SagaLogic: Send + Sync {
    /// What it says of itself.
    fn spec(&self) -> &'static SagaSpec;

    /// The lane of an event; none stands for the event's stream.
    ///
    /// # Errors
    /// The event does not decode.
    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure>;

    /// Decides what to send.
    fn react<'a>(&'a self, event: Arrival<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>>;
}

type React<T> = for<'a> fn(&'a T, Arrival<'a>, &'a Context) -> Handling<'a, Vec<Emission>>;

struct Typed<T> {
    component: T,
    spec: &'static SagaSpec,
    react: React<T>,
    key: KeyOf,
}

impl<T: Send + Sync + 'static> SagaLogic for Typed<T> {
    fn spec(&self) -> &'static SagaSpec {
        self.spec
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        (self.key)(event)
    }

    fn react<'a>(&'a self, event: Arrival<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>> {
        (self.react)(&self.component, event, cx)
    }
}

/// Registers a saga.
pub fn saga<T: Send + Sync + 'static>(
    component: T,
    spec: &'static SagaSpec,
    react: React<T>,
    key: KeyOf,
) -> Registration {
    Registration::Saga(Arc::new(Typed { component, spec, react, key }))
}
