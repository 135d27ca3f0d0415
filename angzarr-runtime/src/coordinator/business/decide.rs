//! The decision itself: no I/O, unless a handler asks for it.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use tracing::{Instrument, Span};

use super::request::{Request, Source, Work};
use crate::component::{AggregateLogic, Deciding, Delivery, Input, Undecided};
use crate::coordinator::state::{Folded, fold};
use crate::coordinator::{guarded, guarded_async};
use crate::failure::{DEADLINE_EXCEEDED, EXTERNAL_ID_MISMATCH, Failure, HANDLER_TIMED_OUT, ROOT_MISMATCH};
use crate::message::{Emission, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{NewBook, NewRecord, RecordKind};
use crate::telemetry::span::{self, component_span};
use crate::time;

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Step {
    /// Append this book; then the answer is what was stored or, where the book records a refusal, that refusal.
    Append { book: NewBook, refused: Option<Rejection> },
    /// Append nothing; answer this.
    Answer(Answer),
}

/// An answer that stores nothing.
#[derive(Debug)]
pub(super) enum Answer {
    /// There is nothing to do; this is where the stream stands.
    Unchanged {
        next_sequence: u32,
    },
    /// What a query gets.
    Found(Payload),
    Rejected(Rejection),
    Conflict {
        expected: u32,
        actual: u32,
    },
    Failed(Failure),
}

/// What becomes of a round.
pub(super) struct Plan {
    /// Of the first requests, in order. Those beyond have to be decided later; on a state that is loaded anew, unless
    /// this one is clean.
    pub(super) steps: Vec<Step>,
    /// Whether the state is what it will be once all books are stored.
    pub(super) clean: bool,
}

/// How long a handler that does I/O may take; less, if the caller gives up earlier.
const IO_LIMIT: Duration = Delivery::DEFAULT.timeout;

/// Whether a handler may do I/O now.
#[derive(Clone, Copy)]
enum Io {
    Done,
    /// Not while others wait who are decided already.
    PutOff,
}

/// Decides on requests in order, each on the state that the earlier ones leave. Ends before one whose handler does I/O,
/// so that only those behind it wait for that.
pub(super) async fn plan<'a>(
    logic: &dyn AggregateLogic,
    folded: &mut Folded,
    now: Timestamp,
    requests: impl Iterator<Item = &'a Request>,
) -> Plan {
    let mut steps = Vec::new();
    let mut recorded = i64::MIN;
    for request in requests {
        let io = if steps.is_empty() { Io::Done } else { Io::PutOff };
        let actual = folded.next_sequence;
        if let Some(expected) = request.expected
            && expected != actual
        {
            steps.push(Step::Answer(Answer::Conflict { expected, actual }));
            continue;
        }
        let decision = match &request.work {
            Work::Decide(inputs) => {
                let span = executing(logic, request);
                let decided = decide(logic, folded, request, inputs, io).instrument(span.clone()).await;
                match &decided.0 {
                    Ok(Decision::Refuse { rejection, .. }) => span::refused(&span, &rejection.code),
                    Ok(Decision::Append(_) | Decision::Later) => {}
                    Err(failure) => span::failed(&span, failure.code()),
                }
                decided
            }
            // Imports may be old versions, which are not folded here.
            Work::Import(records) => (Ok(Decision::Append(records.clone())), false),
            Work::Query(query) => {
                match answer(logic, folded, request, query, io).instrument(executing(logic, request)).await {
                    Ok(answer) => steps.push(Step::Answer(answer)),
                    Err(later) => return Plan { steps, clean: matches!(later, Later::PutOff) },
                }
                continue;
            }
        };
        let (decision, clean) = decision;
        let mut step = match decision {
            Err(failure) => Step::Answer(Answer::Failed(failure)),
            Ok(Decision::Later) => return Plan { steps, clean },
            Ok(Decision::Append(records)) if records.is_empty() && request.idempotency_key.is_none() => {
                Step::Answer(Answer::Unchanged { next_sequence: actual })
            }
            Ok(Decision::Append(records)) => Step::Append { book: request.book(now, actual, records), refused: None },
            Ok(Decision::Refuse { rejection, .. }) if request.source == Source::Client => {
                Step::Answer(Answer::Rejected(rejection))
            }
            Ok(Decision::Refuse { command, rejection }) => {
                let book = request.book(now, actual, vec![refusal(&command, &rejection)]);
                Step::Append { book, refused: Some(rejection) }
            }
        };
        if let Step::Append { book, .. } = &mut step {
            // Books of one stream that follow each other have different times, so that readers can tell them apart.
            recorded = time::to_micros(&book.created_at).max(recorded.saturating_add(1));
            book.created_at = time::from_micros(recorded);
            let next = u32::try_from(book.records.len()).ok().and_then(|count| actual.checked_add(count));
            let Some(next) = next else {
                steps.push(Step::Answer(Answer::Failed(Failure::new("STREAM_FULL", "the stream is full"))));
                return Plan { steps, clean: false };
            };
            folded.next_sequence = next;
        }
        steps.push(step);
        if !clean {
            return Plan { steps, clean: false };
        }
    }
    Plan { steps, clean: true }
}

