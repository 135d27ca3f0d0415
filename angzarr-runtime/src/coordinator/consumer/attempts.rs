//! Trying: what may pass by itself until it does, what fails as often as is allowed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;

use super::Stop;
use crate::component::Delivery;
use crate::error::Error;
use crate::store::{Attempt, StoreError};
use crate::time;

/// What came of it.
pub(super) enum Tried<T> {
    Done(T),
    /// The lease is somebody else's.
    Lost,
    /// It was time to stop.
    Stopped,
    /// Every attempt failed; the last one with this error.
    Failed(Vec<Attempt>, Error),
}

/// Counts failures by their codes, and dead letters, since the start. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures {
    by_code: Arc<Mutex<BTreeMap<String, u64>>>,
    dead_letters: Arc<AtomicU64>,
}

impl Failures {
    fn count(&self, code: &str) {
        let mut counts = self.by_code.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(counts.insert(code.to_owned(), 1)),
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.by_code.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An event has become a dead letter.
    pub(super) fn count_letter(&self) {
        self.dead_letters.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn dead_letters(&self) -> u64 {
        self.dead_letters.load(Ordering::Relaxed)
    }
}

/// Whose patience it is.
#[derive(Clone)]
pub(super) struct Attempts {
    pub(super) consumer: &'static str,
    pub(super) delivery: Delivery,
    pub(super) stop: Stop,
    /// How often what failed, by code.
    pub(super) failures: Failures,
    /// True while others cannot go on because of what is not done.
    pub(super) crowded: watch::Receiver<bool>,
    /// True once the holder is about to end.
    pub(super) halting: watch::Receiver<bool>,
    /// How many have failed and pause before they try again.
    pub(super) pausing: watch::Sender<usize>,
}

/// What those who try are told meanwhile.
#[derive(Debug)]
pub(super) struct Signals {
    pub(super) crowded: watch::Sender<bool>,
    pub(super) halting: watch::Sender<bool>,
}

/// One who pauses, for as long as this lives.
struct Pausing<'a>(&'a watch::Sender<usize>);

impl<'a> Pausing<'a> {
    fn begin(pausing: &'a watch::Sender<usize>) -> Self {
        pausing.send_modify(|pausing| *pausing += 1);
        Self(pausing)
    }
}

impl Drop for Pausing<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|pausing| *pausing -= 1);
    }
}

/// Pauses from 20 ms, doubling up to a second.
fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(Duration::from_secs(1))
        .with_jitter()
        .without_max_times()
}

impl Attempts {
    /// Calls until it succeeds, or fails for good.
    pub(super) async fn make<T, F>(&self, position: u64, mut call: impl FnMut() -> F) -> Tried<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let first = call().await;
        self.go_on(position, first, call).await
    }

    /// The same once the first call was made.
    pub(super) async fn go_on<T, F>(
        &self,
        position: u64,
        first: Result<T, Error>,
        mut call: impl FnMut() -> F,
    ) -> Tried<T>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut passing, mut failing) = (pauses().build(), pauses().build());
        let (mut attempts, mut called) = (Vec::new(), Some(first));
        loop {
            let result = match called.take() {
                Some(first) => first,
                None => call().await,
            };
            let error = match result {
                Ok(done) => return Tried::Done(done),
                Err(Error::Store(StoreError::LeaseLost { .. })) => return Tried::Lost,
                Err(error) => error,
            };
            self.failures.count(error.code());
            let passes = error.retryable();
            if !passes {
                attempts.push(attempt(&error));
                let again = matches!(error, Error::Failed(_)) && attempts.len() < self.delivery.attempts as usize;
                if !again {
                    return Tried::Failed(attempts, error);
                }
            }
            let pause = if passes { passing.next() } else { failing.next() }.unwrap_or_default();
            let (consumer, code) = (self.consumer, error.code());
            tracing::warn!(consumer, position, code, %error, ?pause, "tried again after a pause");
            let (mut crowded, mut halting) = (self.crowded.clone(), self.halting.clone());
            let _pausing = (!passes).then(|| Pausing::begin(&self.pausing));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.wait() => return Tried::Stopped,
                Ok(_) = halting.wait_for(|halting| *halting) => return Tried::Stopped,
                Ok(_) = crowded.wait_for(|crowded| *crowded), if !passes => {
                    attempts.push(Attempt {
                        at: time::now(),
                        code: "LANE_HELD_UP".into(),
                        reason: "the lane was failing while all others waited for it".into(),
                    });
                    return Tried::Failed(attempts, error);
                }
            }
        }
    }
}

/// How many bytes of a reason are kept. A handler may quote whatever it was given, and a dead letter has to fit into
/// every store.
const REASON: usize = 16 << 10;

/// An attempt that failed with this error just now.
pub(super) fn attempt(error: &Error) -> Attempt {
    Attempt { at: time::now(), code: shortened(error.code().to_owned()), reason: shortened(error.to_string()) }
}

/// Whether something is wrong with the store, which is no event's fault.
pub(super) fn is_of_the_store(error: &Error) -> bool {
    matches!(error, Error::Store(error) if !matches!(error, StoreError::StreamFull | StoreError::BookTooLarge { .. }))
}

fn shortened(mut text: String) -> String {
    if text.len() > REASON {
        text.truncate(text.floor_char_boundary(REASON));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn long_reasons_are_shortened() {
        let reason = |text: String| attempt(&Failure::new("CODE", text).into()).reason;
        assert_eq!(reason("é".repeat(REASON / 2)), "é".repeat(REASON / 2));
        assert_eq!(reason(format!("a{}", "é".repeat(REASON))), format!("a{}…", "é".repeat(REASON / 2 - 1)));
    }
}
