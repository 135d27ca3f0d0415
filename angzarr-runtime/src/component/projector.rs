//! Projectors, with a view and without.

use std::sync::Arc;

use bytes::Bytes;

use super::{Arrival, Delivery, Handling, KeyOf, Keyed, Registration, Subscription};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::Payload;
use crate::view::{self, NewRow, Shape};

/// What a projector says of itself.
#[derive(Debug)]
pub struct ProjectorSpec {
    /// Full name; also that of its view.
    pub name: &'static str,
    /// What it listens to.
    pub subscriptions: &'static [Subscription],
    /// How events reach it.
    pub delivery: Delivery,
}

/// A projector, for its coordinator.
pub trait ProjectorLogic: Send + Sync {
    /// What it says of itself.
    fn spec(&self) -> &'static ProjectorSpec;

    /// What its rows are; none if it keeps no view.
    fn shape(&self) -> Option<&Shape>;

    /// The row that an event changes, which is its lane too; none stands for the natural id of the event's stream.
    ///
    /// # Errors
    /// The event does not decode.
    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure>;

    /// The row after the event; none deletes it. Without a view both are none.
    fn project<'a>(&'a self, row: Option<Bytes>, event: Arrival<'a>, cx: &'a Context) -> Handling<'a, Option<NewRow>>;
}

type Project<T> = for<'a> fn(&'a T, Option<Bytes>, Arrival<'a>, &'a Context) -> Handling<'a, Option<NewRow>>;

struct Typed<T> {
    component: T,
    spec: &'static ProjectorSpec,
    shape: Option<Shape>,
    project: Project<T>,
    key: KeyOf,
}

impl<T: Send + Sync + 'static> ProjectorLogic for Typed<T> {
    fn spec(&self) -> &'static ProjectorSpec {
        self.spec
    }

    fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        (self.key)(event)
    }

    fn project<'a>(&'a self, row: Option<Bytes>, event: Arrival<'a>, cx: &'a Context) -> Handling<'a, Option<NewRow>> {
        (self.project)(&self.component, row, event, cx)
    }
}

/// Registers a projector that keeps a view with rows of type `R`.
pub fn view<T: Send + Sync + 'static, R: view::Row + prost::Message + prost::Name + Default>(
    component: T,
    spec: &'static ProjectorSpec,
    project: Project<T>,
    key: KeyOf,
) -> Registration {
    let shape = Some(Shape::of::<R>());
    Registration::Projector(Arc::new(Typed { component, spec, shape, project, key }))
}

/// Registers a projector that has side effects only.
pub fn effects<T: Send + Sync + 'static>(
    component: T,
    spec: &'static ProjectorSpec,
    project: Project<T>,
    key: KeyOf,
) -> Registration {
    Registration::Projector(Arc::new(Typed { component, spec, shape: None, project, key }))
}

/// Decodes a row.
///
/// # Errors
/// `ROW_MALFORMED` if the bytes are no encoding of `R`.
pub fn row_decoded<R: prost::Message + Default>(row: Option<Bytes>) -> Result<Option<R>, Failure> {
    let malformed = |error| Failure::new("ROW_MALFORMED", format!("a stored row does not decode: {error}"));
    row.map(|row| R::decode(row).map_err(malformed)).transpose()
}

/// What a handler has made of a row, as it is stored.
pub fn row_stored<R: view::Row + prost::Message>(row: Option<R>) -> Option<NewRow> {
    row.as_ref().map(NewRow::of)
}
