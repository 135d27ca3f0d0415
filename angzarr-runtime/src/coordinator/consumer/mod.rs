//! What every consumer runs: whoever holds its lease reads the log, handles what is subscribed, and moves the checkpoint.
//! The others stand by, so that somebody goes on if the holder dies.

mod attempts;
mod build;
mod operate;
mod parking;
mod tail;
mod turn;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use prost_types::Timestamp;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::log::Log;
use crate::component::{Decoded, Delivery, Keyed, Subscription};
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{ConsumerStore, EventRef, Lease, Record, Store, StoreError};
use turn::Turn;

pub(crate) use attempts::Failures;
pub use operate::Cleared;

/// How many questions wait for a consumer at most.
const INBOX: usize = 256;

/// Records that set deadlines.
pub(crate) type DueDeadlines = Vec<Record>;

/// The lane of one event.
pub(crate) struct Lane {
    pub(crate) name: Arc<str>,
    /// The event, if it was decoded to find that out.
    pub(crate) event: Option<Decoded>,
}

impl From<Keyed> for Lane {
    fn from(Keyed { key, event }: Keyed) -> Self {
        Self { name: key.into(), event: Some(event) }
    }
}

impl From<Arc<str>> for Lane {
    fn from(name: Arc<str>) -> Self {
        Self { name, event: None }
    }
}

/// The lane of all events of a stream: where nothing else is named, or can be told.
pub(crate) fn of_stream(event: &Record) -> Arc<str> {
    of_root(event.stream.root)
}

/// The same, by the stream's root.
fn of_root(root: Uuid) -> Arc<str> {
    root.to_string().into()
}

/// Which kind of component a consumer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConsumerKind {
    /// Callers of `SyncMode::Simple` wait for these only.
    Projector,
    Saga,
    ProcessManager,
}

/// What differs between sagas, projectors and process managers.
#[async_trait]
pub(crate) trait Consumer: Send + Sync + 'static {
    /// Full name of the component.
    fn name(&self) -> &'static str;

    fn subscriptions(&self) -> &'static [Subscription];

    fn kind(&self) -> ConsumerKind;

    /// Events of one lane are handled one after the other.
    fn lane(&self, event: &Record) -> Result<Lane, Failure>;

    /// How often an event is tried, and what comes after that.
    fn delivery(&self) -> Delivery;

    /// Handles one event in the lane that was told for it; may be called again for it.
    async fn react(&self, event: &Record, lane: Lane) -> Result<(), Error>;

    /// Handles an event that waits in a park; may be called again for it until it has left that.
    async fn replay(&self, event: &Record, lane: Lane) -> Result<(), Error> {
        self.react(event, lane).await
    }

    /// Events are about to join a park, or are in one: the checkpoint will pass them without their being handled.
    async fn parked(&self, _lease: &Lease, _events: &[EventRef]) -> Result<(), StoreError> {
        Ok(())
    }

    /// An event has left its park, and is not replayed again.
    async fn unparked(&self, _lease: &Lease, _event: EventRef) -> Result<(), StoreError> {
        Ok(())
    }

    /// Reports the commands that an event would have led to as refused, since it will not be handled.
    async fn compensate(&self, event: &Record) -> Result<(), Error> {
        let message = format!("`{}` sends no commands because of `{}`", self.name(), event.payload.type_name);
        Err(Failure::new("NOT_COMPENSABLE", message).into())
    }

    /// The last event that what it keeps under an event's key was made from; for views.
    async fn last_event(&self, _event: &Record) -> Result<Option<EventRef>, Error> {
        Ok(None)
    }

    /// How many events it has ignored since the start, since there was no instance for them.
    fn ignored(&self) -> u64 {
        0
    }

    /// Whether it handles deadlines at all.
    fn has_deadlines(&self) -> bool {
        false
    }

    /// When the next deadline is due, as far as is known; never in the past for long.
    fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The records of the deadlines that are due. They are handled like events.
    async fn due(&self) -> Result<DueDeadlines, StoreError> {
        Ok(Vec::new())
    }

    /// Takes a deadline away that will not be handled.
    async fn forget(&self, _deadline: &Record) -> Result<(), Error> {
        Ok(())
    }

    /// Where its checkpoint is kept, if it is not kept beside what it does.
    fn store(&self) -> &dyn Store;

    /// How far the work is done, whoever did it.
    async fn checkpoint(&self) -> Result<u64, StoreError> {
        self.store().checkpoint(self.name()).await
    }

    /// Begins under a new lease; gives where to go on.
    async fn take(&self, _lease: &Lease) -> Result<u64, StoreError> {
        self.checkpoint().await
    }

    /// Makes the work up to `position` count.
    async fn commit(&self, lease: &Lease, position: u64) -> Result<(), StoreError> {
        self.store().save_checkpoint(lease, position).await
    }

    /// What is to be built beside what it feeds, as it was found when the lease was taken.
    fn build(&self) -> Option<Build> {
        None
    }

    /// Lets what this consumer has built up to `known` take the place of what is fed; false if that cannot be now.
    async fn switch(&self, _known: u64) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Waits until what was committed outlives a loss of power.
    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Something that is built from the beginning of the log beside what a consumer feeds, to take its place.
