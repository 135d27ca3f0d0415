//! Events become rows; rows and checkpoint are committed together.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::consumer::{Build, Consumer, ConsumerKind, Lane};
use super::outgoing::context;
use super::rows::{AT_HAND, Found, Rows, parts};
use super::{guarded_async, guarded_until};
use crate::component::{Arrival, Decoded, Delivery, ProjectorLogic, ReturnedRow, Subscription};
use crate::context::Context;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{EventRef, Lease, Record, Store, StoreError};
use crate::tables::{Holding, Mark, Slot};
use crate::telemetry::measure::Durations;
use crate::telemetry::span::{self, component_span};
use crate::view::{Key, Owner, Shape, Taken, ViewStore, Writer};

/// So many changes are written out and freed sooner than another thread wakes up.
const FEW: usize = 64;

/// How many bytes a row may have. It is stored three times over, as columns, JSON and bytes, in one message to the server.
const ROW: usize = 64 << 20;

/// The coordinator of one projector.
pub(crate) struct ProjectorCoordinator {
    logic: Arc<dyn ProjectorLogic>,
    store: Arc<dyn Store>,
    views: Arc<dyn ViewStore>,
    delivery: Delivery,
    /// How many bytes of committed rows are kept at hand.
    at_hand: usize,
    /// None if the projector keeps no view.
    view: Option<View>,
    /// Its own tables, if it keeps no view. None before the first lease.
    holding: Mutex<Option<Arc<Holding>>>,
    durations: Durations,
}

struct View {
    name: &'static str,
    views: Arc<dyn ViewStore>,
    shape: Shape,
    log: Uuid,
    /// None before the first lease.
    rows: Mutex<Option<Rows>>,
    /// Kept by whoever commits, or wants that nothing is committed.
    committing: Arc<tokio::sync::Mutex<()>>,
    /// What is built beside it under the present lease, and from where on.
    built: Mutex<Option<(Arc<ProjectorCoordinator>, u64)>>,
}

impl ProjectorCoordinator {
    pub(crate) fn new(
        logic: Arc<dyn ProjectorLogic>,
        store: Arc<dyn Store>,
        views: Arc<dyn ViewStore>,
        delivery: Delivery,
    ) -> Self {
        let (name, log) = (logic.spec().name, store.log_id());
        let shape = logic.shape().cloned();
        let view = shape.map(|shape| View {
            name,
            views: views.clone(),
            shape,
            log,
            rows: Mutex::default(),
            committing: Arc::default(),
            built: Mutex::default(),
        });
        Self {
            logic,
            store,
            views,
            delivery,
            at_hand: AT_HAND,
            view,
            holding: Mutex::default(),
            durations: Durations::default(),
        }
    }

    /// The same, measured.
    pub(crate) fn measured(self, durations: Durations) -> Self {
        Self { durations, ..self }
    }

    /// Keeps at most so many bytes of committed rows at hand, each of two versions while one is built.
    pub(crate) fn keep(mut self, bytes: usize) -> Self {
        self.at_hand = self.at_hand.min(bytes);
        self
    }

    /// The same projector, for the version of the view that is built.
    fn beside(&self, token: u64, taken: Taken) -> Self {
        let built = Self::new(self.logic.clone(), self.store.clone(), self.views.clone(), self.delivery)
            .measured(self.durations.clone())
            .keep(self.at_hand);
        if let Some(view) = &built.view {
            let writer = Writer { token, version: taken.version };
            *view.lock() = Some(Rows::new(writer, taken.checkpoint, taken.empty, self.at_hand));
        }
        built
    }

    fn holding(&self) -> Result<Arc<Holding>, StoreError> {
        let holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        holding.ok_or_else(|| StoreError::LeaseLost { consumer: self.name().to_owned() })
    }

