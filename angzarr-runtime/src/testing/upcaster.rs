//! One upcaster by itself.

use std::sync::Arc;

use super::{Messages, shown, unfit};
use crate::component::{Component, Registration};
use crate::coordinator::upcast::{Answers, Upcasts};
use crate::failure::Failure;
use crate::message::{Event, Payload};

/// Tests what an upcaster makes of old events, followed to their current versions.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # fn main() {
/// testing::upcaster(OldAccounts {}).when(Started {}).then_events(Opened {});
/// # }
/// ```
#[track_caller]
pub fn upcaster(component: impl Component) -> UpcasterTest {
    let logic = match component.register() {
        Registration::Upcaster(logic) => logic,
        other => unfit("upcaster", &other),
    };
    let mut upcasts = Upcasts::default();
    if let Err(old) = upcasts.add(&logic) {
        panic!("`{}` upcasts `{old}` twice", logic.spec().name);
    }
    if let Err(name) = upcasts.add_names(logic.spec().domain, logic.spec().stored_as) {
        panic!("`{}` has two old events that are stored as `{name}`", logic.spec().name);
    }
    UpcasterTest {
        name: logic.spec().name,
        domain: logic.spec().domain,
        upcasts: Arc::new(upcasts),
        current: Ok(Vec::new()),
    }
}

/// An upcaster. See [`upcaster`].
#[derive(Debug)]
pub struct UpcasterTest {
    name: &'static str,
    domain: &'static str,
    upcasts: Arc<Upcasts>,
    current: Result<Vec<Payload>, Failure>,
}

impl UpcasterTest {
    /// Has an old event read.
    #[must_use = "say what comes of it"]
    pub fn when<E: Event>(mut self, old: E) -> Self {
        self.current = self.upcasts.read_as(self.domain, &Payload::event(&old), &Answers::default());
        self
    }

    /// It is read as exactly these.
    #[track_caller]
    pub fn then_events<K>(self, events: impl Messages<K>) -> Self {
        let expected = events.payloads();
        match &self.current {
            Ok(actual) => shown::assert_same(&format!("events of `{}`", self.name), &expected, actual),
            Err(failure) => {
                panic!("{}but `{}` failed with {failure}", shown::expected(&expected), self.name)
            }
        }
        self
    }

    /// The hook failed with this code.
    #[track_caller]
    pub fn then_failed(self, code: &str) -> Self {
        match &self.current {
            Err(failure) if failure.code() == code => self,
            Err(failure) => panic!("expected a failure with {code}, but `{}` failed with {failure}", self.name),
            Ok(current) => {
                panic!("expected a failure with {code}, but `{}` {}", self.name, shown::did("yielded", current))
            }
        }
    }
}
