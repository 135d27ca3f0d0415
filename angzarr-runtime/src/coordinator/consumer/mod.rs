//! What every consumer runs: whoever holds its lease reads the log, handles what is subscribed, and moves the checkpoint.
//! The others stand by, so that somebody goes on if the holder dies.

mod tail;
mod turn;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::log::Log;
use crate::component::Subscription;
use crate::error::Error;
use crate::failure::Failure;
use crate::store::{Lease, Record, StoreError};
use turn::Turn;

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

    /// How far the work is done, whoever did it.
    async fn checkpoint(&self) -> Result<u64, StoreError>;

    /// Begins under a new lease; gives where to go on.
    async fn take(&self, lease: &Lease) -> Result<u64, StoreError>;

    /// Makes the work up to `position` count.
    async fn commit(&self, lease: &Lease, position: u64) -> Result<(), StoreError>;
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

    async fn wait(&self) {
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
}

/// A consumer that runs, here or in another process.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) is_projector: bool,
    pub(crate) progress: watch::Receiver<Progress>,
    /// The highest position that anybody has waited for.
    wanted: Arc<watch::Sender<u64>>,
}

impl Running {
    /// Waits until the consumer has passed `position`.
    ///
    /// # Errors
    /// [`Error::ConsumerStopped`] if it never will.
    pub(crate) async fn passed(&mut self, position: u64) -> Result<(), Error> {
        self.wanted.send_if_modified(|wanted| {
            let higher = position > *wanted;
            *wanted = position.max(*wanted);
            higher
        });
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

/// Starts a consumer at its checkpoint; it runs until `stop` says so.
pub(crate) async fn start(
    consumer: Arc<dyn Consumer>,
    log: Arc<Log>,
    stop: Stop,
) -> Result<(Running, JoinHandle<()>), StoreError> {
    let (progress, receiver) = watch::channel(Progress { position: 0, stopped: None });
    let wanted = Arc::new(watch::Sender::new(0));
    let (name, is_projector) = (consumer.name(), consumer.is_projector());
    let turn = Turn::new(consumer, log, progress, wanted.subscribe(), stop).await?;
    Ok((Running { name, is_projector, progress: receiver, wanted }, tokio::spawn(turn.run())))
}
