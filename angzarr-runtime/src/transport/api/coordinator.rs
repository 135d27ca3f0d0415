//! Commands and facts, one answer each.

use std::time::Duration;

use tonic::{Request, Response, Status, async_trait};

use super::traced::join;
use crate::app::{App, SyncMode};
use crate::proto;
use crate::transport::services::business_coordinator_server::BusinessCoordinator;
use crate::transport::status::status;

pub(super) struct Coordinator(pub(super) App);

#[async_trait]
impl BusinessCoordinator for Coordinator {
    async fn handle(&self, request: Request<proto::CommandBook>) -> Result<Response<proto::CommandResponse>, Status> {
        let book = join(request, |book| Some(book));
        let outcome = self.0.execute(book).await.map_err(|error| status(&error))?;
        Ok(Response::new(outcome.into()))
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let request = join(request, |request| request.command.as_mut());
        let sync = match request.sync_mode() {
            proto::SyncMode::None => SyncMode::None,
            proto::SyncMode::Simple => SyncMode::Simple,
            proto::SyncMode::Cascade => SyncMode::Cascade,
        };
        let wait = request.timeout.map(Duration::try_from).transpose();
        let wait = wait.map_err(|_| Status::invalid_argument("`timeout` is no length of time"))?;
        let outcome = self.0.execute_and_wait(request.command.unwrap_or_default(), sync, wait).await;
        Ok(Response::new(outcome.map_err(|error| status(&error))?.into()))
    }
}