    /// Handles an event; what it leaves in tables of the projector's own is marked.
    async fn observed(&self, event: &Record, lane: Lane, mark: Mark) -> Result<(), Error> {
        let span = component_span!("projector.handle", self.name(), event.stream, event.trace);
        span::go_on(&span, event.trace.traceparent);
        let handling = async {
            match &self.view {
                Some(view) => self.change(view, event, lane).await,
                None => self.handle(event, lane.event, mark).await,
            }
        };
        self.durations.measure(span, handling).await
    }

    /// Handles an event in a transaction, if the handler wants one.
    async fn handle(&self, event: &Record, decoded: Option<Decoded>, mark: Mark) -> Result<(), Error> {
        let at = EventRef { position: event.position, part: event.part };
        let limit = self.delivery.timeout;
        let cx = context(self.name(), event).with_slot(Slot::new(self.holding()?, at, limit));
        let over = async {
            match cx.slot() {
                Some(slot) => slot.over().await,
                None => pending().await,
            }
        };
        let handling = self.logic.project(None, Arrival::new(&event.payload, decoded), &cx);
        let handled = guarded_until(self.name(), limit, over, handling).await.map(drop);
        match cx.into_slot() {
            Some(slot) => slot.end(handled, mark).await,
            None => Ok(handled?),
        }
    }

    /// What it means that tables refuse a lease. If the log still knows it as the present one, they were written when the
    /// log was further on.
    async fn refused(&self, lease: &Lease, error: StoreError) -> StoreError {
        let is_present = matches!(error, StoreError::LeaseLost { .. }) && self.store.renew(lease).await.is_ok();
        if !is_present {
            return error;
        }
        let place = format!("what the tables of {} were written from", self.name());
        let reason = "they know a later lease than this log has given: it is an older one".to_owned();
        StoreError::Foreign { place, reason }
    }

    async fn project(
        &self,
        row: Option<&[u8]>,
        event: Arrival<'_>,
        cx: &Context,
    ) -> Result<Option<ReturnedRow>, Failure> {
        guarded_async(self.name(), self.delivery.timeout, self.logic.project(row, event, cx)).await
    }

    /// Makes of the lane's row what the event makes of it.
    async fn change(&self, view: &View, event: &Record, lane: Lane) -> Result<(), Error> {
        let (key, at) = (Key::of_text(lane.name), EventRef { position: event.position, part: event.part });
        let (writer, known) = view.find(&key)?;
        let found = match known {
            Some(known) => known,
            None => view.load(writer, &key).await?,
        };
        // Lanes overtake each other, so what is behind the checkpoint may be in the row already.
        if found.as_ref().is_some_and(|found| found.event >= at) {
            return view.make_room(writer).await;
        }
        let (row, cx) = (found.as_ref().and_then(Found::row), context(self.name(), event));
        let row = self.project(row, Arrival::new(&event.payload, lane.event), &cx).await?;
        if let Some(row) = row.as_ref().filter(|row| row.bytes().len() > ROW) {
            let message = format!("the row of \"{key}\" has {} bytes; at most {ROW} are kept", row.bytes().len());
            return Err(Failure::new("ROW_TOO_LARGE", message).into());
        }
        let many = view.under(writer, |rows| {
            rows.change(key, at, row);
            rows.are_many()
        })?;
        if many { view.make_room(writer).await } else { Ok(()) }
    }
}

impl View {
    fn owner(&self) -> Owner<'_> {
        Owner { log: self.log, shape: &self.shape }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Rows>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> StoreError {
        StoreError::LeaseLost { consumer: self.name.to_owned() }
    }

    /// Does something with the rows, unless they are those of another lease by now.
    fn under<T>(&self, writer: Writer, work: impl FnOnce(&mut Rows) -> T) -> Result<T, StoreError> {
        let mut rows = self.lock();
        rows.as_mut().filter(|rows| rows.writer == writer).map(work).ok_or_else(|| self.lost())
    }

    fn writer(&self) -> Result<Writer, StoreError> {
        self.lock().as_ref().map(|rows| rows.writer).ok_or_else(|| self.lost())
    }

