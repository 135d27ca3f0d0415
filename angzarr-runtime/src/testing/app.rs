//! A whole application.

use std::ops::Deref;
use std::time::Duration;

use prost::Message;

use super::{Clock, Messages, shown};
use crate::app::{App, AppBuilder};
use crate::error::Error;
use crate::message::{Command, Fact, Payload, Query};
use crate::proto;
use crate::rejection::{Rejection, RejectionCode};
use crate::store::{DeadLetter, Record, RecordKind};
use crate::time;
use crate::view::{Key, Row};

/// Starts an application by a clock that stands still until it is told to move on.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # #[tokio::main]
/// # async fn main() {
/// let builder = App::builder(Storage::Memory).register(AccountRules {}).register(Reopen {}).register(Keep {});
/// let app = testing::start(builder).await;
///
/// app.when(Open { account: "a".into() }).await.then_events(Opened {});
/// app.when(Close { account: "a".into() }).await.then_events(Closed {});
/// app.stream("accounts", "a-2").await.then_events(Opened {});
/// # }
/// ```
///
/// # Panics
/// If it does not start.
pub async fn start(builder: AppBuilder) -> AppTest {
    let clock = Clock::new();
    let app = done(builder.clock(&clock).start().await);
    AppTest { app, clock }
}

/// An application under test; it can do all that an [`App`] can. See [`start`].
#[derive(Debug)]
pub struct AppTest {
    app: App,
    clock: Clock,
}

impl Deref for AppTest {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl AppTest {
    /// The clock it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Sends a command, and waits until everything that follows from it is done.
    pub async fn when<C: Command>(&self, command: C) -> Came {
        let sent = self.app.send(command).await;
        self.came(sent.map(|outcome| outcome.events)).await
    }

    /// Records a fact, and waits until everything that follows from it is done.
    pub async fn when_recorded<F: Fact>(&self, fact: F) -> Came {
        let recorded = self.app.record(fact).await;
        self.came(recorded.map(|outcome| outcome.events)).await
    }

    /// Asks, and gives the answer or the rejection.
    ///
    /// # Errors
    /// The rejection.
    ///
    /// # Panics
    /// On all other errors.
    pub async fn when_asked<Q: Query>(&self, query: Q) -> Result<Q::Answer, Rejection> {
        match self.app.query(query).await {
            Err(Error::Rejected(rejection)) => Err(rejection),
            answer => Ok(done(answer)),
        }
    }

    /// Lets time go by. What is due fires, one deadline after the other, each at its time; waits until everything that
    /// follows is done.
    ///
    /// # Panics
    /// If a consumer stopped or paused.
    pub async fn advance(&self, time: Duration) {
        let until = time::after(&self.clock.now(), time);
        self.settled().await;
        while let Some(at) = done(self.app.next_deadline(until).await) {
            self.clock.set(at);
            self.settled().await;
        }
        self.clock.set(until);
        self.settled().await;
    }

    /// Waits until all consumers have done everything, deadlines that are due included.
    ///
    /// # Panics
    /// If a consumer stopped or paused.
    pub async fn settled(&self) {
        loop {
            done(self.app.drained().await);
            // In this order: a deadline leaves the store while it is being handled.
            let due = done(self.app.next_deadline(self.clock.now()).await);
            if due.is_none() && !self.app.is_firing() {
                return done(self.app.drained().await);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What the stream of `key` in `domain` holds now.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn stream(&self, domain: &str, key: &str) -> Stream {
        let events = done(self.app.events(domain, key).await);
        let log = done(self.app.read_log(0, usize::MAX).await).records;
        let of_it = |record: &Record| *record.stream.domain == *domain && *record.key == *key;
        let refusals = log.iter().filter(|record| record.kind == RecordKind::Refusal && of_it(record));
        let refusals =
            refusals.filter_map(|record| proto::Refusal::decode(record.payload.value.clone()).ok()?.rejection);
        Stream {
            name: format!("\"{key}\" in \"{domain}\""),
            refusals: refusals.map(Into::into).collect(),
            events: events.into_iter().map(|record| record.payload).collect(),
        }
    }

    /// The row under `key` of the view whose rows are of type `R`.
    ///
    /// # Panics
    /// If it cannot be read.
    pub async fn row<R: Message + prost::Name + Row + Default>(&self, key: impl Into<Key>) -> Option<R> {
        done(done(self.app.view::<R>()).get(key).await)
    }

    /// Dead letters of all consumers, each with the consumer's full name.
    ///
    /// # Panics
    /// If they cannot be read.
    pub async fn dead_letters(&self) -> Vec<(&'static str, DeadLetter)> {
        let mut found = Vec::new();
        for status in self.app.consumers() {
            let letters = done(self.app.consumer(status.name)).dead_letters(None, usize::MAX).await;
            found.extend(done(letters).into_iter().map(|letter| (status.name, letter)));
        }
        found
    }

    async fn came(&self, result: Result<Vec<Record>, Error>) -> Came {
        self.settled().await;
        Came(match result {
            Ok(records) => Ok(records.into_iter().map(|record| record.payload).collect()),
            Err(Error::Rejected(rejection)) => Err(rejection),
            Err(error) => done(Err(error)),
        })
    }
}

/// What came of a command or a fact at its own aggregate.
#[derive(Debug)]
pub struct Came(Result<Vec<Payload>, Rejection>);

impl Came {
    /// Exactly these events.
    #[track_caller]
    pub fn then_events<K>(self, events: impl Messages<K>) -> Self {
        let expected = events.payloads();
        match &self.0 {
            Ok(actual) => shown::assert_same("events", &expected, actual),
            Err(rejection) => panic!("{}but it was rejected with {rejection}", shown::expected(&expected)),
        }
        self
    }

    /// A rejection with this code.
    #[track_caller]
    pub fn then_rejected(self, code: impl RejectionCode) -> Self {
        match &self.0 {
            Err(rejection) if rejection.code == code.code() => self,
            Err(rejection) => panic!("expected a rejection with {}, but it was one with {rejection}", code.code()),
            Ok(stored) => panic!("expected a rejection with {}, but it {}", code.code(), shown::did("stored", stored)),
        }
    }
}

/// What a stream holds. See [`AppTest::stream`].
#[derive(Debug)]
pub struct Stream {
    name: String,
    events: Vec<Payload>,
    refusals: Vec<Rejection>,
}

impl Stream {
    /// Exactly these events, in current versions.
    #[track_caller]
    pub fn then_events<K>(self, events: impl Messages<K>) -> Self {
        shown::assert_same(&format!("events of {}", self.name), &events.payloads(), &self.events);
        self
    }

    /// Its aggregate refused a command of a saga or process manager with this code.
    #[track_caller]
    pub fn then_refused(self, code: impl RejectionCode) -> Self {
        let code = code.code();
        let known: Vec<_> = self.refusals.iter().map(ToString::to_string).collect();
        let found = self.refusals.iter().any(|rejection| rejection.code == code);
        assert!(found, "{} refused no command with {code}, but these: {known:?}", self.name);
        self
    }
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}\n  help: {}", error.code(), error.help()))
}
