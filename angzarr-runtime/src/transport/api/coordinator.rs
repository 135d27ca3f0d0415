//! Commands and facts, one answer each.

use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::book::records;
use super::consumers::rows;
use super::facts::Facts;
use super::patience::Patience;
use super::traced::joined;
use crate::app::{App, SyncMode};
use crate::error::BadBook;
use crate::proto;
use crate::transport::routes::{is_routed, routed_status};
use crate::transport::services::business_coordinator_server::BusinessCoordinator;
use crate::transport::status::{BadCall, status};

pub(super) struct Coordinator {
    pub(super) app: App,
    pub(super) facts: Facts,
}

impl Coordinator {
    async fn execute(
        &self,
        metadata: &MetadataMap,
        book: proto::CommandBook,
        sync: SyncMode,
        wait: Option<Duration>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        self.facts.authorize(&self.app, &book, metadata)?;
        let patience = Patience::of(metadata);
        let book = patience.limit(joined(book, metadata));
        let outcome = self.app.execute_and_wait(book, sync, wait, patience.until()).await;
        let mut outcome = outcome.map_err(|error| status(&error))?;
        let rows = rows(&self.app, &outcome.events, &outcome.waited_for).await;
        let projections = rows.unwrap_or_else(|error| {
            // Nobody may take it for an error of the command itself, and send that again.
            outcome.not_passed("what follows".to_owned(), format!("{}: {error}", error.code()));
            Vec::new()
        });
        Ok(Response::new(proto::CommandResponse { projections, ..outcome.into() }))
    }

    /// Whether only a process on this log can have said this.
    fn is_routed(&self, metadata: &MetadataMap) -> Result<bool, Status> {
        is_routed(metadata, self.app.log_id()).map_err(|error| status(&error))
    }

    /// Refuses what only processes on this log may say to each other.
    fn check_routed(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if self.is_routed(metadata)? { Ok(()) } else { Err(status(&BadBook::Reserved("origin").into())) }
    }
}

#[async_trait]
impl BusinessCoordinator for Coordinator {
    async fn handle(&self, request: Request<proto::CommandBook>) -> Result<Response<proto::CommandResponse>, Status> {
        let (metadata, _, book) = request.into_parts();
        if !self.is_routed(&metadata)? {
            return self.execute(&metadata, book, SyncMode::None, None).await;
        }
        // What a consumer sends needs no token; what its runtime passed on for a caller does.
        if book.origin.is_none() {
            self.facts.authorize(&self.app, &book, &metadata)?;
        }
        let outcome = self.app.execute_routed(joined(book, &metadata)).await.map_err(|error| routed_status(&error))?;
        Ok(Response::new(outcome.into()))
    }

    async fn compensate(
        &self,
        request: Request<proto::CompensateRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        self.check_routed(request.metadata())?;
        let outcome = self.app.compensate_routed(request.into_inner()).await.map_err(|error| routed_status(&error))?;
        Ok(Response::new(outcome.into()))
    }

    async fn r#await(&self, request: Request<proto::AwaitRequest>) -> Result<Response<proto::AwaitResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        self.check_routed(&metadata)?;
        let (sync, wait) = (sync(asked.sync_mode)?, Patience::of(&metadata).wait(asked.timeout)?);
        let books = asked.books.into_iter().map(records).collect::<Result<Vec<_>, _>>();
        let books = books.map_err(|error| status(&error))?;
        let waited = self.app.wait_routed(&books, sync, wait).await;
        Ok(Response::new(waited.into()))
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let sync = sync(asked.sync_mode)?;
        let wait = asked.timeout.map(Duration::try_from).transpose().map_err(|_| BadCall::Field("timeout"))?;
        let book = asked.command.unwrap_or_default();
        self.execute(&metadata, book, sync, wait).await
    }
}

fn sync(mode: i32) -> Result<SyncMode, Status> {
    Ok(match proto::SyncMode::try_from(mode).map_err(|_| BadCall::Field("sync_mode"))? {
        proto::SyncMode::None => SyncMode::None,
        proto::SyncMode::Simple => SyncMode::Simple,
        proto::SyncMode::Cascade => SyncMode::Cascade,
    })
}