/// The span in which handlers decide on a request.
fn executing(logic: &dyn AggregateLogic, request: &Request) -> Span {
    let span =
        component_span!(parent: &request.span, "aggregate.execute", logic.spec().name, request.stream, request.trace);
    span::here(&span, request.trace.traceparent);
    span
}

/// What one request leads to.
#[derive(Debug)]
enum Decision {
    /// Store these, as one book.
    Append(Vec<NewRecord>),
    /// Store none of them.
    Refuse { command: Payload, rejection: Rejection },
    /// Ask again.
    Later,
}

/// Why a query is asked again.
enum Later {
    /// When nobody else waits.
    PutOff,
    /// On a state that is loaded anew.
    StateLost,
}

/// Decides on all inputs in order. False if the state was folded with something that is not stored.
async fn decide(
    logic: &dyn AggregateLogic,
    folded: &mut Folded,
    request: &Request,
    inputs: &[Input],
    io: Io,
) -> (Result<Decision, Failure>, bool) {
    let name = logic.spec().name;
    let (cx, state) = (request.context(folded.next_sequence), &mut folded.state);
    let mut records = Vec::new();
    for input in inputs {
        let emissions = match settled(name, request, io, || logic.decide(state, input, &cx)).await {
            Ok(Some(emissions)) => emissions,
            Ok(None) => return (Ok(Decision::Later), records.is_empty()),
            Err(Undecided::StateLost) => return (Ok(Decision::Later), false),
            Err(Undecided::Failed(failure)) => {
                // The handler was not asked: a caller's mistake costs nobody else the warm state.
                let unasked = [ROOT_MISMATCH, EXTERNAL_ID_MISMATCH].contains(&failure.code());
                return (Err(failure), unasked && records.is_empty());
            }
            Err(Undecided::Rejected(rejection)) => return (refuse(name, input, rejection), records.is_empty()),
        };
        if let Input::Fact(payload) = input {
            if let Err(failure) = fold(logic.stateful(), name, state, payload) {
                return (Err(failure), false);
            }
            let (payload, occurred_at) = (payload.clone(), request.occurred_at);
            records.push(NewRecord { kind: RecordKind::Fact, payload, occurred_at, due: None });
        }
        for emission in emissions {
            let Emission::Event(payload) = emission else {
                return (Err(Failure::new("NOT_AN_EVENT", format!("`{name}` answered with a command"))), false);
            };
            if let Err(failure) = fold(logic.stateful(), name, state, &payload) {
                return (Err(failure), false);
            }
            records.push(NewRecord { kind: kind(input), payload, occurred_at: None, due: None });
        }
    }
    (Ok(Decision::Append(records)), true)
}

