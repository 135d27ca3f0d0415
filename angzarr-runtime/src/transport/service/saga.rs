//! Sagas.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::answer::{context, emissions, payload};
use super::{IO_LIMIT, Served};
use crate::component::{Arrival, Registration, SagaLogic};
use crate::coordinator::guarded_async;
use crate::failure::Failure;
use crate::message::Emission;
use crate::proto;
use crate::proto::saga_handle_response::Outcome;
use crate::transport::services::saga_server::Saga;

#[async_trait]
impl Saga for Served {
    async fn handle(
        &self,
        request: Request<proto::SagaHandleRequest>,
    ) -> Result<Response<proto::SagaHandleResponse>, Status> {
        let request = request.into_inner();
        let (cx, event) = (context(request.context, 0)?, payload(request.event, "event")?);
        let decide = async {
            let logic = self.component(&request.component, saga)?;
            let reaction = logic.react(Arrival::from(&event), &cx);
            guarded_async::<Vec<Emission>, Failure>(logic.spec().name, IO_LIMIT, reaction).await
        };
        let outcome = match decide.await {
            Ok(sent) => Outcome::Sent(emissions(sent)),
            Err(failure) => Outcome::Failure(failure.into()),
        };
        let service_epoch = self.epoch.clone();
        Ok(Response::new(proto::SagaHandleResponse { service_epoch, outcome: Some(outcome) }))
    }
}

fn saga(registration: &Registration) -> Option<&Arc<dyn SagaLogic>> {
    match registration {
        Registration::Saga(logic) => Some(logic),
        _ => None,
    }
}
