//! One aggregate by itself.

use std::sync::Arc;
use std::time::Duration;

use prost_types::Timestamp;

use super::{Clock, Messages, Place, SOME_KEY, finished, fold, payload, show_state, shown, unfit};
use crate::component::{AggregateLogic, Component, Deciding, Input, Registration, State, StateMessage, Undecided};
use crate::failure::Failure;
use crate::message::{Command, Fact, Payload, Query};
use crate::rejection::{Rejection, RejectionCode};

/// Tests the rules of an aggregate: one stream, of which nothing is stored.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # fn main() {
/// testing::aggregate(AccountRules {})
///     .given(Opened {})
///     .when(Deposit { account: "a".into(), amount: 70 })
///     .then_events(Deposited { amount: 70 })
///     .when_recorded(Credited { account: "a".into(), booking: "bank-1".into(), amount: 5 })
///     .then_events(Credited { account: "a".into(), booking: "bank-1".into(), amount: 5 })
///     .when_asked(GetBalance { account: "a".into() })
///     .then_answer::<GetBalance>(Balance { amount: 75 });
/// # }
/// ```
#[track_caller]
pub fn aggregate(component: impl Component) -> AggregateTest {
    let logic = match component.register() {
        Registration::Aggregate(logic) => logic,
        other => unfit("aggregate", &other),
    };
    let state = logic.stateful().new_state();
    let decided = Decided::Events(Vec::new());
    AggregateTest { logic, state, clock: Clock::new(), key: SOME_KEY.to_owned(), count: 0, decided }
}

/// A stream of an aggregate. See [`aggregate`].
pub struct AggregateTest {
    logic: Arc<dyn AggregateLogic>,
    state: State,
    clock: Clock,
    key: String,
    count: u32,
    decided: Decided,
}

/// What came of the last thing it was asked.
#[derive(Debug)]
enum Decided {
    Events(Vec<Payload>),
    Answer(Payload),
    Rejected(Rejection),
    Failed(Failure),
}

impl From<Undecided> for Decided {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::Rejected(rejection) => Decided::Rejected(rejection),
            Undecided::Failed(failure) => Decided::Failed(failure),
            Undecided::StateLost => Decided::Failed(Failure::new("STATE_LOST", "the state has to be loaded anew")),
        }
    }
}

impl std::fmt::Display for Decided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Decided::Events(events) => f.write_str(&shown::did("stored", events)),
            Decided::Answer(answer) => write!(f, "answered with {}", answer.type_name),
            Decided::Rejected(rejection) => write!(f, "rejected with {rejection}"),
            Decided::Failed(failure) => write!(f, "failed with {failure}"),
        }
    }
}

impl std::fmt::Debug for AggregateTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AggregateTest")
            .field("name", &self.name())
            .field("decided", &self.decided)
            .finish_non_exhaustive()
    }
}

impl AggregateTest {
    /// Says when everything from here on happens, for `cx.now()`.
    pub fn at(self, instant: Timestamp) -> Self {
        self.clock.set(instant);
        self
    }

    /// Lets time go by, for `cx.now()`.
    pub fn advance(self, time: Duration) -> Self {
        self.clock.advance(time);
        self
    }

    /// Names the stream, for `cx.key()`, where no command does: before a refusal.
    pub fn of(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Adds events to the stream, whatever the rules are.
    #[track_caller]
    pub fn given<K>(mut self, events: impl Messages<K>) -> Self {
        fold(self.logic.stateful(), &mut self.state, &events.payloads());
        self
    }

    /// Has it decide on a command, on what the stream holds by now. The events are in the stream then.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when<C: Command>(mut self, command: C) -> Self {
        self.key = command.root_key();
        self.decide(Vec::new(), &Input::Command(Payload::command(&command)))
    }

    /// Has it record a fact, which is the first of the events.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when_recorded<F: Fact>(mut self, fact: F) -> Self {
        self.key = fact.root_key();
        let fact = Payload::event(&fact);
        self.decide(vec![fact.clone()], &Input::Fact(fact))
    }

    /// Tells it that a command was refused that one of its events led to.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when_refused<C: Command>(self, command: C, rejection: Rejection) -> Self {
        self.decide(Vec::new(), &Input::Refusal { command: Payload::command(&command), rejection })
    }

    /// Asks it.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when_asked<Q: Query>(mut self, query: Q) -> Self {
        self.key = query.root_key();
        let cx = self.next_context();
        self.decided = match settled(self.logic.query(&self.state, &Payload::query(&query), &cx)) {
            Ok(answer) => Decided::Answer(answer),
            Err(undecided) => undecided.into(),
        };
        self
    }

    /// Exactly these events came of it.
    #[track_caller]
    pub fn then_events<K>(self, events: impl Messages<K>) -> Self {
        let expected = events.payloads();
        match &self.decided {
            Decided::Events(actual) => {
                shown::assert_same(&format!("events of `{}`", self.name()), &expected, actual);
            }
            other => panic!("{}but `{}` {other}", shown::expected(&expected), self.name()),
        }
        self
    }

    /// No event came of it, and no rejection.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then_events(())
    }

    /// It was rejected with this code.
    #[track_caller]
    pub fn then_rejected(self, code: impl RejectionCode) -> Self {
        match &self.decided {
            Decided::Rejected(rejection) if rejection.code == code.code() => self,
            other => panic!("expected a rejection with {}, but `{}` {other}", code.code(), self.name()),
        }
    }

    /// The handler failed with this code.
    #[track_caller]
    pub fn then_failed(self, code: &str) -> Self {
        match &self.decided {
            Decided::Failed(failure) if failure.code() == code => self,
            other => panic!("expected a failure with {code}, but `{}` {other}", self.name()),
        }
    }

    /// This was the answer to a query `Q`.
    #[track_caller]
    pub fn then_answer<Q: Query>(self, answer: Q::Answer) -> Self {
        let expected = format!("{answer:#?}");
        match &self.decided {
            Decided::Answer(actual) => match actual.decode::<Q::Answer>() {
                Ok(actual) => {
                    shown::assert_same_text(
                        &format!("answers of `{}`", self.name()),
                        &expected,
                        &format!("{actual:#?}"),
                    );
                }
                Err(failure) => panic!("{failure}"),
            },
            other => panic!("expected an answer\n{expected}\nbut `{}` {other}", self.name()),
        }
        self
    }

    /// Looks at the state.
    #[track_caller]
    pub fn then_state<S: StateMessage>(self, look: impl FnOnce(&S)) -> Self {
        show_state(self.name(), &self.state, look);
        self
    }

    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    #[track_caller]
    fn next_context(&mut self) -> crate::Context {
        self.count += 1;
        Place { domain: self.logic.spec().domain, key: &self.key }.context(self.clock.now(), self.count, None)
    }

    #[track_caller]
    fn decide(mut self, before: Vec<Payload>, input: &Input) -> Self {
        let cx = self.next_context();
        self.decided = match settled(self.logic.decide(&self.state, input, &cx)) {
            Ok(emissions) => Decided::Events(before.into_iter().chain(emissions.into_iter().map(payload)).collect()),
            Err(undecided) => undecided.into(),
        };
        if let Decided::Events(events) = &self.decided {
            fold(self.logic.stateful(), &mut self.state, events);
        }
        self
    }
}

/// Runs a handler to its end.
#[track_caller]
fn settled<T: Send>(deciding: Deciding<'_, T>) -> Result<T, Undecided> {
    match deciding {
        Deciding::Done(decided) => decided,
        Deciding::Waiting(handler) => finished(handler),
    }
}
