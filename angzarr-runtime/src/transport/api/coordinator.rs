//! Commands and facts, one answer each.

use tonic::{Request, Response, Status, async_trait};

use super::consumers::rows;
use super::patience::{granted, patience};
use crate::app::{App, SyncMode};
use crate::proto;
use crate::transport::services::business_coordinator_server::BusinessCoordinator;
use crate::transport::status::status;

pub(super) struct Coordinator(pub(super) App);

#[async_trait]
impl BusinessCoordinator for Coordinator {
    async fn handle(&self, request: Request<proto::CommandBook>) -> Result<Response<proto::CommandResponse>, Status> {
        let outcome = self.0.execute(request.into_inner()).await.map_err(|error| status(&error))?;
        Ok(Response::new(outcome.into()))
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let caller = granted(request.metadata());
        let request = request.into_inner();
        let sync = match request.sync_mode() {
            proto::SyncMode::None => SyncMode::None,
            proto::SyncMode::Simple => SyncMode::Simple,
            proto::SyncMode::Cascade => SyncMode::Cascade,
        };
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
