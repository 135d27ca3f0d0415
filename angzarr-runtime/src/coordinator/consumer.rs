//! The loop that every consumer runs: read the log, handle what is subscribed, move the checkpoint.
//!
//! Events of one lane are handled in the order of the log, lanes of one batch side by side. The checkpoint moves
//! once a batch, after everything in it was handled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::log::{Log, Stretch};
use crate::component::Subscription;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Record, StoreError};

/// How many records are read at a time.
const BATCH: usize = 1024;

/// How many lanes are handled side by side.
const LANES: usize = 64;

/// A checkpoint is written for this many records even if none of them mattered.
const STRIDE: u64 = 4096;

/// What differs between sagas, projectors and process managers.
#[async_trait]
pub(crate) trait Consumer: Send + Sync + 'static {
    /// Full name of the component.
    fn name(&self) -> &'static str;

    fn subscriptions(&self) -> &'static [Subscription];

    /// Whether callers of `SyncMode::Simple` wait for it.
    fn is_projector(&self) -> bool;

    /// Events of one lane are handled one after the other.
    fn lane(&self, event: &Record) -> Result<String, Failure>;

    /// Handles one event; may be called again for it.
    async fn react(&self, event: &Record) -> Result<(), Error>;

    /// Where to go on. `head` is where the log ends.
    async fn checkpoint(&self, head: u64) -> Result<u64, StoreError>;

    /// Makes the work up to `position` count.
    async fn commit(&self, position: u64) -> Result<(), StoreError>;
}

/// How far a consumer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// It has passed everything up to here.
    pub(crate) position: u64,
    /// Set once it has given up: the position it failed on, and why.
    pub(crate) stopped: Option<(u64, String)>,
}

/// A consumer that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) is_projector: bool,
    pub(crate) progress: watch::Receiver<Progress>,
}

impl Running {
    /// Waits until the consumer has passed `position`.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] if it never will.
    pub(crate) async fn passed(&mut self, position: u64) -> Result<(), Error> {
        let stopped = |position, reason: &str| {
            Err(Error::ConsumerStopped { consumer: self.name.to_owned(), position, reason: reason.to_owned() })
        };
        match self.progress.wait_for(|progress| progress.position >= position || progress.stopped.is_some()).await {
            Ok(progress) => match &progress.stopped {
                Some((at, reason)) if progress.position < position => stopped(*at, reason),
                _ => Ok(()),
            },
            Err(_) => stopped(0, "the application was shut down"),
        }
    }
}

/// Starts a consumer at its checkpoint; it runs until `stop` turns true.
pub(crate) async fn start(
    consumer: Arc<dyn Consumer>,
    log: Arc<Log>,
    head: u64,
    stop: watch::Receiver<bool>,
) -> Result<(Running, JoinHandle<()>), StoreError> {
    let position = consumer.checkpoint(head).await?;
    if position > head {
        let reason = format!("the checkpoint of {} is {position}, but the log ends at {head}", consumer.name());
        return Err(StoreError::Damaged { reason });
    }
    let (progress, receiver) = watch::channel(Progress { position, stopped: None });
    let running = Running { name: consumer.name(), is_projector: consumer.is_projector(), progress: receiver };
    let wanted: HashSet<_> = consumer.subscriptions().iter().map(|wanted| (wanted.domain, wanted.type_name)).collect();
    let stored_as = |(domain, type_name)| {
        log.upcasts.stored_as(domain, type_name).into_iter().map(move |type_name| (domain, type_name))
    };
    let stored = wanted.iter().copied().flat_map(stored_as).collect();
    let tail = Tail { consumer, log, wanted, stored, position, committed: position, progress, stop };
    Ok((running, tokio::spawn(tail.run())))
}

struct Tail {
    consumer: Arc<dyn Consumer>,
    log: Arc<Log>,
    /// Domains and types that are handled, in current versions.
    wanted: HashSet<(&'static str, &'static str)>,
    /// The same, and the old versions that lead to them.
    stored: HashSet<(&'static str, &'static str)>,
    /// Everything up to here is handled.
    position: u64,
    /// Everything up to here is handled for good.
    committed: u64,
    progress: watch::Sender<Progress>,
    stop: watch::Receiver<bool>,
}

/// Why a consumer does not go on.
enum Halt {
    /// It was told to stop. What it was at is handled again after the next start.
    Stopped,
    /// It gives up at this position.
    Failed(u64, Error),
}

