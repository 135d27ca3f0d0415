//! A test kit: what happened before, what happens now, what comes of it.
//!
//! It comes with the feature `testing`; enable that where this crate is a dev-dependency.
//!
//! - [`aggregate`], [`saga`], [`process_manager`], [`projector`] and [`upcaster`] run one component by itself: no store, no
//!   application, no waiting.
//! - [`start`] runs a whole application in memory, by a [`Clock`] that a test sets.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
//! use angzarr_runtime::testing;
//!
//! # fn main() {
//! testing::aggregate(AccountRules {})
//!     .given((Opened {}, Deposited { amount: 70 }))
//!     .when(Deposit { account: "a".into(), amount: 30 })
//!     .then_events(Deposited { amount: 30 })
//!     .then_state(|account: &Account| assert_eq!(account.balance, 100));
//! # }
//! ```
//!
//! Messages are given and expected as they are: one, an array or a `Vec` of one type, or a tuple of several types (see
//! [`Messages`]). What is not as expected panics with a diff, at the line of the test:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
//! # use angzarr_runtime::testing;
//! # fn main() {
//! let wrong = std::panic::catch_unwind(|| {
//!     testing::aggregate(AccountRules {})
//!         .when(Deposit { account: "a".into(), amount: 30 })
//!         .then_events((Opened {}, Deposited { amount: 20 }));
//! });
//! # let text = wrong.err().and_then(|panic| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
//! assert_eq!(text, "\
//! events of `example.v1.app.Accounts` are not as expected (- expected, + actual)
//! - example.v1.Opened
//!   example.v1.Deposited {
//! -     amount: 20,
//! +     amount: 30,
//!   }
//! ");
//! # }
//! ```
#![expect(clippy::panic, reason = "in a test, a panic is how it fails")]

mod aggregate;
mod app;
mod clock;
mod messages;
mod process_manager;
mod projector;
mod saga;
pub(crate) mod shown;
mod upcaster;

pub use aggregate::{AggregateTest, aggregate};
pub use app::{AppTest, Came, Stream, start};
pub use clock::Clock;
pub use messages::{AsCommand, AsEvent, AsUnion, Messages};
pub use process_manager::{ProcessManagerTest, process_manager};
pub use projector::{ProjectorTest, projector};
pub use saga::{SagaTest, saga};
pub use upcaster::{UpcasterTest, upcaster};

use futures_util::future::BoxFuture;
use prost_types::Timestamp;
use uuid::Uuid;

use crate::component::{Registration, State, StateMessage, Stateful};
use crate::context::{Context, Decision};
use crate::failure::Failure;
use crate::id::{ANGZARR, canonical_key, root_id};
use crate::message::{Emission, Payload};
use crate::store::{Cause, StreamId};

/// The natural id of whatever a test does not name.
const SOME_KEY: &str = "1";

/// Where something is handled.
struct Place<'a> {
    domain: &'a str,
    key: &'a str,
}

impl Place<'_> {
    #[track_caller]
    fn stream(&self) -> StreamId {
        let Some(root) = root_id(self.domain, self.key) else {
            panic!("the natural id of a stream of \"{}\" is empty", self.domain)
        };
        StreamId::new(self.domain, root)
    }

    /// The circumstances of the `n`-th thing that is handled there.
    #[track_caller]
    fn context(&self, now: Timestamp, n: u32, cause: Option<Cause>) -> Context {
        let decision = Uuid::new_v5(&ANGZARR, format!("test/{n}").as_bytes());
        Context::new(
            self.stream(),
            canonical_key(self.key).into(),
            "test".into(),
            cause,
            now,
            Decision::Known(decision),
        )
    }

    /// An event there, as the cause of what `component` does.
    #[track_caller]
    fn cause(&self, component: &str, sequence: u32) -> Cause {
        let StreamId { domain, root } = self.stream();
        Cause { domain, root, sequence, part: 0, component: component.to_owned().into(), depth: 1 }
    }
}

/// Runs a handler to its end, in a runtime of its own: the test may or may not be in one.
#[track_caller]
fn finished<T: Send, E: From<Failure> + Send>(handling: BoxFuture<'_, Result<T, E>>) -> Result<T, E> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(Failure::from)?.block_on(handling)
    };
    std::thread::scope(|scope| match scope.spawn(run).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn payload(emission: Emission) -> Payload {
    match emission {
        Emission::Event(payload) => payload,
        Emission::Command(outgoing) => outgoing.payload,
    }
}

#[track_caller]
fn unfit(kit: &str, registration: &Registration) -> ! {
    panic!("{registration:?} is no {kit}: use the kit for its kind")
}

/// Makes of a state what it is after these events.
#[track_caller]
fn fold(logic: &dyn Stateful, state: &mut State, events: &[Payload]) {
    for event in events {
        if let Err(failure) = logic.fold(state, event) {
            panic!("a given event cannot be folded: {failure}")
        }
    }
}

/// Shows a state to a test.
#[track_caller]
fn show_state<S: StateMessage>(component: &str, state: &State, look: impl FnOnce(&S)) {
    match state.downcast_ref() {
        Some(state) => look(state),
        None => panic!("the state of `{component}` is not `{}`", S::full_name()),
    }
}
