//! Aggregates.

use std::sync::Arc;

use super::state::Folding;
use super::{Registration, SnapshotSpec, State, StateMessage, Stateful};
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

    /// Applies the rules. Pure: the same state, input and context give the same answer.
    ///
    /// # Errors
    /// A rejection, or a failure of the decision itself.
    fn decide(&self, state: &State, input: &Input, cx: &Context) -> Result<Vec<Emission>, Undecided>;

    /// Answers from state.
    ///
    /// # Errors
    /// A rejection, or a failure of the handler itself.
    fn query(&self, state: &State, query: &Payload, cx: &Context) -> Result<Payload, Undecided>;
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

type Decide<T, S> = fn(&T, &S, &Input, &Context) -> Result<Vec<Emission>, Undecided>;
type Query<T, S> = fn(&T, &S, &Payload, &Context) -> Result<Payload, Undecided>;

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

    fn decide(&self, state: &State, input: &Input, cx: &Context) -> Result<Vec<Emission>, Undecided> {
        (self.decide)(&self.component, self.folding.typed(state)?, input, cx)
    }

    fn query(&self, state: &State, query: &Payload, cx: &Context) -> Result<Payload, Undecided> {
        (self.query)(&self.component, self.folding.typed(state)?, query, cx)
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