    /// What is known of a key, and under which lease; none if the store has to be asked.
    fn find(&self, key: &Key) -> Result<(Writer, Option<Option<Found>>), StoreError> {
        let mut rows = self.lock();
        let rows = rows.as_mut().ok_or_else(|| self.lost())?;
        Ok((rows.writer, rows.find(key)))
    }

    /// Asks the store, and keeps what it says.
    async fn load(&self, writer: Writer, key: &Key) -> Result<Option<Found>, StoreError> {
        let found = self.views.entry(self.name, writer.version, key).await?.map(Found::from);
        if let Some(found) = &found {
            self.under(writer, |rows| rows.keep(key.clone(), found.clone()))?;
        }
        Ok(found)
    }

    /// Commits rows before it is time, if many wait for that; the checkpoint stays where it is.
    async fn make_room(&self, writer: Writer) -> Result<(), Error> {
        if !self.under(writer, |rows| rows.are_many())? {
            return Ok(());
        }
        let _committing = self.committing.lock().await;
        // Another lane may have done so meanwhile.
        let checkpoint = self.under(writer, |rows| rows.are_many().then(|| rows.checkpoint()))?;
        match checkpoint {
            Some(checkpoint) => Ok(self.store(writer, checkpoint).await?),
            None => Ok(()),
        }
    }

    /// Commits what was changed, with the checkpoint. Rows may be stored before it: each knows its last event.
    async fn store(&self, writer: Writer, checkpoint: u64) -> Result<(), StoreError> {
        // Handlers of other lanes go on meanwhile, so only what is there now is in it.
        let (changes, before) = self.under(writer, |rows| (rows.commit(), rows.checkpoint()))?;
        let mut parts = aside(changes.len(), || parts(changes)).await?;
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            self.views.commit(self.name, writer, part, before).await?;
        }
        self.views.commit(self.name, writer, last, checkpoint).await?;
        let committed = self.under(writer, |rows| rows.committed(checkpoint))?;
        aside(committed.len(), || drop(committed)).await
    }
}

/// Does something with so many changes: on another thread if events would have to wait for it.
async fn aside<T: Send + 'static>(changes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    if changes <= FEW {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Unavailable { reason: error.to_string() })
}

