//! One saga by itself.

use std::sync::Arc;

use super::{Clock, Messages, Place, SOME_KEY, finished, payload, shown, unfit};
use crate::component::{Component, Registration, SagaLogic};
use crate::failure::Failure;
use crate::message::{Event, Payload};

/// Tests what a saga sends.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # fn main() {
/// testing::saga(Reopen {}).of("a").when(Closed {}).then_commands(Open { account: "a-2".into() });
/// # }
/// ```
#[track_caller]
pub fn saga(component: impl Component) -> SagaTest {
    match component.register() {
        Registration::Saga(logic) => {
            SagaTest { logic, clock: Clock::new(), key: SOME_KEY.to_owned(), count: 0, sent: Ok(Vec::new()) }
        }
        other => unfit("saga", &other),
    }
}

/// A saga that listens. See [`saga`].
pub struct SagaTest {
    logic: Arc<dyn SagaLogic>,
    clock: Clock,
    key: String,
    count: u32,
    sent: Result<Vec<Payload>, Failure>,
}

impl std::fmt::Debug for SagaTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SagaTest").field("name", &self.name()).field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl SagaTest {
    /// Names the stream that the events come from, for `cx.key()`.
    pub fn of(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Has it handle an event.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when<E: Event>(mut self, event: E) -> Self {
        let place = Place { domain: E::DOMAIN, key: &self.key };
        let cx = place.context(self.clock.now(), self.count + 1, Some(place.cause(self.name(), self.count)));
        let event = Payload::event(&event);
        let sent = finished(self.logic.react((&event).into(), &cx));
        self.sent = sent.map(|emissions| emissions.into_iter().map(payload).collect());
        self.count += 1;
        self
    }

    /// Exactly these commands and facts came of it.
    #[track_caller]
    pub fn then_commands<K>(self, commands: impl Messages<K>) -> Self {
        let expected = commands.payloads();
        match &self.sent {
            Ok(actual) => shown::assert_same(&format!("commands of `{}`", self.name()), &expected, actual),
            Err(failure) => {
                panic!("{}but `{}` failed with {failure}", shown::expected(&expected), self.name())
            }
        }
        self
    }

    /// Nothing came of it.
    #[track_caller]
    pub fn then_nothing(self) -> Self {
        self.then_commands(())
    }

    /// The handler failed with this code.
    #[track_caller]
    pub fn then_failed(self, code: &str) -> Self {
        match &self.sent {
            Err(failure) if failure.code() == code => self,
            Err(failure) => panic!("expected a failure with {code}, but `{}` failed with {failure}", self.name()),
            Ok(sent) => panic!("expected a failure with {code}, but `{}` {}", self.name(), shown::did("sent", sent)),
        }
    }

    fn name(&self) -> &'static str {
        self.logic.spec().name
    }
}
