//! An application: components, their storage, and the way in.

#[cfg(feature = "grpc")]
mod books;
mod builder;
mod consumers;
#[cfg(any(feature = "grpc", feature = "testing"))]
mod deadlines;
mod follow;
mod import;
mod query;
mod read;
mod sample;
mod send;
mod speculate;
mod view;
mod wait;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

#[cfg(feature = "grpc")]
pub(crate) use books::Projected;
pub use builder::AppBuilder;
pub use consumers::{Cleared, Consumer, ConsumerStatus};
pub use follow::Following;
pub use import::Import;
pub use query::AskQuery;
pub use read::LogSlice;
pub use send::{RecordFact, SendCommand};
pub use speculate::SpeculateCommand;
pub use view::{Find, View};
pub use wait::SyncMode;

use crate::coordinator::consumer::Running;
#[cfg(feature = "grpc")]
use crate::coordinator::elsewhere::Routes;
use crate::coordinator::log::Log;
use crate::coordinator::outcome::Outcome;
use crate::coordinator::outgoing::Router;
use crate::coordinator::process_manager::ProcessManagerCoordinator;
use crate::coordinator::saga::SagaCoordinator;
use crate::error::{BadBook, Error};
use crate::message::{Command, Fact, Query};
use crate::proto;
use crate::store::{Acquired, Storage, StoreError};
use crate::view::{Row, VersionState, ViewStore};

/// How long consumers may take to finish the events that they are at.
const GRACE: Duration = Duration::from_secs(5);

/// A running application. Clones share it.
///
/// Dropping the last clone stops the consumers where they are; [`App::shutdown`] lets them finish first.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    log: Arc<Log>,
    router: Arc<Router>,
    sagas: Vec<Arc<SagaCoordinator>>,
    process_managers: Vec<Arc<ProcessManagerCoordinator>>,
    views: Arc<dyn ViewStore>,
    /// Full name of the projector and of its row type.
    view_names: Vec<(&'static str, String)>,
    consumers: Vec<Running>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: watch::Sender<bool>,
    /// Whether commands are taken; each one holds it for reading until it is decided.
    open: RwLock<bool>,
    /// How long shutting down waits for consumers.
    drain: Duration,
    /// What services have described their messages with: an encoded set of files each.
    #[cfg(feature = "grpc")]
    descriptors: Vec<bytes::Bytes>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("log", &self.inner.log.store).field("consumers", &self.inner.consumers).finish()
    }
}

/// How far a version of a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewStatus {
    /// Full name of its projector.
    pub name: &'static str,
    /// Grows with every version of the view.
    pub version: u32,
    /// Whether it is read, or being built.
    pub state: VersionState,
    /// The table in which its rows lie.
    pub table: String,
    /// Everything up to here is in it.
    pub checkpoint: u64,
    /// Set if this process runs the projector and has given this version up until it begins anew: before which position,
    /// and why.
    pub stopped: Option<(u64, String)>,
}

impl App {
    /// An application that keeps its log and views in `storage`: a place, or a store that is opened already
    /// ([`Storage::Opened`]).
    pub fn builder(storage: Storage) -> AppBuilder {
        AppBuilder::new(storage)
    }

