//! What callers may ask for at a time, so that no number of them takes all memory.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use tokio::sync::Semaphore;
use tonic::Status;

use crate::transport::status::exhausted;

/// What callers may ask for at a time, all of them together. What is beyond gets `RESOURCE_EXHAUSTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes a request may have.
    pub message_size: usize,
    /// How many calls are at work. A stream counts until it begins.
    pub calls: u32,
    /// How many streams are open: subscriptions, and conversations of the gateway.
    pub streams: u32,
}

impl Default for Limits {
    /// Messages of 4 MiB, 1,024 calls, 256 streams.
    fn default() -> Self {
        Self { message_size: 4 << 20, calls: 1_024, streams: 256 }
    }
}

/// Room for so many at a time.
pub(super) fn room(limit: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(limit).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)))
}

/// Lets a call in if there is room for it.
pub(super) async fn admit(State(calls): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match calls.try_acquire() {
        Ok(_room) => next.run(request).await,
        Err(_) => {
            let status = exhausted("CALLS_EXHAUSTED", "too many calls are at work");
            super::aggregates::refused(request.headers(), status)
        }
    }
}

/// A stream that takes room while it lasts.
pub(super) fn held<T: 'static>(
    streams: &Arc<Semaphore>,
    stream: impl Stream<Item = T> + Send + 'static,
) -> Result<BoxStream<'static, T>, Status> {
    let room = streams.clone().try_acquire_owned();
    let room = room.map_err(|_| exhausted("STREAMS_EXHAUSTED", "too many streams are open"))?;
    let holding = move |item| {
        let _held = &room;
        item
    };
    Ok(stream.map(holding).boxed())
}