impl Tail {
    async fn run(mut self) {
        let mut wake = self.log.subscribe();
        let mut stop = self.stop.clone();
        while !*stop.borrow_and_update() {
            // Marked as seen before reading: what is appended from here on wakes again.
            wake.mark_unchanged();
            match self.batch().await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::select! {
                        woken = wake.changed() => if woken.is_err() { break },
                        stopped = stop.changed() => if stopped.is_err() { break },
                    }
                }
                Err(Halt::Failed(position, error)) => return self.give_up(position, &error),
                Err(Halt::Stopped) => return,
            }
        }
        if self.committed < self.position
            && let Err(error) = self.consumer.commit(self.position).await
        {
            // The work is only repeated after the next start.
            let name = self.consumer.name();
            tracing::warn!(consumer = name, code = error.code(), %error, "the last checkpoint was not written");
        }
    }

    /// Handles the next stretch of the log; false if there is none.
    async fn batch(&mut self) -> Result<bool, Halt> {
        let relevant = |record: &Record| record.kind.is_event() && self.holds(&self.stored, record);
        let read = || self.log.read(self.position, BATCH, relevant).boxed();
        let Stretch { records, reaches, broken } = self.patiently(self.position + 1, read).await?;
        let Some(mut reaches) = reaches else { return Ok(false) };
        let mut broken = broken.map(|(position, failure)| Halt::Failed(position, failure.into()));

        let mut lanes: HashMap<String, Vec<Record>> = HashMap::new();
        for event in records.into_iter().filter(|record| self.holds(&self.wanted, record)) {
            match self.consumer.lane(&event) {
                Ok(lane) => lanes.entry(lane).or_default().push(event),
                Err(failure) => {
                    reaches = event.position - 1;
                    broken = Some(Halt::Failed(event.position, failure.into()));
                    break;
                }
            }
        }
        // What comes before something broken is handled and counts; the consumer stops right before it.
        let handled = !lanes.is_empty();
        self.handle(lanes).await?;
        if handled || reaches - self.committed >= STRIDE {
            let commit = || async { Ok(self.consumer.commit(reaches).await?) }.boxed();
            self.patiently(reaches, commit).await?;
            self.committed = reaches;
        }
        self.position = reaches;
        self.progress.send_modify(|progress| progress.position = reaches);
        broken.map_or(Ok(true), Err)
    }

    fn holds(&self, types: &HashSet<(&'static str, &'static str)>, record: &Record) -> bool {
        types.contains(&(&*record.stream.domain, &*record.payload.type_name))
    }

    /// All lanes are run to their end or first failure; the earliest failure is reported.
    async fn handle(&self, lanes: HashMap<String, Vec<Record>>) -> Result<(), Halt> {
        let halts = stream::iter(lanes.into_values())
            .map(|lane| self.lane(lane))
            .buffer_unordered(LANES)
            .filter_map(|result| async { result.err() })
            .collect::<Vec<_>>()
            .await;
        let position = |halt: &Halt| match halt {
            Halt::Failed(position, _) => *position,
            Halt::Stopped => u64::MAX,
        };
        halts.into_iter().min_by_key(position).map_or(Ok(()), Err)
    }

    async fn lane(&self, events: Vec<Record>) -> Result<(), Halt> {
        for event in &events {
            if *self.stop.borrow() {
                return Err(Halt::Stopped);
            }
            self.patiently(event.position, || self.consumer.react(event)).await?;
        }
        Ok(())
    }

    /// Calls until it succeeds. What may pass by itself (the store is busy, the disk is full) is tried until it does;
    /// a failing handler a few times; anything else is not tried again.
    async fn patiently<'a, T>(
        &self,
        position: u64,
        call: impl Fn() -> BoxFuture<'a, Result<T, Error>>,
    ) -> Result<T, Halt> {
        let mut stop = self.stop.clone();
        let (mut passing, mut failing) = (pauses().without_max_times().build(), pauses().with_max_times(5).build());
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let pause = match &error {
                error if error.retryable() => passing.next(),
                Error::Failed(_) => failing.next(),
                _ => None,
            };
            let Some(pause) = pause else { return Err(Halt::Failed(position, error)) };
            let (consumer, code) = (self.consumer.name(), error.code());
            tracing::warn!(consumer, position, code, %error, ?pause, "tried again after a pause");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return Err(Halt::Stopped),
            }
        }
    }

    fn give_up(&self, position: u64, error: &Error) {
        let (consumer, code) = (self.consumer.name(), error.code());
        tracing::error!(consumer, position, code, %error, "the consumer stops before this event; nothing is skipped");
        let reason = format!("{code}: {error}");
        self.progress.send_modify(|progress| progress.stopped = Some((position, reason)));
    }
}

/// Pauses from 20 ms, doubling up to a second.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(1))
        .with_jitter()
}