#[async_trait]
impl Consumer for ProjectorCoordinator {
    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn subscriptions(&self) -> &'static [Subscription] {
        self.logic.spec().subscriptions
    }

    fn kind(&self) -> ConsumerKind {
        ConsumerKind::Projector
    }

    /// The row: the one that the handler's key names, or that of the natural id of the event's root.
    fn lane(&self, event: &Record) -> Result<Lane, Failure> {
        Ok(match self.logic.key(&event.payload)? {
            Some(keyed) => keyed.into(),
            None => Lane::from(Arc::<str>::from(Key::shared(&event.key))),
        })
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn last_event(&self, event: &Record) -> Result<Option<EventRef>, Error> {
        let Some(view) = &self.view else { return Ok(None) };
        let key = Key::of_text(self.lane(event)?.name);
        let (writer, known) = view.find(&key)?;
        let found = match known {
            Some(known) => known,
            None => view.views.entry(view.name, writer.version, &key).await?.map(Found::from),
        };
        Ok(found.map(|found| found.event))
    }

    async fn react(&self, event: &Record, lane: Lane) -> Result<(), Error> {
        self.observed(event, lane, Mark::UntilPassed).await
    }

    async fn replay(&self, event: &Record, lane: Lane) -> Result<(), Error> {
        self.observed(event, lane, Mark::UntilUnparked).await
    }

    async fn parked(&self, lease: &Lease, events: &[EventRef]) -> Result<(), StoreError> {
        match &self.view {
            Some(_) => Ok(()),
            None => self.holding()?.keep(lease, events).await,
        }
    }

    async fn unparked(&self, lease: &Lease, event: EventRef) -> Result<(), StoreError> {
        match &self.view {
            Some(_) => Ok(()),
            None => self.holding()?.forget(lease, event).await,
        }
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }

    async fn checkpoint(&self) -> Result<u64, StoreError> {
        match &self.view {
            Some(view) => view.views.checkpoint(self.name(), view.owner()).await,
            None => self.store.checkpoint(self.name()).await,
        }
    }

    async fn take(&self, lease: &Lease) -> Result<u64, StoreError> {
        let Some(view) = &self.view else {
            let (known, log) = (self.checkpoint().await?, self.store.log_id());
            let taken = Holding::take(self.views.clone(), log, lease.clone(), known).await;
            let holding = match taken {
                Ok(holding) => holding,
                Err(error) => return Err(self.refused(lease, error).await),
            };
            // Fenced before the log's end is read: whoever held it before could go beyond that meanwhile.
            holding.check_end(self.store.head().await?).await?;
            let checkpoint = holding.checkpoint();
            *self.holding.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(holding));
            return Ok(checkpoint);
        };
        // What an earlier lease left unfinished is handled again by whoever holds the present one.
        *view.lock() = None;
        // Fenced before the log's end is read: whoever held it before could go beyond that meanwhile.
        view.views.take(self.name(), view.owner(), u64::MAX, lease.token).await?;
        let head = self.store.head().await?;
        let taken = view.views.take(self.name(), view.owner(), head, lease.token).await?;
        let token = lease.token;
        let (version, checkpoint, empty) = match taken.served {
            Some(served) => (served.version, served.checkpoint, false),
            None => (taken.version, taken.checkpoint, taken.empty),
        };
        *view.lock() = Some(Rows::new(Writer { token, version }, checkpoint, empty, self.at_hand));
        *view.built.lock().unwrap_or_else(PoisonError::into_inner) =
            taken.served.map(|_| (Arc::new(self.beside(token, taken)), taken.checkpoint));
        Ok(checkpoint)
    }

    async fn commit(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        let Some(view) = &self.view else {
            // First where it lies beside what was done.
            self.holding()?.save_checkpoint(lease, position).await?;
            return self.store.save_checkpoint(lease, position).await;
        };
        let writer = view.writer()?;
        if writer.token != lease.token {
            return Err(view.lost());
        }
        let _committing = view.committing.lock().await;
        view.store(writer, position).await
    }

    fn build(&self) -> Option<Build> {
        let view = self.view.as_ref()?;
        let built = view.built.lock().unwrap_or_else(PoisonError::into_inner);
        let (built, position) = built.as_ref()?;
        Some(Build { consumer: built.clone(), position: *position, feeding: view.committing.clone() })
    }

    async fn switch(&self, known: u64) -> Result<bool, StoreError> {
        match &self.view {
            Some(view) => view.views.switch(self.name(), view.writer()?, known).await,
            None => Ok(false),
        }
    }

    async fn sync(&self) -> Result<(), StoreError> {
        match &self.view {
            Some(view) => view.views.sync().await,
            None => self.holding()?.sync().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prost_types::Timestamp;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::component::{Handling, Keyed, ProjectorSpec};
    use crate::context::Context;
    use crate::message::Payload;
    use crate::store::memory::{MemoryStore, MemoryViews};
    use crate::store::{Acquired, ConsumerStore, RecordKind, StreamId, Trace};
    use crate::view::{Change, Entry, Selection, Taken, Version};

    /// Appends what events say to their rows.
    struct Listing(Shape);

    impl ProjectorLogic for Listing {
        fn spec(&self) -> &'static ProjectorSpec {
            &ProjectorSpec { name: "Listing", subscriptions: &[], delivery: Delivery::DEFAULT }
        }

        fn shape(&self) -> Option<&Shape> {
            Some(&self.0)
        }

        fn key(&self, _: &Payload) -> Result<Option<Keyed>, Failure> {
            Ok(None)
        }

        fn project<'a>(
            &'a self,
            row: Option<&'a [u8]>,
            event: Arrival<'a>,
            _: &'a Context,
        ) -> Handling<'a, Option<ReturnedRow>> {
            Box::pin(async move {
                let row = [row.unwrap_or_default(), &*event.payload.value].concat();
                Ok(Some(ReturnedRow::plain(row)))
            })
        }
    }

    /// Views whose commits wait, when they have begun, until they may go on.
    #[derive(Debug)]
    struct Slow {
        views: MemoryViews,
        begun: Semaphore,
        go_on: Semaphore,
    }

    #[async_trait]
    impl ViewStore for Slow {
        async fn take(&self, view: &str, owner: Owner<'_>, head: u64, token: u64) -> Result<Taken, StoreError> {
            self.views.take(view, owner, head, token).await
        }

        async fn checkpoint(&self, view: &str, owner: Owner<'_>) -> Result<u64, StoreError> {
            self.views.checkpoint(view, owner).await
        }

        async fn entry(&self, view: &str, version: u32, key: &Key) -> Result<Option<Entry>, StoreError> {
            self.views.entry(view, version, key).await
        }

        async fn commit(&self, view: &str, by: Writer, changes: Vec<Change>, to: u64) -> Result<(), StoreError> {
            self.begun.add_permits(1);
            self.go_on.acquire().await.map_err(|_| StoreError::Closed)?.forget();
            self.views.commit(view, by, changes, to).await
        }

        async fn switch(&self, view: &str, by: Writer, known: u64) -> Result<bool, StoreError> {
            self.views.switch(view, by, known).await
        }

        async fn row(&self, view: &str, key: &Key) -> Result<Option<Bytes>, StoreError> {
            self.views.row(view, key).await
        }

        async fn rows(&self, view: &str, selection: Selection<'_>) -> Result<Vec<(Key, Bytes)>, StoreError> {
            self.views.rows(view, selection).await
        }

        async fn versions(&self, view: &str) -> Result<Vec<Version>, StoreError> {
            self.views.versions(view).await
        }

        async fn rebuild(&self, view: &str) -> Result<(), StoreError> {
            self.views.rebuild(view).await
        }

        async fn sync(&self) -> Result<(), StoreError> {
            self.views.sync().await
        }

        async fn close(&self) -> Result<(), StoreError> {
            self.views.close().await
        }
    }

    fn event(position: u64, key: &str, says: &'static str) -> Record {
        Record {
            stream: StreamId::new("things", Uuid::nil()),
            key: key.into(),
            sequence: 0,
            position,
            kind: RecordKind::Event,
            part: 0,
            parts: 0,
            payload: Payload { type_name: "Said".into(), value: Bytes::from(says) },
            created_at: Timestamp::default(),
            occurred_at: None,
            trace: Trace { correlation_id: "talk".into(), cause: None, traceparent: None },
        }
    }

    async fn leased(store: &MemoryStore) -> Lease {
        match store.acquire("Listing", None).await.unwrap() {
            Acquired::Taken(lease) => lease,
            Acquired::Held(_) => panic!("nobody else holds it"),
        }
    }

    /// Lanes go on while a commit is under way: it holds what was there when it began, the next one holds the rest.
    #[tokio::test]
    async fn rows_change_during_a_commit() {
        let store = Arc::new(MemoryStore::new());
        let views = Slow { views: MemoryViews::new(), begun: Semaphore::new(0), go_on: Semaphore::new(0) };
        let views = Arc::new(views);
        let shape = Shape { row_type: "Row".into(), columns: Vec::new() };
        let projector =
            ProjectorCoordinator::new(Arc::new(Listing(shape)), store.clone(), views.clone(), Delivery::DEFAULT);
        let handle = async |event: Record| {
            let lane = projector.lane(&event).unwrap();
            projector.react(&event, lane).await
        };
        let row = async |key: &str| views.row("Listing", &Key::from(key)).await.unwrap();

        let lease = leased(&store).await;
        assert_eq!(projector.take(&lease).await.unwrap(), 0);
        handle(event(1, "a", "1")).await.unwrap();
        handle(event(4, "b", "4")).await.unwrap();
        let during = async {
            views.begun.acquire().await.unwrap().forget();
            handle(event(2, "a", "2")).await.unwrap();
            handle(event(3, "c", "3")).await.unwrap();
            views.go_on.add_permits(1);
        };
        let (committed, ()) = tokio::join!(projector.commit(&lease, 1), during);
        committed.unwrap();
        assert_eq!((row("a").await, row("b").await, row("c").await), (Some("1".into()), Some("4".into()), None));
        views.go_on.add_permits(1);
        projector.commit(&lease, 2).await.unwrap();
        assert_eq!((row("a").await, row("c").await), (Some("12".into()), Some("3".into())));

        // A commit that is given up is made again; what is behind the checkpoint is not handled twice.
        handle(event(5, "a", "5")).await.unwrap();
        let given_up = async { views.begun.acquire_many(2).await.unwrap().forget() };
        tokio::select! {
            _ = projector.commit(&lease, 2) => panic!("it has to wait"),
            () = given_up => {}
        }
        views.go_on.add_permits(1);
        projector.commit(&lease, 2).await.unwrap();
        assert_eq!(row("a").await, Some("125".into()));
        store.release(&lease).await.unwrap();
        let next = leased(&store).await;
        // What is ahead of the log is emptied; the log here ends at its beginning.
        assert_eq!(projector.take(&next).await.unwrap(), 0);
        assert_eq!(row("a").await, None);
        assert!(projector.commit(&lease, 3).await.is_err(), "the earlier lease is worth nothing");
    }

    #[tokio::test]
    async fn rows_beyond_the_limit_are_refused() {
        let store = Arc::new(MemoryStore::new());
        let shape = Shape { row_type: "Row".into(), columns: Vec::new() };
        let logic = Arc::new(Listing(shape));
        let projector =
            ProjectorCoordinator::new(logic, store.clone(), Arc::new(MemoryViews::new()), Delivery::DEFAULT);
        projector.take(&leased(&store).await).await.unwrap();
        let handle = async |event: Record| {
            let lane = projector.lane(&event).unwrap();
            projector.react(&event, lane).await
        };
        let of_size = |position, size| {
            let payload = Payload { type_name: "Said".into(), value: vec![b'x'; size].into() };
            Record { payload, ..event(position, "a", "") }
        };
        handle(of_size(1, ROW)).await.unwrap();
        assert_eq!(handle(of_size(2, 1)).await.unwrap_err().code(), "ROW_TOO_LARGE");
        handle(Record { key: "b".into(), ..of_size(3, 1) }).await.unwrap();
    }

    /// What waits for the checkpoint is bounded in bytes, also while nothing can be committed.
    #[tokio::test]
    async fn large_rows_are_committed_before_it_is_time() {
        let store = Arc::new(MemoryStore::new());
        let views = Slow { views: MemoryViews::new(), begun: Semaphore::new(0), go_on: Semaphore::new(2) };
        let views = Arc::new(views);
        let shape = Shape { row_type: "Row".into(), columns: Vec::new() };
        let projector =
            ProjectorCoordinator::new(Arc::new(Listing(shape)), store.clone(), views.clone(), Delivery::DEFAULT);
        let lease = leased(&store).await;
        projector.take(&lease).await.unwrap();
        let handle = async |position: u64, key: &str| {
            let payload = Payload { type_name: "Said".into(), value: vec![b'x'; ROW / 3].into() };
            let event = Record { payload, ..event(position, key, "") };
            let lane = projector.lane(&event).unwrap();
            projector.react(&event, lane).await
        };
        handle(1, "a").await.unwrap();
        let stored = async |key: &str| views.row("Listing", &Key::from(key)).await.unwrap().is_some();
        assert!(!stored("a").await);
        handle(2, "b").await.unwrap();
        assert!(stored("a").await && stored("b").await);
        assert_eq!(projector.checkpoint().await.unwrap(), 0);
        handle(3, "c").await.unwrap();
        assert_eq!(views.begun.available_permits(), 2, "in two parts");

        views.go_on.close();
        for _ in 0..2 {
            assert_eq!(handle(4, "d").await.unwrap_err().code(), "STORE_CLOSED");
        }
        assert!(!stored("c").await);
    }
}
