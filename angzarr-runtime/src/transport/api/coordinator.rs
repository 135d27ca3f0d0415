//! Commands and facts, one answer each.

use std::time::Duration;

use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::facts::Facts;
use super::patience::Patience;
use crate::app::{App, SyncMode};
use crate::proto;
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
        let outcome = self.app.execute_and_wait(patience.limit(book), sync, wait, patience.until()).await;
        Ok(Response::new(outcome.map_err(|error| status(&error))?.into()))
    }
}

#[async_trait]
impl BusinessCoordinator for Coordinator {
    async fn handle(&self, request: Request<proto::CommandBook>) -> Result<Response<proto::CommandResponse>, Status> {
        let (metadata, _, book) = request.into_parts();
        self.execute(&metadata, book, SyncMode::None, None).await
    }

    async fn handle_sync(
        &self,
        request: Request<proto::HandleSyncRequest>,
    ) -> Result<Response<proto::CommandResponse>, Status> {
        let (metadata, _, asked) = request.into_parts();
        let sync = match proto::SyncMode::try_from(asked.sync_mode).map_err(|_| BadCall::Field("sync_mode"))? {
            proto::SyncMode::None => SyncMode::None,
            proto::SyncMode::Simple => SyncMode::Simple,
            proto::SyncMode::Cascade => SyncMode::Cascade,
        };
        let wait = asked.timeout.map(Duration::try_from).transpose().map_err(|_| BadCall::Field("timeout"))?;
        let book = asked.command.unwrap_or_default();
        self.execute(&metadata, book, sync, wait).await
    }
}