/// Leaves the state as it is, whatever comes of it.
async fn answer(
    logic: &dyn AggregateLogic,
    folded: &Folded,
    request: &Request,
    query: &Payload,
    io: Io,
) -> Result<Answer, Later> {
    let (cx, state) = (request.context(folded.next_sequence), &folded.state);
    match settled(logic.spec().name, request, io, || logic.query(state, query, &cx)).await {
        Ok(Some(found)) => Ok(Answer::Found(found)),
        Ok(None) => Err(Later::PutOff),
        Err(Undecided::Rejected(rejection)) => Ok(Answer::Rejected(rejection)),
        Err(Undecided::Failed(failure)) => Ok(Answer::Failed(failure)),
        Err(Undecided::StateLost) => Err(Later::StateLost),
    }
}

/// Runs a handler to its end; gives none if it is put off. A panic becomes a failure, and so does taking too long.
async fn settled<'a, T>(
    name: &str,
    request: &Request,
    io: Io,
    call: impl FnOnce() -> Deciding<'a, T>,
) -> Result<Option<T>, Undecided> {
    match (guarded(name, || Ok::<_, Undecided>(call()))?, io) {
        (Deciding::Done(decided), _) => decided.map(Some),
        // It has not begun: a future does nothing before it is polled.
        (Deciding::Waiting(_), Io::PutOff) => Ok(None),
        (Deciding::Waiting(handler), Io::Done) => {
            let left = request.deadline.map(|deadline| deadline.duration_since(SystemTime::now()).unwrap_or_default());
            let Some(left) = left.filter(|left| *left < IO_LIMIT) else {
                return guarded_async(name, IO_LIMIT, handler).await.map(Some);
            };
            let decided: Result<_, Undecided> = guarded_async(name, left, handler).await;
            decided.map(Some).map_err(|undecided| match undecided {
                Undecided::Failed(failure) if failure.code() == HANDLER_TIMED_OUT => {
                    let message = format!("the caller's deadline passed while `{name}` was asked");
                    Undecided::Failed(Failure::new(DEADLINE_EXCEEDED, message))
                }
                undecided => undecided,
            })
        }
    }
}

fn refusal(command: &Payload, rejection: &Rejection) -> NewRecord {
    let refusal = proto::Refusal { rejection: Some(rejection.clone().into()), command: Some(command.to_any()) };
    NewRecord { kind: RecordKind::Refusal, payload: Payload::named(&refusal), occurred_at: None, due: None }
}

fn kind(input: &Input) -> RecordKind {
    match input {
        Input::Command(_) | Input::Fact(_) => RecordKind::Event,
        Input::Refusal { .. } => RecordKind::Compensation,
    }
}

