//! The loop that every consumer runs: read the log, handle what is subscribed, move the checkpoint.
//!
//! Events of one lane are handled in the order of the log, lanes of one batch side by side. The checkpoint moves
//! once a batch, after everything in it was handled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use futures_util::stream::{self, StreamExt};
use tokio::sync::watch;

use super::log::Log;
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
) -> Result<(Running, tokio::task::JoinHandle<()>), StoreError> {
    let position = consumer.checkpoint(head).await?;
    let (progress, receiver) = watch::channel(Progress { position, stopped: None });
    let running = Running { name: consumer.name(), is_projector: consumer.is_projector(), progress: receiver };
    let wanted = consumer.subscriptions().iter().map(|wanted| (wanted.domain, wanted.type_name)).collect();
    let domains = consumer.subscriptions().iter().map(|wanted| wanted.domain).collect();
    let tail = Tail { consumer, log, wanted, domains, position, committed: position, progress };
    Ok((running, tokio::spawn(tail.run(stop))))
}

struct Tail {
    consumer: Arc<dyn Consumer>,
    log: Arc<Log>,
    wanted: HashSet<(&'static str, &'static str)>,
    /// The domains of what is wanted; old versions in them may become something wanted.
    domains: HashSet<&'static str>,
    /// Everything up to here is handled.
    position: u64,
    /// Everything up to here is handled for good.
    committed: u64,
    progress: watch::Sender<Progress>,
}

impl Tail {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut wake = self.log.subscribe();
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
                Err((position, error)) => return self.give_up(position, &error),
            }
        }
        if self.committed < self.position
            && let Err(error) = self.consumer.commit(self.position).await
        {
            // The work is only repeated after the next start.
            tracing::warn!(consumer = self.consumer.name(), code = error.code(), %error, "the last checkpoint was not written");
        }
    }

    /// Handles the next stretch of the log; false if there is none. An error names the position it is about.
    async fn batch(&mut self) -> Result<bool, (u64, Error)> {
        let of_interest = |record: &Record| record.kind.is_event() && self.domains.contains(&*record.stream.domain);
        let read = || self.log.read(self.position, BATCH, of_interest);
        let stretch = read.retry(patience()).await.map_err(|error| (self.position + 1, error))?;
        let Some(reaches) = stretch.reaches else { return Ok(false) };
        let wanted: Vec<Record> = stretch.records.into_iter().filter(|record| self.wants(record)).collect();
        let relevant = !wanted.is_empty();
        self.handle(wanted).await?;
        if relevant || reaches - self.committed >= STRIDE {
            let commit = || async { self.consumer.commit(reaches).await };
            commit.retry(patience()).await.map_err(|error| (reaches, error.into()))?;
            self.committed = reaches;
        }
        self.position = reaches;
        self.progress.send_modify(|progress| progress.position = reaches);
        Ok(true)
    }

    fn wants(&self, record: &Record) -> bool {
        self.wanted.contains(&(&*record.stream.domain, &*record.payload.type_name))
    }

    /// All lanes are run to their end or first failure; the earliest failure is reported.
    async fn handle(&self, events: Vec<Record>) -> Result<(), (u64, Error)> {
        let mut lanes: HashMap<String, Vec<Record>> = HashMap::new();
        for event in events {
            let lane = self.consumer.lane(&event).map_err(|failure| (event.position, failure.into()))?;
            lanes.entry(lane).or_default().push(event);
        }
        let failures = stream::iter(lanes.into_values())
            .map(|lane| self.lane(lane))
            .buffer_unordered(LANES)
            .filter_map(|result| async { result.err() })
            .collect::<Vec<_>>()
            .await;
        failures.into_iter().min_by_key(|(position, _)| *position).map_or(Ok(()), Err)
    }

    async fn lane(&self, events: Vec<Record>) -> Result<(), (u64, Error)> {
        for event in &events {
            let react = || self.consumer.react(event);
            react
                .retry(patience())
                .notify(|error: &Error, pause| {
                    tracing::warn!(
                        consumer = self.consumer.name(), position = event.position, code = error.code(), %error, ?pause,
                        "an event is tried again"
                    );
                })
                .await
                .map_err(|error| (event.position, error))?;
        }
        Ok(())
    }

    fn give_up(&self, position: u64, error: &Error) {
        let reason = format!("{}: {error}", error.code());
        tracing::error!(
            consumer = self.consumer.name(), position, code = error.code(), %error,
            "the consumer stops before this event; nothing is skipped"
        );
        self.progress.send_modify(|progress| progress.stopped = Some((position, reason)));
    }
}

/// The pauses between attempts: five of them, from 20 ms, doubling.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(1))
        .with_max_times(5)
        .with_jitter()
}
