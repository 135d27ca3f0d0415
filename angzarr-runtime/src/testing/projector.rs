//! One projector by itself.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{Clock, Place, SOME_KEY, finished, shown, unfit};
use crate::component::{Component, ProjectorLogic, Registration};
use crate::context::Context;
use crate::error::Error;
use crate::failure::Failure;
use crate::message::{Event, Payload};
use crate::store::memory::MemoryViews;
use crate::store::{EventRef, Lease};
use crate::tables::{Holding, Mark, Slot, SqlRow, no_tables};
use crate::view::{Key, ViewStore};

/// Tests what a projector makes of its rows.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
/// use angzarr_runtime::testing;
///
/// # fn main() {
/// testing::projector(Show {})
///     .of("a")
///     .given("a", Balance { amount: 30 })
///     .when(Deposited { amount: 70 })
///     .then_row("a", Balance { amount: 100 });
/// # }
/// ```
#[track_caller]
pub fn projector(component: impl Component) -> ProjectorTest {
    let logic = match component.register() {
        Registration::Projector(logic) => logic,
        other => unfit("projector", &other),
    };
    let (clock, key, views) = (Clock::new(), SOME_KEY.to_owned(), Arc::new(MemoryViews::new()));
    ProjectorTest { logic, clock, key, count: 0, rows: BTreeMap::new(), views, done: Ok(()) }
}

/// A projector and its rows. See [`projector`].
pub struct ProjectorTest {
    logic: Arc<dyn ProjectorLogic>,
    clock: Clock,
    key: String,
    count: u32,
    rows: BTreeMap<Key, Bytes>,
    /// Where its own tables lie.
    views: Arc<MemoryViews>,
    done: Result<(), Failure>,
}

impl Debug for ProjectorTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.rows.keys().map(ToString::to_string).collect();
        f.debug_struct("ProjectorTest").field("name", &self.name()).field("rows", &keys).finish_non_exhaustive()
    }
}