    /// Sends a command to the aggregate of its domain and root. Await it; options come before that.
    ///
    /// ```no_run
    /// # use angzarr_runtime::{App, Command, Error};
    /// # async fn example(app: App, place_order: impl Command) -> Result<(), Error> {
    /// let outcome = app.send(place_order).idempotency_key("web-4711").await?;
    /// println!("{} events stored, the last at {}", outcome.events.len(), outcome.position);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send<C: Command>(&self, command: C) -> SendCommand {
        SendCommand::new(self.clone(), &command)
    }

    /// Records what happened elsewhere with the aggregate of its domain and root, which cannot refuse it. It is recorded
    /// once under its external id; what the aggregate makes of it follows in the same book. Await it; options come before
    /// that.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// let credit = Credited { account: "a".into(), booking: "bank-1".into(), amount: 70 };
    /// let first = app.record(credit.clone()).await?;
    /// let again = app.record(credit).await?;
    ///
    /// assert!(again.duplicate);
    /// assert_eq!(again.events, first.events);
    /// # app.shutdown().await
    /// # }
    /// ```
    pub fn record<F: Fact>(&self, fact: F) -> RecordFact {
        RecordFact::new(self.clone(), &fact)
    }

    /// Asks the aggregate of its domain and root. The answer rests on everything that was acknowledged before; a refusal
    /// is [`Error::Rejected`]. Nothing is stored. Await it; options come before that.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/example.rs"));
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), angzarr_runtime::Error> {
    /// # let app = example().await?;
    /// app.send(Deposit { account: "a".into(), amount: 70 }).await?;
    /// let balance = app.query(GetBalance { account: "a".into() }).await?;
    ///
    /// assert_eq!(balance.amount, 70);
    /// # app.shutdown().await
    /// # }
    /// ```
    pub fn query<Q: Query>(&self, query: Q) -> AskQuery<Q> {
        AskQuery::new(self.clone(), &query)
    }

    /// Takes a command book as it comes from the wire.
    ///
    /// # Errors
    /// [`Error::BadBook`] if it cannot be used, and what deciding and storing can yield.
    pub async fn execute(&self, book: proto::CommandBook) -> Result<Outcome, Error> {
        if book.origin.is_some() {
            return Err(BadBook::Reserved("origin").into());
        }
        let _open = self.open().await?;
        self.inner.router.execute(book).await
    }

    /// Takes a command book that another process on this log has sent on, be it for one of its consumers.
    #[cfg(feature = "grpc")]
    pub(crate) async fn execute_routed(&self, book: proto::CommandBook) -> Result<Outcome, Error> {
        let _open = self.open().await?;
        self.inner.router.execute_here(book).await
    }

    /// Takes the report of a refusal that another process on this log has sent on.
    #[cfg(feature = "grpc")]
    pub(crate) async fn compensate_routed(&self, refused: proto::CompensateRequest) -> Result<Outcome, Error> {
        let _open = self.open().await?;
        self.inner.router.compensate_here(refused).await
    }

    /// The ways to the owner of a domain, if no component here is that, and something leads there.
    #[cfg(feature = "grpc")]
    pub(crate) fn elsewhere(&self, domain: &str) -> Option<Arc<dyn Routes>> {
        self.inner.router.route(domain).cloned()
    }

    /// Takes a command book, and waits for those whom `sync` names, not longer than its caller does. A book that is stored
    /// is no error, whatever becomes of the waiting: what went wrong is in the outcome.
    #[cfg(feature = "grpc")]
    pub(crate) async fn execute_and_wait(
        &self,
        book: proto::CommandBook,
        sync: SyncMode,
        wait: Option<Duration>,
        until: Option<std::time::Instant>,
    ) -> Result<Outcome, Error> {
        let outcome = self.execute(book).await?;
        let wait = wait.unwrap_or(crate::error::DEFAULT_WAIT);
        let left = until.map(|until| until.saturating_duration_since(std::time::Instant::now()));
        match self.wait(outcome, sync, left.map_or(wait, |left| left.min(wait))).await {
            Err(Error::NotPassed { consumer, reason, outcome, .. }) => {
                let mut outcome = *outcome;
                outcome.not_passed(consumer, reason);
                Ok(outcome)
            }
            result => result,
        }
    }

    /// Whether the aggregate of a domain takes this type as a fact.
    #[cfg(feature = "grpc")]
    pub(crate) fn takes_fact(&self, domain: &str, type_name: &str) -> bool {
        self.inner.router.find(domain).is_some_and(|owner| owner.logic.spec().facts.contains(&type_name))
    }

    /// Appends history that was decided elsewhere to the stream of `key` in `domain`. Await it after adding events.
    pub fn import(&self, domain: &str, key: impl Into<String>) -> Import {
        Import::new(self.clone(), domain.to_owned(), key.into())
    }

    /// The view whose rows are of type `R`.
    ///
    /// # Errors
    /// [`Error::Setup`] if no projector keeps such a view, or several do.
    pub fn view<R: Row + prost::Message + prost::Name + Default>(&self) -> Result<View<R>, Error> {
        Ok(View::new(self.inner.views.clone(), self.view_name::<R>()?))
    }

    fn view_name<R: prost::Name>(&self) -> Result<&'static str, Error> {
        let row_type = R::full_name();
        let mut found = self.inner.view_names.iter().filter(|(_, row)| *row == row_type).map(|(name, _)| *name);
        match (found.next(), found.next()) {
            (Some(name), None) => Ok(name),
            (None, _) => Err(Error::Setup(format!("no registered projector keeps rows of `{row_type}`"))),
            (Some(one), Some(other)) => Err(Error::Setup(format!(
                "`{one}` and `{other}` both keep rows of `{row_type}`: give each its own type"
            ))),
        }
    }

    /// The versions of all views, in the order of registration, the active one of each first.
    ///
    /// # Errors
    /// What the store can yield.
    pub async fn view_status(&self) -> Result<Vec<ViewStatus>, Error> {
        let mut found = Vec::new();
        for (name, _) in &self.inner.view_names {
            let running = self.inner.consumers.iter().find(|running| running.name == *name);
            let stopped = running.and_then(|running| running.progress.borrow().unbuilt.clone());
            found.extend(self.inner.views.versions(name).await?.into_iter().map(|version| ViewStatus {
                name,
                version: version.number,
                state: version.state,
                table: version.table,
                checkpoint: version.checkpoint,
                stopped: stopped.clone().filter(|_| version.state == VersionState::Building),
            }));
        }
        Ok(found)
    }

    /// Builds the view whose rows are of type `R` anew, from the beginning of the log, beside the rows that are there.
    /// Those are read, and follow the log, until the new ones take their place: [`App::view_status`] tells how far it is.
    ///
    /// It is begun by whoever runs the projector, within a few seconds, wherever that is.
    ///
    /// # Errors
    /// Those of [`App::view`], and what the store can yield.
    pub async fn rebuild_view<R: prost::Name>(&self) -> Result<(), Error> {
        self.rebuild(self.view_name::<R>()?).await
    }

    /// The same, by the full name of its projector.
    ///
    /// # Errors
    /// `CONSUMER_UNKNOWN`, and what the store can yield.
    pub(crate) async fn rebuild(&self, name: &str) -> Result<(), Error> {
        if !self.inner.view_names.iter().any(|(known, _)| *known == name) {
            return Err(Error::ConsumerUnknown { consumer: name.to_owned() });
        }
        self.inner.views.rebuild(name).await?;
        // Whoever holds the lease notices that it is gone, and begins anew under the next one.
        let store = &self.inner.log.store;
        let mut seen = None;
        loop {
            match store.acquire(name, seen).await? {
                Acquired::Taken(lease) => return Ok(store.release(&lease).await?),
                Acquired::Held(beat) => seen = Some(beat),
            }
        }
    }

    /// For each domain, how many states are warm, and how many bytes they have.
    pub(crate) fn warm(&self) -> Vec<(&'static str, usize, usize)> {
        let aggregates = self.inner.router.aggregates.iter();
        let mut warm: Vec<_> = aggregates
            .map(|(domain, aggregate)| {
                let (states, bytes) = aggregate.warm();
                (*domain, states, bytes)
            })
            .collect();
        warm.sort_unstable();
        warm
    }

    /// The last position, as it moves.
    #[cfg(feature = "grpc")]
    pub(crate) fn head(&self) -> watch::Receiver<u64> {
        self.inner.log.store.watch()
    }

    /// The log's id.
    pub fn log_id(&self) -> Uuid {
        self.inner.log.store.log_id()
    }

    /// Waits until all consumers have passed the end of the log, and what they did has been passed too.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] if one of them never will; told after all others have.
    pub async fn drained(&self) -> Result<(), Error> {
        loop {
            let head = self.inner.log.store.head().await?;
            let result = self.passed(head).await;
            if self.inner.log.store.head().await? == head {
                return result;
            }
        }
    }

    /// The same, unless others write on, who would have to stop for that: then up to the end as it was before.
    async fn reach_end(&self) -> Result<(), Error> {
        loop {
            let head = self.inner.log.store.head().await?;
            let result = self.passed(head).await;
            if self.inner.log.store.head().await? == head || self.others_wrote_after(head).await? {
                return result;
            }
        }
    }

    async fn passed(&self, position: u64) -> Result<(), Error> {
        let mut result = Ok(());
        for consumer in &self.inner.consumers {
            result = result.and(consumer.clone().passed(position).await);
        }
        result
    }

    /// Whether something came behind a position that nothing before led to. Once no commands are taken here, it is from
    /// another program.
    async fn others_wrote_after(&self, position: u64) -> Result<bool, StoreError> {
        const PAGE: usize = 256;
        let mut after = position;
        loop {
            let records = self.inner.log.store.read(after, PAGE).await?;
            if records.iter().any(|record| record.trace.cause.is_none()) {
                return Ok(true);
            }
            match records.last() {
                Some(last) => after = last.position,
                None => return Ok(false),
            }
        }
    }

    /// Takes no more commands, lets the consumers reach the end of the log, stops them, and closes the storage. Where other
    /// programs go on to write, the end is where it was then: they take over.
    ///
    /// Consumers have the time of [`AppBuilder::drain_within`] to reach the end, and 5 seconds more to finish the events
    /// that they are at; then they are cut off, and handle those events again after the next start.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] if a consumer had given up, [`Error::NotDrained`] if the time was not enough, or what
    /// closing the storage yields. It is closed in any case.
    pub async fn shutdown(self) -> Result<(), Error> {
        *self.inner.open.write().await = false;
        let drained = tokio::time::timeout(self.inner.drain, self.reach_end()).await.unwrap_or(Err(Error::NotDrained));
        self.inner.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let grace = Instant::now() + GRACE;
        for mut task in tasks {
            // Consumers guard user code themselves; should one panic all the same, the others still end in order.
            if tokio::time::timeout_at(grace, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
        // Answers are out by now; what may still be going on is the writing of snapshots.
        for aggregate in self.inner.router.aggregates.values() {
            aggregate.idle().await;
        }
        // Both, whatever comes of the first.
        let (views, store) = (self.inner.views.close().await, self.inner.log.store.close().await);
        views.and(store)?;
        drained
    }

    /// Keeps the application from shutting down until it is dropped, unless it is doing so already.
    async fn open(&self) -> Result<RwLockReadGuard<'_, bool>, Error> {
        let open = self.inner.open.read().await;
        if *open { Ok(open) } else { Err(Error::ShuttingDown) }
    }
}
