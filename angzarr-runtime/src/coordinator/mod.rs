//! What stands between user logic and the log.
//!
//! Each coordinator decides with a pure function and carries out its effects in one place. All of them read
//! events from the log in current versions, and write to it through [`Log`] only.

pub(crate) mod business;
pub(crate) mod consumer;
pub(crate) mod elsewhere;
pub(crate) mod log;
pub(crate) mod outcome;
pub(crate) mod outgoing;
pub(crate) mod process_manager;
pub(crate) mod projector;
mod rows;
pub(crate) mod saga;
pub(crate) mod state;
pub(crate) mod upcast;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use prost::Message;
use prost_types::Timestamp;

use crate::failure::{Failure, HANDLER_TIMED_OUT};
use crate::proto;
use crate::store::{Record, RecordKind};
use crate::time;

/// How often a command or a step is decided at most while other writers are faster.
const ATTEMPTS: u32 = 16;

/// Lets other writers get done before something is decided again. A writer whose state is warm is always faster than one
/// who has to load it, so trying at once would mean to lose until he has nothing left to write.
async fn give_way(attempts: u32) {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(200))
        .with_jitter()
        .without_max_times();
    // The first time it was most likely chance.
    if let Some(before) = attempts.checked_sub(2) {
        let pause = pauses.build().nth(before as usize);
        tokio::time::sleep(pause.unwrap_or_default()).await;
    }
}

/// How many links a chain of causes may have.
const LINKS: u32 = 100;

/// A deadline that lets so much time pass begins a new chain, so that what recurs may do so for ever.
const LETS_PASS: i64 = 1_000_000;

/// Whether a deadline that is set now and due then lets time pass.
pub(crate) fn lets_pass(now: &Timestamp, due: &Timestamp) -> bool {
    time::to_micros(due).saturating_sub(time::to_micros(now)) >= LETS_PASS
}

/// How many links of causes lead to a record.
fn links(record: &Record) -> u32 {
    let begins = |set: proto::DeadlineSet| set.at.is_some_and(|due| lets_pass(&record.created_at, &due));
    if record.kind == RecordKind::Deadline && proto::DeadlineSet::decode(record.payload.value.clone()).is_ok_and(begins)
    {
        return 0;
    }
    record.trace.cause.as_ref().map_or(0, |cause| cause.depth)
}

/// Whether something may follow from a record: components that answer each other for ever come to an end here.
fn check_chain(record: &Record) -> Result<(), Failure> {
    let links = links(record);
    if links < LINKS {
        return Ok(());
    }
    Err(Failure::new("CHAIN_TOO_LONG", format!("the chain of causes that leads to it has {links} links")))
}

/// Calls synchronous user code; a panic becomes a failure.
pub(crate) fn guarded<T, E: From<Failure>>(component: &str, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    // What user code left half-done is thrown away by every caller, so nothing broken is seen afterwards.
    std::panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(component, &*panic).into()))
}

/// Awaits asynchronous user code; a panic becomes a failure, and so does taking longer than `limit`.
pub(crate) async fn guarded_async<T, E: From<Failure>>(
    component: &str,
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    guarded_until(component, limit, async { tokio::time::sleep(limit).await }, call).await
}

/// The same where something else tells that `limit` is `over`.
async fn guarded_until<T, E: From<Failure>>(
    component: &str,
    limit: Duration,
    over: impl Future<Output = ()>,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
    // Most handlers wait for nothing, and need no timer.
    let done = match poll_immediate(call.as_mut()).await {
        Some(done) => done,
        None => tokio::select! {
            biased;
            done = call => done,
            () = over => {
                let late = format!("`{component}` took longer than {limit:?}");
                return Err(Failure::new(HANDLER_TIMED_OUT, late).into());
            }
        },
    };
    match done {
        Ok(result) => result,
        Err(panic) => Err(panicked(component, &*panic).into()),
    }
}

fn panicked(component: &str, panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Failure::new("HANDLER_PANICKED", format!("`{component}` panicked: {}", text.unwrap_or("no message")))
}
