//! Projectors.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::answer::{context, payload};
use super::{IO_LIMIT, Served};
use crate::component::{Arrival, ProjectorLogic, Registration, ReturnedRow};
use crate::coordinator::guarded_async;
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::projector_handle_response::{Nothing, Outcome};
use crate::transport::services::projector_server::Projector;

#[async_trait]
impl Projector for Served {
    async fn handle(
        &self,
        request: Request<proto::ProjectorHandleRequest>,
    ) -> Result<Response<proto::ProjectorHandleResponse>, Status> {
        let request = request.into_inner();
        let (cx, event) = (context(request.context, 0)?, payload(request.event, "event")?);
        let row = request.row.map(|row| Payload::from_any(row).value);
        let project = async {
            let logic = self.component(&request.component, projector)?;
            let projection = logic.project(row.as_deref(), Arrival::from(&event), &cx);
            let row = guarded_async::<Option<ReturnedRow>, Failure>(logic.spec().name, IO_LIMIT, projection).await?;
            let row_type = logic.shape().map(|shape| shape.row_type.as_str()).unwrap_or_default();
            let any = |row: ReturnedRow| {
                let value = bytes::Bytes::copy_from_slice(row.bytes());
                Payload { type_name: row_type.into(), value }.to_any()
            };
            Ok::<_, Failure>(row.map(any))
        };
        let outcome = match project.await {
            Ok(Some(row)) => Outcome::Row(row),
            Ok(None) => Outcome::Nothing(Nothing {}),
            Err(failure) => Outcome::Failure(failure.into()),
        };
        let service_epoch = self.epoch.clone();
        Ok(Response::new(proto::ProjectorHandleResponse { service_epoch, outcome: Some(outcome) }))
    }
}

fn projector(registration: &Registration) -> Option<&Arc<dyn ProjectorLogic>> {
    match registration {
        Registration::Projector(logic) => Some(logic),
        _ => None,
    }
}
