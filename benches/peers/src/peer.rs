//! What is asked of a peer, and the domain that all of them share.

use async_trait::async_trait;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Bytes of an event as it is stored.
const EVENT: usize = 256;

/// Events between two snapshots, of peers that have snapshots.
pub(crate) const SNAPSHOT_EVERY: usize = 10;

/// What became of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// Its event is stored.
    Stored,
    /// Somebody else wrote in between, and nothing is stored; the caller may try again.
    Conflict,
}

/// An event sourcing crate, with the aggregate "note": a command writes 256 bytes, the state counts the writes.
#[async_trait]
pub(crate) trait Peer: Send + Sync {
    /// Makes the peer's tables where there are none yet. The pool has one connection more than there are callers.
    async fn prepare(pool: PgPool) -> Result<Self>
    where
        Self: Sized;

    /// One command to a note: load its state, decide, store one event. Tries once.
    async fn command(&self, note: Uuid) -> Result<Answer>;

    /// The same, where many write to that note at once, in the way that the crate has for it.
    async fn contended_command(&self, note: Uuid) -> Result<Answer> {
        self.command(note).await
    }

    /// Stores so many events of a new note, as fast as the crate can.
    async fn fill(&self, note: Uuid, events: usize) -> Result<()>;

    /// Reads every event of a note and folds it, without snapshots; the writes that the state counts.
    async fn load(&self, note: Uuid) -> Result<usize>;
}

/// A text with which an event, encoded as JSON, has just its 256 bytes.
pub(crate) fn text<E: Serialize>(event: impl Fn(String) -> E) -> Result<String> {
    let framing = serde_json::to_vec(&event(String::new()))?.len();
    Ok("x".repeat(EVENT.saturating_sub(framing)))
}

#[cfg(test)]
pub(crate) fn assert_stored_size<E: Serialize>(event: impl Fn(String) -> E) {
    let text = text(&event).unwrap();
    assert_eq!(serde_json::to_vec(&event(text)).unwrap().len(), EVENT);
}