impl ProjectorTest {
    /// Names the stream that the events come from: for `cx.key()`, and for the row if no handler names a key.
    pub fn of(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Puts a row into the view.
    pub fn given<R: prost::Message>(mut self, key: impl Into<Key>, row: R) -> Self {
        self.rows.insert(key.into(), row.encode_to_vec().into());
        self
    }

    /// Runs SQL in the database of [`Context::tx`](crate::Context::tx), which is SQLite in memory here: to make tables and
    /// fill them.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # use angzarr_runtime::testing;
    /// # #[derive(Projector)]
    /// # #[projector(define = Sums, name = "example.v1.app.Sums", on(on_deposited: Deposited => ()))]
    /// # struct KeepSums {}
    /// # impl Sums for KeepSums {
    /// #     async fn on_deposited(&self, event: Deposited, cx: &Context) -> Result<(), Failure> {
    /// #         cx.tx().execute("UPDATE sums SET sum = sum + $1", &[event.amount.into()]).await?;
    /// #         Ok(())
    /// #     }
    /// # }
    /// # fn main() {
    /// testing::projector(KeepSums {})
    ///     .given_tables("CREATE TABLE sums (sum bigint); INSERT INTO sums VALUES (30)")
    ///     .when(Deposited { amount: 70 })
    ///     .then_query("SELECT sum FROM sums", "100");
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the database does not take it, or there is none: the kit needs the feature `sqlite` for it.
    #[track_caller]
    pub fn given_tables(self, statements: &str) -> Self {
        let made = finished(Box::pin(async {
            let tables = self.views.tables().ok_or_else(no_tables)?;
            tables.run(statements).await.map_err(|error| failure(error.into()))
        }));
        if let Err(failure) = made {
            panic!("the tables of `{}` cannot be made: {failure}", self.name());
        }
        self
    }

    /// Has it handle an event.
    #[must_use = "say what comes of it"]
    #[track_caller]
    pub fn when<E: Event>(mut self, event: E) -> Self {
        self.done = self.handle(E::DOMAIN, &Payload::event(&event));
        self.count += 1;
        self
    }

    /// The handler succeeded: all there is to say of a projector without a view.
    #[track_caller]
    pub fn then_done(self) -> Self {
        self.succeeded();
        self
    }

    /// This is the row under `key` now.
    #[track_caller]
    pub fn then_row<R: prost::Message + Debug + Default>(self, key: impl Into<Key>, row: R) -> Self {
        self.succeeded();
        let key = key.into();
        let text = |row: &R| format!("{row:#?}");
        let actual = self.rows.get(&key).map(|row| match R::decode(row.clone()) {
            Ok(row) => text(&row),
            Err(error) => panic!("the row \"{key}\" of `{}` does not decode: {error}", self.name()),
        });
        match actual {
            Some(actual) => {
                shown::assert_same_text(&format!("fields of row \"{key}\" of `{}`", self.name()), &text(&row), &actual);
            }
            None => panic!("expected\n{}\nbut `{}` has no row \"{key}\"", text(&row), self.name()),
        }
        self
    }

    /// There is no row under `key` now.
    #[track_caller]
    pub fn then_no_row(self, key: impl Into<Key>) -> Self {
        self.succeeded();
        let key = key.into();
        assert!(!self.rows.contains_key(&key), "`{}` has a row \"{key}\"", self.name());
        self
    }

    /// A query gives this now, a line for each row, its values divided by `|`; null is empty.
    #[track_caller]
    pub fn then_query(self, query: &str, rows: &str) -> Self {
        self.succeeded();
        let found = finished(Box::pin(async {
            let holding = self.holding().await?;
            // Behind all events, so that no mark says that it is handled.
            let place = Place { domain: "test", key: SOME_KEY };
            let cx = place.context(self.clock.now(), 0, None);
            let cx = cx.with_slot(self.slot(holding, EventRef { position: u64::MAX, part: 0 }));
            cx.tx().query(query, &[]).await
        }));
        let found = match found {
            Ok(found) => found,
            Err(failure) => panic!("`{query}` failed with {failure}"),
        };
        let line = |row: &SqlRow| row.values().iter().map(ToString::to_string).collect::<Vec<_>>().join("|");
        let actual = found.iter().map(line).collect::<Vec<_>>().join("\n");
        shown::assert_same_text(&format!("rows of `{query}`"), rows, &actual);
        self
    }

    /// The handler failed with this code.
    #[track_caller]
    pub fn then_failed(self, code: &str) -> Self {
        match &self.done {
            Err(failure) if failure.code() == code => self,
            Err(failure) => panic!("expected a failure with {code}, but `{}` failed with {failure}", self.name()),
            Ok(()) => panic!("expected a failure with {code}, but `{}` succeeded", self.name()),
        }
    }

    #[track_caller]
    fn handle(&mut self, domain: &'static str, event: &Payload) -> Result<(), Failure> {
        let place = Place { domain, key: &self.key };
        let cx = place.context(self.clock.now(), self.count + 1, Some(place.cause(self.name(), self.count)));
        if self.logic.shape().is_none() {
            let at = EventRef { position: u64::from(self.count) + 1, part: 0 };
            return finished(Box::pin(self.handle_in_transaction(event, cx, at)));
        }
        let key = self.logic.key(event)?.map_or_else(|| Key::from(&*self.key), |keyed| keyed.key);
        match finished(self.logic.project(self.rows.get(&key).map(|row| &**row), event.into(), &cx))? {
            Some(row) => self.rows.insert(key, Bytes::copy_from_slice(row.bytes())),
            None => self.rows.remove(&key),
        };
        Ok(())
    }

    async fn handle_in_transaction(&self, event: &Payload, cx: Context, at: EventRef) -> Result<(), Failure> {
        let cx = cx.with_slot(self.slot(self.holding().await?, at));
        let handled = self.logic.project(None, event.into(), &cx).await.map(drop);
        match cx.into_slot() {
            Some(slot) => slot.end(handled, Mark::UntilPassed).await.map_err(failure),
            None => handled,
        }
    }

    fn slot(&self, holding: Arc<Holding>, at: EventRef) -> Slot {
        Slot::new(holding, at, self.logic.spec().delivery.timeout)
    }

    async fn holding(&self) -> Result<Arc<Holding>, Failure> {
        let lease = Lease { consumer: self.name().into(), token: 1 };
        Ok(Arc::new(Holding::take(self.views.clone(), Uuid::nil(), lease, 0).await?))
    }

    #[track_caller]
    fn succeeded(&self) {
        if let Err(failure) = &self.done {
            panic!("`{}` failed with {failure}", self.name());
        }
    }

    fn name(&self) -> &'static str {
        self.logic.spec().name
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Failed(failure) => failure,
        other => other.into(),
    }
}