pub(crate) struct Build {
    /// Handles events for it.
    pub(crate) consumer: Arc<dyn Consumer>,
    /// Everything up to here is in it.
    pub(crate) position: u64,
    /// While this is kept, what is fed stays as it was committed last.
    pub(crate) feeding: Arc<Mutex<()>>,
}

/// Tells when to stop: once that was said, or once the application is gone.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn new(said: watch::Receiver<bool>) -> Self {
        Self(said)
    }

    fn is_now(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    pub(crate) async fn wait(&self) {
        // Fails only if the application is gone.
        let _ = self.0.clone().wait_for(|said| *said).await;
    }
}

/// How far a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// It has passed everything up to here.
    pub(crate) position: u64,
    /// Set once it has given up: the position it failed on, and why.
    pub(crate) stopped: Option<(u64, String)>,
    /// Set while it waits to be resumed: before which position, and why.
    pub(crate) paused: Option<(u64, String)>,
    /// Set once what is built beside what it feeds was given up: before which position, and why.
    pub(crate) unbuilt: Option<(u64, String)>,
    /// How many of its lanes are parked.
    pub(crate) parks: usize,
    /// False only if there was no dead letter and no park when this process became the holder, and nothing has failed for
    /// good since.
    pub(crate) troubled: bool,
    /// How many deadlines it is at. Its position does not tell.
    pub(crate) firing: usize,
}

/// Somebody who waits until everything from one position to another is done for good.
#[derive(Debug)]
struct Asked {
    from: u64,
    to: u64,
    answer: oneshot::Sender<()>,
}

impl Asked {
    fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    fn answer(self) {
        // Whoever has gone away does not need it.
        let _ = self.answer.send(());
    }
}

/// What is asked from outside.
type Inbox = mpsc::Receiver<Asked>;

/// The consumer itself, for what can be asked of it anywhere.
#[derive(Clone)]
struct ConsumerRef(Arc<dyn Consumer>);

impl std::fmt::Debug for ConsumerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

/// A consumer that runs, here or in another process.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) kind: ConsumerKind,
    pub(crate) progress: watch::Receiver<Progress>,
    consumer: ConsumerRef,
    /// How often what failed in this process, by code.
    pub(crate) failures: Failures,
    /// The highest position that anybody has waited for.
    wanted: Arc<watch::Sender<u64>>,
    asked: mpsc::Sender<Asked>,
}

impl Running {
    /// How many events were ignored in this process, since there was no instance for them.
    pub(crate) fn ignored(&self) -> u64 {
        self.consumer.0.ignored()
    }

