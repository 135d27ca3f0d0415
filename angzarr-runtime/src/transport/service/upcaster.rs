//! Upcasters.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::Served;
use super::answer::{emissions, payload};
use crate::component::{Registration, UpcasterLogic};
use crate::coordinator::guarded;
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::upcast_response::Outcome;
use crate::transport::services::upcaster_server::Upcaster;

#[async_trait]
impl Upcaster for Served {
    async fn upcast(&self, request: Request<proto::UpcastRequest>) -> Result<Response<proto::UpcastResponse>, Status> {
        let request = request.into_inner();
        let event = payload(request.event, "event")?;
        Ok(Response::new(answer(self.component(&request.component, upcaster), &event)))
    }

    async fn upcast_all(
        &self,
        request: Request<proto::UpcastAllRequest>,
    ) -> Result<Response<proto::UpcastAllResponse>, Status> {
        let request = request.into_inner();
        let events = request.events.into_iter().map(Payload::from_any);
        let answers = events.map(|event| answer(self.component(&request.component, upcaster), &event)).collect();
        Ok(Response::new(proto::UpcastAllResponse { answers }))
    }
}

fn answer(logic: Result<&Arc<dyn UpcasterLogic>, Failure>, event: &Payload) -> proto::UpcastResponse {
    let upcast = logic.and_then(|logic| guarded(logic.spec().name, || logic.upcast(event)));
    let outcome = match upcast {
        Ok(successors) => Outcome::Events(emissions(successors)),
        Err(failure) => Outcome::Failure(failure.into()),
    };
    proto::UpcastResponse { outcome: Some(outcome) }
}

fn upcaster(registration: &Registration) -> Option<&Arc<dyn UpcasterLogic>> {
    match registration {
        Registration::Upcaster(logic) => Some(logic),
        _ => None,
    }
}
