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
            fold(logic.stateful(), name, state, &payload)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{AggregateSpec, SnapshotSpec, Stateful};
    use crate::context::Context;
    use crate::coordinator::business::request::Source;
    use crate::store::{StreamId, Trace};
    use uuid::Uuid;

    /// Counts up to a limit: a command's bytes say how many events it asks for. "panic" panics.
    struct Counter;

    static SPEC: AggregateSpec = AggregateSpec {
        name: "test.Counter",
        domain: "counter",
        snapshot: SnapshotSpec { every: 0, version: 0, shape: "" },
        commands: &["Count"],
        compensations: &["Send"],
        events: &["Counted"],
    };

    fn payload(type_name: &'static str, value: &[u8]) -> Payload {
        Payload { type_name: type_name.into(), value: value.to_vec().into() }
    }

    impl Stateful for Counter {
        fn new_state(&self) -> State {
            Box::new(0_usize)
        }

        fn fold(&self, state: &mut State, event: &Payload) -> Result<(), Failure> {
            if &*event.type_name == "Unfolded" {
                return Err(Failure::new("TYPE_UNKNOWN", "no fold"));
            }
            *state.downcast_mut::<usize>().unwrap() += 1;
            Ok(())
        }

        fn encode_state(&self, _: &State) -> Option<Payload> {
            None
        }

        fn decode_state(&self, _: &Payload) -> Option<State> {
            None
        }

        fn snapshots(&self) -> SnapshotSpec {
            SPEC.snapshot
        }
    }

    impl AggregateLogic for Counter {
        fn stateful(&self) -> &dyn Stateful {
            self
        }

        fn spec(&self) -> &'static AggregateSpec {
            &SPEC
        }

        fn decide(&self, state: &State, input: &Input, cx: &Context) -> Result<Vec<Emission>, Undecided> {
            let (command, refused) = match input {
                Input::Command(command) => (command, false),
                Input::Refusal { command, .. } => (command, true),
            };
            let counted = state.downcast_ref::<usize>().unwrap();
            match &*command.value {
                b"panic" => panic!("on demand"),
                b"reject" => Err(Undecided::Rejected(rejection("NO"))),
                b"sequence" => Err(Undecided::Rejected(rejection(&counted.to_string()))),
                b"unfolded" => Ok(vec![Emission::Event(payload("Unfolded", b""))]),
                b"id" => Ok(vec![Emission::Event(payload("Counted", cx.new_id().as_bytes()))]),
                bytes => {
                    let kind: &[u8] = if refused { b"refused" } else { b"" };
                    Ok(bytes.iter().map(|_| Emission::Event(payload("Counted", kind))).collect())
                }
            }
        }
    }

    fn rejection(code: &str) -> Rejection {
        Rejection { code: code.into(), message: String::new(), metadata: Default::default(), detail: None }
    }

    fn request(inputs: Vec<Input>) -> Request {
        Request {
            stream: StreamId::new("counter", Uuid::nil()),
            key: "a".into(),
            expected: None,
            idempotency_key: None,
            inputs,
            trace: Trace { correlation_id: "c".into(), cause: None },
            source: Source::Client,
            deadline: None,
            arrived: crate::time::from_micros(0),
            seed: Uuid::from_u128(7),
        }
    }

    fn command(value: &[u8]) -> Input {
        Input::Command(payload("Count", value))
    }

    fn decided(inputs: Vec<Input>) -> Result<Decision, Error> {
        decide(&Counter, &mut Counter.new_state(), &request(inputs))
    }

    fn kinds(inputs: Vec<Input>) -> Vec<RecordKind> {
        match decided(inputs).unwrap() {
            Decision::Append(records) => records.into_iter().map(|record| record.kind).collect(),
            Decision::Refuse { .. } => panic!("refused"),
        }
    }

    #[test]
    fn commands_yield_events_and_refusals_yield_compensations() {
        let refusal = Input::Refusal { command: payload("Send", b"1"), rejection: rejection("NO") };
        let table = [
            (vec![command(b"")], vec![]),
            (vec![command(b"1")], vec![RecordKind::Event]),
            (vec![command(b"12"), command(b"1")], vec![RecordKind::Event; 3]),
            (vec![refusal], vec![RecordKind::Compensation]),
        ];
        for (inputs, expected) in table {
            assert_eq!(kinds(inputs), expected);
        }
    }

    #[test]
    fn later_inputs_see_what_earlier_ones_did_and_one_refusal_refuses_all() {
        let refused = decided(vec![command(b"123"), command(b"sequence")]).unwrap();
        assert_eq!(refused, Decision::Refuse { command: payload("Count", b"sequence"), rejection: rejection("3") });
    }

    #[test]
    fn failures_are_coded() {
        let refusal = |value| Input::Refusal { command: payload("Send", value), rejection: rejection("NO") };
        let table = [
            (command(b"panic"), "HANDLER_PANICKED"),
            (command(b"unfolded"), "TYPE_UNKNOWN"),
            (refusal(b"reject"), "COMPENSATION_REFUSED"),
        ];
        for (input, code) in table {
            assert_eq!(decided(vec![input]).unwrap_err().code(), code);
        }
    }

    #[test]
    fn deciding_again_makes_the_same_ids_and_distinct_ones_within_a_decision() {
        let inputs = || vec![command(b"id"), command(b"id")];
        let first = decided(inputs()).unwrap();
        assert_eq!(first, decided(inputs()).unwrap());
        let Decision::Append(records) = first else { panic!("refused") };
        assert_ne!(records[0].payload, records[1].payload);
    }
}