    /// Waits until the consumer is done with everything between two positions, though it may not be with what is before.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] or [`Error::ConsumerPaused`] if it will not be.
    pub(crate) async fn handled(&mut self, from: u64, to: u64) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        // A consumer that runs elsewhere is known by its checkpoint only.
        let _ = self.asked.send(Asked { from, to, answer }).await;
        tokio::select! {
            passed = self.passed(to) => passed,
            Ok(()) = answered => Ok(()),
        }
    }

    /// Whose events it listens to.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &'static str> {
        self.consumer.0.subscriptions().iter().map(|wanted| wanted.domain)
    }

    /// Says that somebody waits for a position: whoever stands by follows the holder more closely then.
    pub(crate) fn want(&self, position: u64) {
        self.wanted.send_if_modified(|wanted| {
            let higher = position > *wanted;
            *wanted = position.max(*wanted);
            higher
        });
    }

    /// The lane of an event.
    #[cfg(feature = "grpc")]
    pub(crate) fn lane(&self, event: &Record) -> Result<Arc<str>, Failure> {
        Ok(self.consumer.0.lane(event)?.name)
    }

    pub(crate) fn listens_to(&self, event: &Record) -> bool {
        let mut wanted = self.consumer.0.subscriptions().iter();
        event.kind.is_event()
            && wanted
                .any(|wanted| wanted.domain == &*event.stream.domain && wanted.type_name == &*event.payload.type_name)
    }

    /// Whether any of these events is for the consumer.
    pub(crate) fn listens_to_any(&self, events: &[Record]) -> bool {
        events.iter().any(|event| self.listens_to(event))
    }

    /// Which of these events the consumer could not handle, with code and reason: dead letters, and what waits in parks.
    pub(crate) async fn failed(
        &self,
        store: &dyn ConsumerStore,
        events: &[Record],
    ) -> Result<Vec<(EventRef, String, String)>, StoreError> {
        let events: Vec<&Record> = events.iter().filter(|event| self.listens_to(event)).collect();
        if events.is_empty() || !self.progress.borrow().troubled {
            return Ok(Vec::new());
        }
        let parks: HashMap<String, EventRef> =
            store.parks(self.name).await?.into_iter().map(|park| (park.lane, park.first)).collect();
        let mut failed = Vec::new();
        for event in events {
            let place = EventRef { position: event.position, part: event.part };
            let letters = store.dead_letters(self.name, place.before(), 1).await?;
            if let Some(letter) = letters.into_iter().find(|letter| letter.event == place) {
                let last = letter.attempts.into_iter().next_back();
                let (code, reason) = last.map_or_else(Default::default, |last| (last.code, last.reason));
                failed.push((place, code, reason));
                continue;
            }
            // Whatever comes behind the first event of a park waits in it.
            let lane = self.consumer.0.lane(event).map_or_else(|_| of_stream(event), |lane| lane.name);
            if parks.get(&*lane).is_some_and(|first| *first <= place) {
                failed.push((place, "LANE_PARKED".to_owned(), format!("it waits in the park of the lane \"{lane}\"")));
            }
        }
        Ok(failed)
    }

    /// Waits until the consumer has passed `position`, and everything before it.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] if it never will, [`Error::ConsumerPaused`] if it will not until it is resumed.
    pub(crate) async fn passed(&mut self, position: u64) -> Result<(), Error> {
        self.want(position);
        let consumer = || self.name.to_owned();
        let ended = |progress: &Progress| progress.stopped.is_some() || progress.paused.is_some();
        match self.progress.wait_for(|progress| progress.position >= position || ended(progress)).await {
            Ok(progress) if progress.position >= position => Ok(()),
            Ok(progress) => match (&progress.stopped, &progress.paused) {
                (Some((position, reason)), _) => {
                    Err(Error::ConsumerStopped { consumer: consumer(), position: *position, reason: reason.clone() })
                }
                (None, Some((position, reason))) => {
                    Err(Error::ConsumerPaused { consumer: consumer(), position: *position, reason: reason.clone() })
                }
                (None, None) => Ok(()),
            },
            Err(_) => {
                let reason = "the application was shut down".to_owned();
                Err(Error::ConsumerStopped { consumer: consumer(), position: 0, reason })
            }
        }
    }
}

/// Starts a consumer at its checkpoint; it runs until `stop` says so.
pub(crate) async fn start(
    consumer: Arc<dyn Consumer>,
    log: Arc<Log>,
    stop: Stop,
) -> Result<(Running, JoinHandle<()>), StoreError> {
    let (progress, receiver) = watch::channel(Progress {
        position: 0,
        stopped: None,
        paused: None,
        unbuilt: None,
        parks: 0,
        troubled: true,
        firing: 0,
    });
    let (asked, inbox) = mpsc::channel(INBOX);
    let wanted = Arc::new(watch::Sender::new(0));
    let (name, kind) = (consumer.name(), consumer.kind());
    let failures = Failures::default();
    let turn = Turn::new(consumer.clone(), log, progress, failures.clone(), wanted.subscribe(), stop).await?;
    let consumer = ConsumerRef(consumer);
    let running = Running { name, kind, progress: receiver, consumer, failures, wanted, asked };
    Ok((running, tokio::spawn(turn.run(inbox))))
}
