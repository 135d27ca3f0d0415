//! Upcasters.

use std::sync::Arc;

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
}

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
