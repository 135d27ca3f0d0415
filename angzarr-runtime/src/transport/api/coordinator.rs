//! Commands and facts, one answer each.

use tonic::{Request, Response, Status, async_trait};

use super::book::records;
use super::consumers::rows;
use super::patience::{granted, patience};
use crate::app::{App, SyncMode};
use crate::error::BadBook;
use crate::proto;
use crate::transport::routes::{is_routed, routed_status};
use crate::transport::services::business_coordinator_server::BusinessCoordinator;
use crate::transport::status::status;

pub(super) struct Coordinator(pub(super) App);

impl Coordinator {
    /// Refuses what only processes on this log may say to each other.
    fn check_routed<T>(&self, request: &Request<T>) -> Result<(), Status> {
        match is_routed(request.metadata(), self.0.log_id()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(status(&BadBook::Reserved("origin").into())),
            Err(error) => Err(status(&error)),
        }
    }
}

#[async_trait]
impl BusinessCoordinator for Coordinator {
    async fn handle(&self, request: Request<proto::CommandBook>) -> Result<Response<proto::CommandResponse>, Status> {
        let routed = is_routed(request.metadata(), self.0.log_id()).map_err(|error| status(&error))?;
        let book = request.into_inner();
        let outcome = if routed {
            self.0.execute_routed(book).await.map_err(|error| routed_status(&error))?
        } else {
            self.0.execute(book).await.map_err(|error| status(&error))?
        };
        Ok(Response::new(outcome.into()))
    }

    async fn compensate(
        &self,
        request: Request<proto::CompensateRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        self.check_routed(&request)?;
        let outcome = self.0.compensate_routed(request.into_inner()).await.map_err(|error| routed_status(&error))?;
        Ok(Response::new(outcome.into()))
    }

    async fn r#await(&self, request: Request<proto::AwaitRequest>) -> Result<Response<proto::AwaitResponse>, Status> {
        self.check_routed(&request)?;
        let caller = granted(request.metadata());
        let request = request.into_inner();
        let sync = sync(request.sync_mode());
        let wait = patience(request.timeout, caller)?;
        let books = request.books.into_iter().map(records).collect::<Result<Vec<_>, _>>();
        let books = books.map_err(|error| status(&error))?;
        let waited = self.0.wait_routed(&books, sync, wait).await;
        Ok(Response::new(waited.into()))
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let caller = granted(request.metadata());
        let request = request.into_inner();
        let sync = sync(request.sync_mode());
        let wait = patience(request.timeout, caller)?;
        let outcome = self.0.execute_and_wait(request.command.unwrap_or_default(), sync, wait).await;
        let mut outcome = outcome.map_err(|error| status(&error))?;
        let rows = rows(&self.0, &outcome.events, &outcome.waited_for).await;
        let projections = rows.unwrap_or_else(|error| {
            // Nobody may take it for an error of the command itself, and send that again.
            outcome.not_passed("what follows".to_owned(), format!("{}: {error}", error.code()));
            Vec::new()
        });
        Ok(Response::new(proto::CommandResponse { projections, ..outcome.into() }))
    }
}

fn sync(mode: proto::SyncMode) -> SyncMode {
    match mode {
        proto::SyncMode::None => SyncMode::None,
        proto::SyncMode::Simple => SyncMode::Simple,
        proto::SyncMode::Cascade => SyncMode::Cascade,
    }
}
