//! From what typed handlers return to what coordinators take. All that emit have one form, so that dispatch can name them.

use crate::failure::Failure;
use crate::message::{Command, Emission, Event, Fact, Payload, Query};

/// Messages that are just one oneof. Derived.
pub trait Union: Send + 'static {
    /// The member that is set.
    ///
    /// # Errors
    /// `UNION_UNSET` if none is.
    fn into_emission(self) -> Result<Emission, Failure>;
}

/// The failure of a union that holds nothing.
pub fn unset(union: &str) -> Failure {
    Failure::new("UNION_UNSET", format!("a handler returned a `{union}` in which no member is set"))
}

/// What a handler emits that returns nothing.
///
/// # Errors
/// None.
pub fn nothing((): ()) -> Result<Vec<Emission>, Failure> {
    Ok(Vec::new())
}

/// The event that a handler returned.
///
/// # Errors
/// None.
pub fn event<E: Event>(event: E) -> Result<Vec<Emission>, Failure> {
    Ok(vec![Emission::event(&event)])
}

/// The events that a handler returned.
///
/// # Errors
/// None.
pub fn events<E: Event>(events: Vec<E>) -> Result<Vec<Emission>, Failure> {
    Ok(events.iter().map(Emission::event).collect())
}

/// The command that a handler returned.
///
/// # Errors
/// None.
pub fn command<C: Command>(command: C) -> Result<Vec<Emission>, Failure> {
    Ok(vec![Emission::command(&command)])
}

/// The commands that a handler returned.
///
/// # Errors
/// None.
pub fn commands<C: Command>(commands: Vec<C>) -> Result<Vec<Emission>, Failure> {
    Ok(commands.iter().map(Emission::command).collect())
}

/// The fact that a handler returned, to be sent.
///
/// # Errors
/// None.
pub fn fact<F: Fact>(fact: F) -> Result<Vec<Emission>, Failure> {
    Ok(vec![Emission::fact(&fact)])
}

/// The facts that a handler returned, to be sent.
///
/// # Errors
/// None.
pub fn facts<F: Fact>(facts: Vec<F>) -> Result<Vec<Emission>, Failure> {
    Ok(facts.iter().map(Emission::fact).collect())
}

/// The member of the union that a handler returned.
///
/// # Errors
/// `UNION_UNSET`.
pub fn union<U: Union>(union: U) -> Result<Vec<Emission>, Failure> {
    Ok(vec![union.into_emission()?])
}

/// The members of the unions that a handler returned.
///
/// # Errors
/// `UNION_UNSET`.
pub fn unions<U: Union>(unions: Vec<U>) -> Result<Vec<Emission>, Failure> {
    unions.into_iter().map(Union::into_emission).collect()
}

/// The answer that a handler gave to a query `Q`.
pub fn answer<Q: Query>(answer: &Q::Answer) -> Payload {
    Payload::named(answer)
}
