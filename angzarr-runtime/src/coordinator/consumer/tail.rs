//! The loop of whoever holds the lease: read the log, handle what is subscribed, move the checkpoint.
//!
//! Events of one lane are handled in the order of the log, lanes of one batch side by side. The checkpoint moves
//! once a batch, after everything in it was handled.

use std::collections::HashMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use super::turn::{Turn, holds};
use crate::coordinator::log::Stretch;
use crate::error::Error;
use crate::store::{Lease, Record, StoreError};

/// How many records are read at a time.
pub(super) const BATCH: usize = 1024;

/// How many lanes are handled side by side.
const LANES: usize = 64;

/// A checkpoint is written for this many records even if none of them mattered.
const STRIDE: u64 = 4096;

/// Why a holder does not go on.
pub(super) enum Halt {
    /// It was told to stop. What it was at is handled again after the next start.
    Stopped,
    /// Its lease is somebody else's.
    Lost,
    /// It gives up at this position.
    Failed(u64, Error),
}

pub(super) struct Tail<'a> {
    turn: &'a Turn,
    lease: &'a Lease,
    /// Everything up to here is handled.
    position: u64,
    /// Everything up to here is handled for good.
    committed: u64,
}

impl<'a> Tail<'a> {
    pub(super) fn new(turn: &'a Turn, lease: &'a Lease, position: u64) -> Self {
        Self { turn, lease, position, committed: position }
    }

    /// Works until something halts it.
    pub(super) async fn run(mut self) -> Halt {
        let mut wake = self.turn.log.store.watch();
        while !self.turn.stop.is_now() {
            // Marked as seen before reading: what is appended from here on wakes again.
            wake.mark_unchanged();
            match self.batch().await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::select! {
                        woken = wake.changed() => if woken.is_err() { break },
                        () = self.turn.stop.wait() => break,
                    }
                }
                Err(halt) => return halt,
            }
        }
        if self.committed < self.position
            && let Err(error) = self.turn.consumer.commit(self.lease, self.position).await
        {
            // The work is only repeated after the next start.
            let name = self.turn.consumer.name();
            tracing::warn!(consumer = name, code = error.code(), %error, "the last checkpoint was not written");
        }
        Halt::Stopped
    }

    /// Handles the next stretch of the log; false if there is none.
    async fn batch(&mut self) -> Result<bool, Halt> {
        let turn = self.turn;
        let relevant = |record: &Record| record.kind.is_event() && holds(&turn.stored_types, record);
        let read = || turn.log.read(self.position, BATCH, relevant).boxed();
        let Stretch { records, reaches, broken } = self.patiently(self.position + 1, read).await?;
        let Some(mut reaches) = reaches else { return Ok(false) };
        let mut broken = broken.map(|(position, failure)| Halt::Failed(position, failure.into()));

        let mut lanes: HashMap<String, Vec<Record>> = HashMap::new();
        for event in records.into_iter().filter(|record| holds(&turn.wanted_types, record)) {
            match turn.consumer.lane(&event) {
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
            let commit = || async { Ok(turn.consumer.commit(self.lease, reaches).await?) }.boxed();
            self.patiently(reaches, commit).await?;
            self.committed = reaches;
        }
        self.position = reaches;
        turn.progress.send_modify(|progress| progress.position = reaches);
        broken.map_or(Ok(true), Err)
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
            // What will be handled again is worth more than where it failed.
            Halt::Lost => 0,
            Halt::Stopped => u64::MAX,
        };
        halts.into_iter().min_by_key(position).map_or(Ok(()), Err)
    }

    async fn lane(&self, events: Vec<Record>) -> Result<(), Halt> {
        for event in &events {
            if self.turn.stop.is_now() {
                return Err(Halt::Stopped);
            }
            self.patiently(event.position, || self.turn.consumer.react(event)).await?;
        }
        Ok(())
    }

    /// Calls until it succeeds. What may pass by itself (the store is busy, the disk is full) is tried until it does;
    /// a failing handler a few times; anything else is not tried again.
    async fn patiently<'b, T>(
        &self,
        position: u64,
        call: impl Fn() -> BoxFuture<'b, Result<T, Error>>,
    ) -> Result<T, Halt> {
        let (mut passing, mut failing) = (pauses().without_max_times().build(), pauses().with_max_times(5).build());
        loop {
            let error = match call().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if let Error::Store(StoreError::LeaseLost { .. }) = error {
                return Err(Halt::Lost);
            }
            let pause = match &error {
                error if error.retryable() => passing.next(),
                Error::Failed(_) => failing.next(),
                _ => None,
            };
            let Some(pause) = pause else { return Err(Halt::Failed(position, error)) };
            let (consumer, code) = (self.turn.consumer.name(), error.code());
            tracing::warn!(consumer, position, code, %error, ?pause, "tried again after a pause");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.turn.stop.wait() => return Err(Halt::Stopped),
            }
        }
    }
}

/// Pauses from 20 ms, doubling up to a second.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(1))
        .with_jitter()
}
