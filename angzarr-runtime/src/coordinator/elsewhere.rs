//! Domains whose aggregates other processes on the same log have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::outcome::{Outcome, WaitFailure};
use crate::app::SyncMode;
use crate::error::Error;
#[cfg(feature = "grpc")]
use crate::message::Payload;
use crate::proto;
use crate::store::Record;

/// Such ways before the log is known that they are on.
pub(crate) trait Unopened: Send + Sync + std::fmt::Debug {
    /// As [`Routes::lead_to`].
    fn lead_to(&self, domain: &str) -> bool;

    /// On the log with this id, for a process that owns these domains.
    fn on(&self, log: Uuid, owned: &BTreeSet<&'static str>) -> Arc<dyn Routes>;
}

/// The ways to those processes. What is sent there is decided there, and goes no further.
#[async_trait]
pub(crate) trait Routes: Send + Sync + std::fmt::Debug {
    /// Whether something leads to whoever owns a domain.
    fn lead_to(&self, domain: &str) -> bool;

    /// The domains that are named.
    fn domains(&self) -> Vec<String>;

    /// Has a book decided.
    ///
    /// # Errors
    /// What deciding it there yields; `SERVICE_UNAVAILABLE` if nobody answers, `ROUTE_WRONG` and `ROUTE_REFUSED`.
    async fn execute(&self, domain: &str, book: proto::CommandBook) -> Result<Outcome, Error>;

    /// Reports a refusal.
    ///
    /// # Errors
    /// Those of [`Routes::execute`]; `REJECTED_UNCOMPENSATED` as [`Error::Elsewhere`].
    async fn compensate(&self, domain: &str, refused: proto::CompensateRequest) -> Result<(), Error>;

    /// The state of a stream, as its owner encodes it.
    ///
    /// # Errors
    /// Those of [`Routes::execute`].
    #[cfg(feature = "grpc")]
    async fn state(&self, query: proto::StreamQuery) -> Result<Option<Payload>, Error>;

    /// The events of a stream, as its owner reads them.
    ///
    /// # Errors
    /// Those of [`Routes::execute`].
    #[cfg(feature = "grpc")]
    async fn events(&self, query: proto::StreamQuery) -> Result<proto::EventBook, Error>;

    /// Waits for the consumers of all other processes that are known: those that are named, and the owners of `domains`.
    /// One that cannot be asked is a reason to end.
    async fn wait(&self, domains: &BTreeSet<String>, books: &[Vec<Record>], sync: SyncMode, wait: Duration) -> Waited;
}

/// What came of waiting for consumers of other processes.
#[derive(Debug, Default)]
pub(crate) struct Waited {
    /// Full names of those that are done.
    pub(crate) waited_for: Vec<String>,
    /// Full names of those that are not.
    pub(crate) awaited: Vec<String>,
    pub(crate) failures: Vec<WaitFailure>,
    /// Why waiting ended early: whom it waited for, and the reason.
    pub(crate) ended: Option<(String, String)>,
}
