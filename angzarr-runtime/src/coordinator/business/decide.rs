//! The decision itself: no I/O.

use super::request::Request;
use crate::component::{AggregateLogic, Input, State, Undecided};
use crate::coordinator::guarded;
use crate::coordinator::state::fold;
use crate::error::Error;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::rejection::Rejection;
use crate::store::{NewRecord, RecordKind};

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// Store these, as one book.
    Append(Vec<NewRecord>),
    /// Store none of them.
    Refuse { command: Payload, rejection: Rejection },
}

/// Decides on all inputs of a request in order, each on the state that the earlier ones left.
pub(super) fn decide(logic: &dyn AggregateLogic, state: &mut State, request: &Request) -> Result<Decision, Error> {
    let name = logic.spec().name;
    let cx = request.context();
    let mut records = Vec::new();
    for input in &request.inputs {
        let emissions = match guarded(name, || logic.decide(state, input, &cx)) {
            Ok(emissions) => emissions,
            Err(Undecided::Failed(failure)) => return Err(failure.into()),
            Err(Undecided::Rejected(rejection)) => return refuse(name, input, rejection),
        };
        for emission in emissions {
            let Emission::Event(payload) = emission else {
                return Err(Failure::new("NOT_AN_EVENT", format!("`{name}` answered with a command")).into());
            };
            fold(logic, name, state, &payload)?;
            records.push(NewRecord { kind: kind(input), payload, occurred_at: None });
        }
    }
    Ok(Decision::Append(records))
}

fn kind(input: &Input) -> RecordKind {
    match input {
        Input::Command(_) => RecordKind::Event,
        Input::Refusal { .. } => RecordKind::Compensation,
    }
}

fn refuse(name: &str, input: &Input, rejection: Rejection) -> Result<Decision, Error> {
    match input {
        Input::Command(command) => Ok(Decision::Refuse { command: command.clone(), rejection }),
        Input::Refusal { command, .. } => {
            let message = format!("`{name}` refused the compensation of `{}`: {rejection}", command.type_name);
            Err(Failure::new("COMPENSATION_REFUSED", message).into())
        }
    }
}