fn refuse(name: &str, input: &Input, rejection: Rejection) -> Result<Decision, Failure> {
    match input {
        Input::Command(command) => Ok(Decision::Refuse { command: command.clone(), rejection }),
        Input::Fact(fact) => {
            let message = format!("`{name}` refused the fact `{}`: {rejection}", fact.type_name);
            Err(Failure::new("FACT_REFUSED", message))
        }
        Input::Refusal { command, .. } => {
            let message = format!("`{name}` refused the compensation of `{}`: {rejection}", command.type_name);
            Err(Failure::new("COMPENSATION_REFUSED", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{AggregateSpec, Encoding, SnapshotSpec, State, Stateful, deciding};
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
        facts: &["Fact"],
        compensations: &["Send"],
        queries: &["Sum"],
        events: &["Counted", "Fact"],
        stored_as: &[],
    };

    fn payload(type_name: &'static str, value: &[u8]) -> Payload {
        Payload { type_name: type_name.into(), value: value.to_vec().into() }
    }

    impl Stateful for Counter {
        fn state_type(&self) -> String {
            "Count".to_owned()
        }

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

        fn encode_state<'a>(&'a self, _: &'a State, _: u32) -> Encoding<'a> {
            Encoding::Done(None)
        }

        fn encoded_len(&self, _: &State) -> usize {
            0
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

        fn decide<'a>(&'a self, state: &'a State, input: &'a Input, cx: &'a Context) -> Deciding<'a, Vec<Emission>> {
            let (command, refused) = match input {
                Input::Command(command) | Input::Fact(command) => (command, false),
                Input::Refusal { command, .. } => (command, true),
            };
            let counted = state.downcast_ref::<usize>().unwrap();
            if let Some(value) = command.value.strip_prefix(b"io ") {
                return deciding(async move {
                    tokio::task::yield_now().await;
                    match value {
                        b"panic" => panic!("on demand"),
                        b"never" => std::future::pending().await,
                        b"sequence" => Err(Undecided::Rejected(rejection(&counted.to_string()))),
                        _ => Ok(vec![Emission::Event(payload("Counted", b""))]),
                    }
                });
            }
            Deciding::Done(match &*command.value {
                b"panic" => panic!("on demand"),
                b"reject" => Err(Undecided::Rejected(rejection("NO"))),
                b"sequence" => Err(Undecided::Rejected(rejection(&counted.to_string()))),
                b"unfolded" => Ok(vec![Emission::Event(payload("Unfolded", b""))]),
                b"id" => Ok(vec![Emission::Event(payload("Counted", cx.new_id().as_bytes()))]),
                bytes => {
                    let kind: &[u8] = if refused { b"refused" } else { b"" };
                    Ok(bytes.iter().map(|_| Emission::Event(payload("Counted", kind))).collect())
                }
            })
        }

        fn query<'a>(&'a self, state: &'a State, query: &'a Payload, _: &'a Context) -> Deciding<'a, Payload> {
            let counted = state.downcast_ref::<usize>().unwrap();
            let answer = move || match &*query.value {
                b"panic" => panic!("on demand"),
                b"reject" => Err(Undecided::Rejected(rejection("NO"))),
                _ => Ok(payload("Sum", counted.to_string().as_bytes())),
            };
            if query.value.starts_with(b"io ") { deciding(async move { answer() }) } else { Deciding::Done(answer()) }
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
            work: Work::Decide(inputs),
            trace: Trace { correlation_id: "c".into(), cause: None, traceparent: None },
            span: Span::none(),
            source: Source::Client,
            deadline: None,
            occurred_at: None,
            arrived: time::from_micros(0),
            seed: Uuid::from_u128(7),
        }
    }

    fn command(value: &[u8]) -> Input {
        Input::Command(payload("Count", value))
    }

    fn fact(value: &[u8]) -> Input {
        Input::Fact(payload("Fact", value))
    }

    fn refused(value: &[u8]) -> Input {
        Input::Refusal { command: payload("Send", value), rejection: rejection("NO") }
    }

    /// By a clock that runs ahead while nothing else does.
    fn ended<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(future)
    }

    /// One word a step: the kinds of records of a book with the sequence it expects, or the answer.
    fn planned(requests: &[Request]) -> (Vec<String>, bool) {
        planned_from(0, requests)
    }

    fn planned_from(next_sequence: u32, requests: &[Request]) -> (Vec<String>, bool) {
        let mut folded = Folded { state: Counter.new_state(), next_sequence, snapshot_next: 0, completed: false };
        let Plan { steps, clean } = ended(plan(&Counter, &mut folded, time::from_micros(0), requests.iter()));
        let word = |step: &Step| match step {
            Step::Append { book, refused } => {
                let kinds: Vec<_> = book.records.iter().map(|record| record.kind).collect();
                let refused =
                    refused.as_ref().map(|rejection| format!(" refused {}", rejection.code)).unwrap_or_default();
                format!("{:?} {kinds:?}{refused}", book.expected.unwrap())
            }
            Step::Answer(Answer::Unchanged { .. }) => "nothing".into(),
            Step::Answer(Answer::Found(found)) => format!("found {}", String::from_utf8_lossy(&found.value)),
            Step::Answer(Answer::Rejected(rejection)) => format!("rejected {}", rejection.code),
            Step::Answer(Answer::Conflict { expected, actual }) => format!("conflict {expected} {actual}"),
            Step::Answer(Answer::Failed(failure)) => format!("failed {}", failure.code()),
        };
        (steps.iter().map(word).collect(), clean)
    }

    fn one(inputs: Vec<Input>) -> (String, bool) {
        let (mut words, clean) = planned(&[request(inputs)]);
        (words.remove(0), clean)
    }

    #[test]
    fn a_request_leads_to_a_book_or_an_answer() {
        let table: [(Vec<Input>, &str, bool); 19] = [
            (vec![command(b"")], "nothing", true),
            (vec![command(b"1")], "0 [Event]", true),
            (vec![command(b"12"), command(b"1")], "0 [Event, Event, Event]", true),
            (vec![refused(b"1")], "0 [Compensation]", true),
            (vec![fact(b"")], "0 [Fact]", true),
            (vec![fact(b"12")], "0 [Fact, Event, Event]", true),
            (vec![fact(b"reject")], "failed FACT_REFUSED", true),
            (vec![fact(b"panic")], "failed HANDLER_PANICKED", false),
            (vec![command(b"reject")], "rejected NO", true),
            // Later inputs see what earlier ones did; if one is refused, the state holds what is not stored.
            (vec![command(b"123"), command(b"sequence")], "rejected 3", false),
            (vec![command(b"panic")], "failed HANDLER_PANICKED", false),
            (vec![command(b"unfolded")], "failed TYPE_UNKNOWN", false),
            (vec![refused(b"reject")], "failed COMPENSATION_REFUSED", true),
            (vec![command(b"1"), command(b"panic")], "failed HANDLER_PANICKED", false),
            // With I/O nothing is different, except that it may take too long.
            (vec![command(b"io 1"), command(b"1")], "0 [Event, Event]", true),
            (vec![command(b"1"), command(b"io sequence")], "rejected 1", false),
            (vec![fact(b"io 1")], "0 [Fact, Event]", true),
            (vec![command(b"io panic")], "failed HANDLER_PANICKED", false),
            (vec![command(b"io never")], "failed HANDLER_TIMED_OUT", false),
        ];
        for (inputs, word, clean) in table {
            assert_eq!(one(inputs), (word.to_owned(), clean));
        }
    }

    fn import() -> Request {
        let payload = payload("Old", b"");
        let record = NewRecord { kind: RecordKind::Event, payload, occurred_at: None, due: None };
        Request { work: Work::Import(vec![record]), ..request(Vec::new()) }
    }

    #[test]
    fn requests_are_decided_on_what_earlier_ones_leave() {
        let free = |value: &[u8]| request(vec![command(value)]);
        let at = |expected, value: &[u8]| Request { expected: Some(expected), ..free(value) };
        let keyed = |value: &[u8]| Request { idempotency_key: Some("key".into()), ..free(value) };
        let consumers =
            |value: &[u8]| Request { source: Source::Consumer { recorded_at: time::from_micros(0) }, ..keyed(value) };
        let query = |value: &[u8]| Request { work: Work::Query(payload("Sum", value)), ..request(Vec::new()) };
        let table: [(Vec<Request>, &[&str]); 9] = [
            (vec![free(b"12"), free(b"sequence"), free(b"1")], &["0 [Event, Event]", "rejected 2", "2 [Event]"]),
            // Expectations count with what is still to be stored; those that fail ask no handler.
            (vec![free(b"12"), at(2, b"1"), at(2, b"panic")], &["0 [Event, Event]", "2 [Event]", "conflict 2 3"]),
            (vec![Request { expected: Some(1), ..import() }, free(b"1")], &["conflict 1 0", "0 [Event]"]),
            // What is empty or refused leaves everything as it was.
            (
                vec![free(b""), keyed(b""), free(b"reject"), at(0, b"1")],
                &["nothing", "0 []", "rejected NO", "0 [Event]"],
            ),
            (vec![request(vec![command(b"reject"), command(b"1")]), free(b"1")], &["rejected NO", "0 [Event]"]),
            // A refusal that is recorded takes a sequence, and changes no state.
            (
                vec![free(b"1"), consumers(b"reject"), free(b"sequence"), at(2, b"1")],
                &["0 [Event]", "1 [Refusal] refused NO", "rejected 1", "2 [Event]"],
            ),
            // A fact sees the state before it; those behind it see it, too.
            (
                vec![free(b"1"), request(vec![fact(b"12")]), free(b"sequence")],
                &["0 [Event]", "1 [Fact, Event, Event]", "rejected 4"],
            ),
            // Queries leave everything as it is, whatever becomes of them.
            (
                vec![query(b"io "), free(b"12"), query(b""), query(b"reject"), query(b"panic"), at(2, b"1")],
                &["found 0", "0 [Event, Event]", "found 2", "rejected NO", "failed HANDLER_PANICKED", "2 [Event]"],
            ),
            // Only the store knows keys: the second one is decided, and found to be a duplicate there.
            (vec![keyed(b"1"), keyed(b"1"), free(b"sequence")], &["0 [Event]", "1 [Event]", "rejected 2"]),
        ];
        for (requests, words) in table {
            assert_eq!(planned(&requests), (words.iter().map(|word| (*word).to_owned()).collect(), true));
        }
    }

    #[test]
    fn nobody_who_is_decided_waits_for_the_io_of_those_behind() {
        let words = |requests: &[Vec<Input>]| planned(&requests.iter().cloned().map(request).collect::<Vec<_>>());
        let (io, plain) = (vec![command(b"io 1")], vec![command(b"1")]);
        assert_eq!(words(&[plain.clone(), io.clone(), plain.clone()]), (vec!["0 [Event]".into()], true));
        let both = vec!["0 [Event]".into(), "1 [Event]".into()];
        assert_eq!(words(&[io.clone(), plain.clone(), io.clone()]), (both, true));
        // Its first page has changed the state by then.
        let half = [plain.clone(), io].concat();
        assert_eq!(words(&[plain, half]), (vec!["0 [Event]".into()], false));
        let query = Request { work: Work::Query(payload("Sum", b"io ")), ..request(Vec::new()) };
        let queried = planned(&[request(vec![command(b"1")]), query.clone(), query]);
        assert_eq!(queried, (vec!["0 [Event]".into()], true));
    }

    #[test]
    fn nothing_is_decided_on_a_state_that_is_not_stored() {
        let free = |value: &[u8]| request(vec![command(value)]);
        let half_way = request(vec![command(b"12"), command(b"sequence")]);
        let no_compensation = request(vec![refused(b"1"), refused(b"reject")]);
        // Each of them ends the round.
        let table = [
            (0, import(), "1 [Event]"),
            (0, half_way, "rejected 3"),
            (0, free(b"panic"), "failed HANDLER_PANICKED"),
            (0, free(b"unfolded"), "failed TYPE_UNKNOWN"),
            (0, no_compensation, "failed COMPENSATION_REFUSED"),
            (u32::MAX - 2, free(b"12"), "failed STREAM_FULL"),
        ];
        for (next, last, word) in table {
            let first = format!("{next} [Event]");
            let (words, clean) = planned_from(next, &[free(b"1"), last, free(b"1")]);
            assert_eq!((words, clean), (vec![first, word.to_owned()], false));
        }
    }

    #[test]
    fn refusals_of_consumers_and_empty_results_under_a_key_are_stored() {
        let recorded_at = time::from_micros(0);
        let keyed = |source, value: &[u8]| Request {
            source,
            idempotency_key: Some("key".into()),
            ..request(vec![command(value)])
        };
        let (words, clean) = planned(&[
            keyed(Source::Consumer { recorded_at }, b"reject"),
            keyed(Source::Consumer { recorded_at }, b""),
            keyed(Source::Client, b""),
            keyed(Source::Client, b"reject"),
        ]);
        assert_eq!(words, ["0 [Refusal] refused NO", "1 []", "1 []", "rejected NO"]);
        assert!(clean);
    }

    #[test]
    fn deciding_again_makes_the_same_ids_and_distinct_ones_within_a_decision() {
        let ids = || {
            let mut folded =
                Folded { state: Counter.new_state(), next_sequence: 0, snapshot_next: 0, completed: false };
            let requests = [request(vec![command(b"id"), command(b"id")])];
            match ended(plan(&Counter, &mut folded, time::from_micros(0), requests.iter())).steps.remove(0) {
                Step::Append { book, .. } => book.records,
                Step::Answer(answer) => panic!("{answer:?}"),
            }
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids()[0].payload, ids()[1].payload);
    }
}
