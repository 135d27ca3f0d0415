//! Handlers of aggregates that do no I/O, called. Derives name these functions rather than write them out for each
//! handler: expansions are short, and what they call is checked here.

use super::{Deciding, decode_refused, emit};
use crate::context::Context;
use crate::failure::{EXTERNAL_ID_MISMATCH, Failure, ROOT_MISMATCH};
use crate::id::{canonical_key, root_id};
use crate::message::{Command, Emission, Fact, Payload, Query};
use crate::rejection::{Refused, Rejection};

/// A handler of an aggregate `T` with state `S`, as a method that takes `I` and gives `R`.
type Handler<T, S, I, R> = fn(&T, &S, I, &Context) -> R;

/// What becomes of what a handler returned.
type Emit<R> = fn(R) -> Result<Vec<Emission>, Failure>;

/// Refuses what is for another root than its book.
///
/// # Errors
/// `ROOT_MISMATCH`.
pub(crate) fn check_root(payload: &Payload, domain: &str, key: &str, cx: &Context) -> Result<(), Failure> {
    // The natural id is not always said: then the root has to be the one that follows from it.
    if canonical_key(key) == cx.key() || root_id(domain, key) == Some(cx.root()) {
        return Ok(());
    }
    let message = format!("the `{}` is for {key:?}, but its book for {:?}", payload.type_name, cx.key());
    Err(Failure::new(ROOT_MISMATCH, message))
}

/// Refuses a fact that would be recorded under another key than its external id: it would be recorded again under that.
///
/// # Errors
/// `EXTERNAL_ID_MISMATCH`.
pub(crate) fn check_external_id(payload: &Payload, external_id: &str, cx: &Context) -> Result<(), Failure> {
    match cx.recorded_under().filter(|key| *key != external_id) {
        None => Ok(()),
        Some(key) => {
            let message =
                format!("the `{}` has the id {external_id:?}, but its book the key {key:?}", payload.type_name);
            Err(Failure::new(EXTERNAL_ID_MISMATCH, message))
        }
    }
}

/// Decodes a command that is for the root of its book.
///
/// # Errors
/// `PAYLOAD_MALFORMED`, `ROOT_MISMATCH`.
pub fn decode_command<C: Command>(payload: &Payload, cx: &Context) -> Result<C, Failure> {
    let command: C = payload.decode()?;
    check_root(payload, C::DOMAIN, &command.root_key(), cx)?;
    Ok(command)
}

/// Decodes a fact that is for the root of its book, and recorded under its external id.
///
/// # Errors
/// `PAYLOAD_MALFORMED`, `ROOT_MISMATCH`, `EXTERNAL_ID_MISMATCH`.
pub fn decode_fact<F: Fact>(payload: &Payload, cx: &Context) -> Result<F, Failure> {
    let fact: F = payload.decode()?;
    check_root(payload, F::DOMAIN, &fact.root_key(), cx)?;
    check_external_id(payload, &fact.external_id(), cx)?;
    Ok(fact)
}

/// Has a command decided.
pub fn command<'a, T, S, C: Command, R>(
    component: &T,
    state: &S,
    command: &Payload,
    cx: &Context,
    handler: Handler<T, S, C, Result<R, Rejection>>,
    emit: Emit<R>,
) -> Deciding<'a, Vec<Emission>> {
    let decide = || Ok(emit(handler(component, state, decode_command(command, cx)?, cx)?)?);
    Deciding::Done(decide())
}

/// Has a fact taken note of.
pub fn fact<'a, T, S, F: Fact, R>(
    component: &T,
    state: &S,
    fact: &Payload,
    cx: &Context,
    handler: Handler<T, S, F, R>,
    emit: Emit<R>,
) -> Deciding<'a, Vec<Emission>> {
    let note = || Ok(emit(handler(component, state, decode_fact(fact, cx)?, cx))?);
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
