//! What a handler may know beyond its input.

use std::sync::atomic::{AtomicU32, Ordering};

use prost_types::Timestamp;
use uuid::Uuid;

use crate::store::{Cause, StreamId};

/// The circumstances of one decision or reaction.
///
/// Time and ids come from here: they are the same when the decision is made again.
#[derive(Debug)]
pub struct Context {
    stream: StreamId,
    key: String,
    correlation_id: String,
    cause: Option<Cause>,
    now: Timestamp,
    decision: Uuid,
    ids: AtomicU32,
}

impl Context {
    pub(crate) fn new(
        stream: StreamId,
        key: String,
        correlation_id: String,
        cause: Option<Cause>,
        now: Timestamp,
        decision: Uuid,
    ) -> Self {
        Self { stream, key, correlation_id, cause, now, decision, ids: AtomicU32::new(0) }
    }

    /// Domain of the stream: the component's own one if it has one, else that of the event.
    pub fn domain(&self) -> &str {
        &self.stream.domain
    }

    /// Root of that stream.
    pub fn root(&self) -> Uuid {
        self.stream.root
    }

    /// Natural id of that root.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The conversation that this belongs to.
    pub fn correlation_id(&self) -> &str {
        &self.correlation_id
    }

    /// The event that led to this; none for a client's command.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// The instant of the decision: when the cause was recorded, or when the client's command arrived.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A new id; the n-th one of a decision that is keyed is always the same.
    pub fn new_id(&self) -> Uuid {
        let n = self.ids.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&self.decision, format!("id/{n}").as_bytes())
    }
}
