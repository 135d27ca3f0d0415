//! Handlers of aggregates that do no I/O, called. Derives name these functions rather than write them out for each
//! handler: expansions are short, and what they call is checked here.

use super::{Deciding, decode_refused, emit};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload, Query};
use crate::rejection::{Refused, Rejection};

/// A handler of an aggregate `T` with state `S`, as a method that takes `I` and gives `R`.
type Handler<T, S, I, R> = fn(&T, &S, I, &Context) -> R;

/// What becomes of what a handler returned.
type Emit<R> = fn(R) -> Result<Vec<Emission>, Failure>;

/// Has a command decided.
pub fn command<'a, T, S, C: prost::Message + Default, R>(
    component: &T,
    state: &S,
    command: &Payload,
    cx: &Context,
    handler: Handler<T, S, C, Result<R, Rejection>>,
    emit: Emit<R>,
) -> Deciding<'a, Vec<Emission>> {
    let decide = || Ok(emit(handler(component, state, command.decode()?, cx)?)?);
    Deciding::Done(decide())
}

/// Has a fact taken note of.
pub fn fact<'a, T, S, F: prost::Message + Default, R>(
    component: &T,
    state: &S,
    fact: &Payload,
    cx: &Context,
    handler: Handler<T, S, F, R>,
    emit: Emit<R>,
) -> Deciding<'a, Vec<Emission>> {
    let note = || Ok(emit(handler(component, state, fact.decode()?, cx))?);
    Deciding::Done(note())
}

/// Has a refused command compensated.
pub fn compensation<'a, T, S, C: prost::Message + Default, R>(
    component: &T,
    state: &S,
    (command, rejection): (&Payload, &Rejection),
    cx: &Context,
    handler: Handler<T, S, Refused<C>, R>,
    emit: Emit<R>,
) -> Deciding<'a, Vec<Emission>> {
    let compensate = || Ok(emit(handler(component, state, decode_refused(command, rejection)?, cx))?);
    Deciding::Done(compensate())
}

/// Has a query answered.
pub fn query<'a, T, S, Q: Query<Answer = A>, A>(
    component: &T,
    state: &S,
    query: &Payload,
    cx: &Context,
    handler: Handler<T, S, Q, Result<A, Rejection>>,
) -> Deciding<'a, Payload> {
    let answer = || Ok(emit::answer::<Q>(&handler(component, state, query.decode()?, cx)?));
    Deciding::Done(answer())
}

/// What a command, a fact, a refusal or a query comes to that the component has no handler for.
pub fn unhandled<'a, T>(component: &str, payload: &Payload) -> Deciding<'a, T> {
    Deciding::Done(Err(super::unhandled(component, payload).into()))
}
