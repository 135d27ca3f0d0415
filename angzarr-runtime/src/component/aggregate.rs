//! Aggregates.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::state::Folding;
use super::{Registration, SnapshotSpec, State, StateMessage, Stateful, StoredNames};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::rejection::{Refused, Rejection};

/// What an aggregate says of itself.
#[derive(Debug)]
pub struct AggregateSpec {
    /// Full name.
    pub name: &'static str,
    /// The domain it owns.
    pub domain: &'static str,
    /// When snapshots are written.
    pub snapshot: SnapshotSpec,
    /// Commands it decides on.
    pub commands: &'static [&'static str],
    /// Facts it records; they are among its events, too.
    pub facts: &'static [&'static str],
    /// Commands whose refusal it answers.
    pub compensations: &'static [&'static str],
    /// Queries it answers.
    pub queries: &'static [&'static str],
    /// Events it stores, in their current versions.
    pub events: &'static [&'static str],
    /// Their stored names.
    pub stored_as: &'static [StoredNames],
}

/// What an aggregate decides on.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Somebody wants something done.
    Command(Payload),
    /// Something has happened elsewhere. It is stored whatever the state; what is decided on it follows.
    Fact(Payload),
    /// A command that one of its events led to was refused.
    Refusal {
        /// That command.
        command: Payload,
        /// Why it was refused.
        rejection: Rejection,
    },
}

/// Why there are no events, or no answer.
#[derive(Debug)]
pub enum Undecided {
    /// The rules say no.
    Rejected(Rejection),
    /// The decision could not be made.
    Failed(Failure),
    /// Whoever decides does not hold any more what the state stands for: it has to be loaded anew.
    StateLost,
}

/// A decision, or an answer: there already, or coming. Handlers do not wait, unless they say that they do I/O.
pub enum Deciding<'a, T> {
    /// There.
    Done(Result<T, Undecided>),
    /// The handler does I/O.
    Waiting(BoxFuture<'a, Result<T, Undecided>>),
}

impl<T: std::fmt::Debug> std::fmt::Debug for Deciding<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Deciding::Done(decided) => f.debug_tuple("Done").field(decided).finish(),
            Deciding::Waiting(_) => f.write_str("Waiting"),
        }
    }
}

/// Has a handler run that does I/O.
pub fn deciding<'a, T>(handler: impl Future<Output = Result<T, Undecided>> + Send + 'a) -> Deciding<'a, T> {
    Deciding::Waiting(Box::pin(handler))
}

impl From<Rejection> for Undecided {
    fn from(rejection: Rejection) -> Self {
        Undecided::Rejected(rejection)
    }
}

impl From<Failure> for Undecided {
    fn from(failure: Failure) -> Self {
        Undecided::Failed(failure)
    }
}

/// An aggregate, for its coordinator.
pub trait AggregateLogic: Send + Sync {
    /// How its state is folded.
    fn stateful(&self) -> &dyn Stateful;

    /// What it says of itself.
    fn spec(&self) -> &'static AggregateSpec;

    /// Applies the rules: gives what they yield, a rejection, or a failure of the decision itself. Pure, unless it does
    /// I/O: the same state, input and context give the same answer.
    fn decide<'a>(&'a self, state: &'a State, input: &'a Input, cx: &'a Context) -> Deciding<'a, Vec<Emission>>;

    /// Answers from state: gives the answer, a rejection, or a failure of the handler itself.
    fn query<'a>(&'a self, state: &'a State, query: &'a Payload, cx: &'a Context) -> Deciding<'a, Payload>;
}

/// Decodes what a compensation handler takes.
///
/// # Errors
/// `PAYLOAD_MALFORMED`.
pub fn decode_refused<C: prost::Message + Default>(
    command: &Payload,
    rejection: &Rejection,
) -> Result<Refused<C>, Failure> {
    Ok(Refused { command: command.decode()?, rejection: rejection.clone() })
}

type Decide<T, S> = for<'a> fn(&'a T, &'a S, &'a Input, &'a Context) -> Deciding<'a, Vec<Emission>>;
type Query<T, S> = for<'a> fn(&'a T, &'a S, &'a Payload, &'a Context) -> Deciding<'a, Payload>;

struct Typed<T, S> {
    component: T,
    spec: &'static AggregateSpec,
    decide: Decide<T, S>,
    query: Query<T, S>,
    folding: Folding<S>,
}

impl<T: Send + Sync + 'static, S: StateMessage> AggregateLogic for Typed<T, S> {
    fn stateful(&self) -> &dyn Stateful {
        &self.folding
    }

    fn spec(&self) -> &'static AggregateSpec {
        self.spec
    }

    fn decide<'a>(&'a self, state: &'a State, input: &'a Input, cx: &'a Context) -> Deciding<'a, Vec<Emission>> {
        match self.folding.typed(state) {
            Ok(state) => (self.decide)(&self.component, state, input, cx),
            Err(failure) => Deciding::Done(Err(failure.into())),
        }
    }

    fn query<'a>(&'a self, state: &'a State, query: &'a Payload, cx: &'a Context) -> Deciding<'a, Payload> {
        match self.folding.typed(state) {
            Ok(state) => (self.query)(&self.component, state, query, cx),
            Err(failure) => Deciding::Done(Err(failure.into())),
        }
    }
}

/// Registers an aggregate.
pub fn aggregate<T: Send + Sync + 'static, S: StateMessage>(
    component: T,
    spec: &'static AggregateSpec,
    decide: Decide<T, S>,
    query: Query<T, S>,
    fold: fn(&mut S, &Payload) -> Result<(), Failure>,
) -> Registration {
    let folding = Folding { component: spec.name, snapshots: spec.snapshot, fold };
    Registration::Aggregate(Arc::new(Typed { component, spec, decide, query, folding }))
}
