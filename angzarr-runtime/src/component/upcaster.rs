//! Upcasters.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Registration, StoredNames};
use crate::failure::Failure;
use crate::message::{Emission, Payload};

/// What an upcaster says of itself.
#[derive(Debug)]
pub struct UpcasterSpec {
    /// Full name.
    pub name: &'static str,
    /// The domain whose events it upcasts.
    pub domain: &'static str,
    /// Old types, each with the types it leads to.
    pub steps: &'static [(&'static str, &'static [&'static str])],
    /// Stored names of the old types.
    pub stored_as: &'static [StoredNames],
    /// Methods without user code, each with [`unfilled`](super::unfilled) of its versions.
    pub declared: &'static [(&'static str, Check)],
}

/// What is wrong with a method, given its name.
pub type Check = fn(&str) -> Vec<String>;

/// An upcaster, for whoever reads.
pub trait UpcasterLogic: Send + Sync {
    /// What it says of itself.
    fn spec(&self) -> &'static UpcasterSpec;

    /// One step: the event's successors.
    ///
    /// # Errors
    /// The event does not decode, or the hook fails.
    fn upcast(&self, event: &Payload) -> Result<Vec<Emission>, Failure>;

    /// Those of its steps that a service makes, if any.
    fn hooks(&self) -> Option<&dyn Hooks> {
        None
    }
}

/// Steps of an upcaster that a service makes, which has to be asked.
pub trait Hooks: Send + Sync {
    /// Whether the step of this type is one of them.
    fn make(&self, type_name: &str) -> bool;

    /// One step for each of these events: its successors, or why there are none.
    fn ask(&self, events: Vec<Payload>) -> BoxFuture<'_, Vec<Answer>>;
}

/// What a service makes of an event.
pub type Answer = (Payload, Result<Vec<Payload>, Failure>);

type Upcast<T> = fn(&T, &Payload) -> Result<Vec<Emission>, Failure>;

struct Typed<T> {
    component: T,
    spec: &'static UpcasterSpec,
    upcast: Upcast<T>,
}

impl<T: Send + Sync + 'static> UpcasterLogic for Typed<T> {
    fn spec(&self) -> &'static UpcasterSpec {
        self.spec
    }

    fn upcast(&self, event: &Payload) -> Result<Vec<Emission>, Failure> {
        (self.upcast)(&self.component, event)
    }
}

/// Registers an upcaster.
pub fn upcaster<T: Send + Sync + 'static>(
    component: T,
    spec: &'static UpcasterSpec,
    upcast: Upcast<T>,
) -> Registration {
    Registration::Upcaster(Arc::new(Typed { component, spec, upcast }))
}
