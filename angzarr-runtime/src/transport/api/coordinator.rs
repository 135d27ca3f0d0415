//! Commands and facts, one answer each.

use std::time::Duration;

use tonic::{Request, Response, Status, async_trait};

use super::book::records;
use crate::app::{App, SyncMode};
use crate::error::{BadBook, DEFAULT_WAIT};
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
        let request = request.into_inner();
        let sync = sync(request.sync_mode());
        let wait = request.timeout.map(Duration::try_from).transpose();
        let wait = wait.map_err(|_| Status::invalid_argument("`timeout` is no length of time"))?;
        let books = request.books.into_iter().map(records).collect::<Result<Vec<_>, _>>();
        let books = books.map_err(|error| status(&error))?;
        let waited = self.0.wait_routed(&books, sync, wait.unwrap_or(DEFAULT_WAIT)).await;
        Ok(Response::new(waited.into()))
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let request = request.into_inner();
        let sync = sync(request.sync_mode());
        let wait = request.timeout.map(Duration::try_from).transpose();
        let wait = wait.map_err(|_| Status::invalid_argument("`timeout` is no length of time"))?;
        let outcome = self.0.execute_and_wait(request.command.unwrap_or_default(), sync, wait).await;
        Ok(Response::new(outcome.map_err(|error| status(&error))?.into()))
    }
}

fn sync(mode: proto::SyncMode) -> SyncMode {
    match mode {
        proto::SyncMode::None => SyncMode::None,
        proto::SyncMode::Simple => SyncMode::Simple,
        proto::SyncMode::Cascade => SyncMode::Cascade,
    }
}
