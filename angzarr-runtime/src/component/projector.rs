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

    /// The row after the event, made from the encoded one before it; none deletes it. Without a view both are none.
    fn project<'a>(
        &'a self,
        row: Option<&'a [u8]>,
        event: Arrival<'a>,
        cx: &'a Context,
    ) -> Handling<'a, Option<ReturnedRow>>;
}

/// A row that a handler returned. Clones share it.
#[derive(Clone)]
pub struct ReturnedRow(Arc<Returned<dyn AnyRow>>);

struct Returned<R: ?Sized> {
    bytes: Bytes,
    message: R,
}

/// A row of any type.
pub(crate) trait AnyRow: Send + Sync {
    /// Of its columns.
    fn values(&self) -> Vec<view::Value>;

    /// The other fields, as a JSON object.
    fn rest(&self) -> String;
}

impl<R: view::Row + prost::Message> AnyRow for R {
    fn values(&self) -> Vec<view::Value> {
        view::Row::values(self)
    }

    fn rest(&self) -> String {
        view::json::rest(self)
    }
}

impl std::fmt::Debug for ReturnedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReturnedRow").field("bytes", &self.0.bytes).finish_non_exhaustive()
    }
}

impl ReturnedRow {
    /// Encodes it.
    fn new(row: impl view::Row + prost::Message + 'static) -> Self {
        Self(Arc::new(Returned { bytes: row.encode_to_vec().into(), message: row }))
    }

    /// The encoded message.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// One whose message is known by its descriptor only.
    #[cfg(feature = "grpc")]
    pub(crate) fn of(bytes: Bytes, message: impl AnyRow + 'static) -> Self {
        Self(Arc::new(Returned { bytes, message }))
    }

    /// The row as it is stored.
    pub(crate) fn stored(&self) -> NewRow {
        let Returned { bytes, message } = &*self.0;
        NewRow { bytes: bytes.clone(), values: message.values(), rest: message.rest() }
    }
}

/// What makes a returned row of a message.
type Return<R> = fn(R) -> ReturnedRow;

/// A definition's handlers, of a projector that keeps a view. How a row is returned is handed in, so that a message that
/// is no row is told of once, where it is registered.
type Project<T, R> =
    for<'a> fn(&'a T, Option<&'a [u8]>, Return<R>, Arrival<'a>, &'a Context) -> Handling<'a, Option<ReturnedRow>>;

/// The same of a projector that has side effects only.
type React<T> = for<'a> fn(&'a T, Arrival<'a>, &'a Context) -> Handling<'a, Option<ReturnedRow>>;

struct Viewing<T, R> {
    component: T,
    spec: &'static ProjectorSpec,
    shape: Shape,
    project: Project<T, R>,
    key: KeyOf,
}

impl<T, R> ProjectorLogic for Viewing<T, R>
where
    T: Send + Sync + 'static,
    R: view::Row + prost::Message + 'static,
{
    fn spec(&self) -> &'static ProjectorSpec {
        self.spec
    }

    fn shape(&self) -> Option<&Shape> {
        Some(&self.shape)
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        (self.key)(event)
    }

    fn project<'a>(
        &'a self,
        row: Option<&'a [u8]>,
        event: Arrival<'a>,
        cx: &'a Context,
    ) -> Handling<'a, Option<ReturnedRow>> {
        (self.project)(&self.component, row, ReturnedRow::new, event, cx)
    }
}

struct Reacting<T> {
    component: T,
    spec: &'static ProjectorSpec,
    react: React<T>,
    key: KeyOf,
}

impl<T: Send + Sync + 'static> ProjectorLogic for Reacting<T> {
    fn spec(&self) -> &'static ProjectorSpec {
        self.spec
    }

    fn shape(&self) -> Option<&Shape> {
        None
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        (self.key)(event)
    }

    fn project<'a>(
        &'a self,
        _: Option<&'a [u8]>,
        event: Arrival<'a>,
        cx: &'a Context,
    ) -> Handling<'a, Option<ReturnedRow>> {
        (self.react)(&self.component, event, cx)
    }
}

/// Registers a projector that keeps a view with rows of type `R`.
pub fn view<T: Send + Sync + 'static, R: view::Row + prost::Message + prost::Name + Default + 'static>(
    component: T,
    spec: &'static ProjectorSpec,
    project: Project<T, R>,
    key: KeyOf,
) -> Registration {
    Registration::Projector(Arc::new(Viewing { component, spec, shape: Shape::of::<R>(), project, key }))
}

/// Registers a projector that has side effects only.
pub fn effects<T: Send + Sync + 'static>(
    component: T,
    spec: &'static ProjectorSpec,
    react: React<T>,
    key: KeyOf,
) -> Registration {
    Registration::Projector(Arc::new(Reacting { component, spec, react, key }))
}

/// Decodes a row.
///
/// # Errors
/// `ROW_MALFORMED` if the bytes are no encoding of `R`.
pub fn row_decoded<R: prost::Message + Default>(row: Option<&[u8]>) -> Result<Option<R>, Failure> {
    let malformed = |error| Failure::new("ROW_MALFORMED", format!("a stored row does not decode: {error}"));
    row.map(|row| R::decode(row).map_err(malformed)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says nothing beside the bytes.
    struct Nothing;

    impl AnyRow for Nothing {
        fn values(&self) -> Vec<view::Value> {
            Vec::new()
        }

        fn rest(&self) -> String {
            "{}".to_owned()
        }
    }

    impl ReturnedRow {
        /// A row without fields.
        pub(crate) fn plain(bytes: impl Into<Bytes>) -> Self {
            Self(Arc::new(Returned { bytes: bytes.into(), message: Nothing }))
        }
    }
}
