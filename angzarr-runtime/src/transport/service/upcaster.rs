//! Upcasters.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::Served;
use super::answer::{emissions, payload};
use crate::component::{Registration, UpcasterLogic};
use crate::coordinator::guarded;
use crate::message::Payload;
use crate::proto;
use crate::proto::upcast_response::Outcome;
use crate::transport::services::upcaster_server::Upcaster;

#[async_trait]
impl Upcaster for Served {
    async fn upcast(&self, request: Request<proto::UpcastRequest>) -> Result<Response<proto::UpcastResponse>, Status> {
        let request = request.into_inner();
        let event = payload(request.event, "event")?;
        let answer = self.upcast_one(&request.component, &event);
        Ok(Response::new(proto::UpcastResponse { service_epoch: self.epoch.clone(), ..answer }))
    }

    async fn upcast_all(
        &self,
        request: Request<proto::UpcastAllRequest>,
    ) -> Result<Response<proto::UpcastAllResponse>, Status> {
        let request = request.into_inner();
        let events = request.events.into_iter().map(Payload::from_any);
        let answers = events.map(|event| self.upcast_one(&request.component, &event)).collect();
        Ok(Response::new(proto::UpcastAllResponse { service_epoch: self.epoch.clone(), answers }))
    }
}

impl Served {
    fn upcast_one(&self, component: &str, event: &Payload) -> proto::UpcastResponse {
        let logic = self.component(component, upcaster);
        let upcast = logic.and_then(|logic| guarded(logic.spec().name, || logic.upcast(event)));
        let outcome = match upcast {
            Ok(successors) => Outcome::Events(emissions(successors)),
            Err(failure) => Outcome::Failure(failure.into()),
        };
        proto::UpcastResponse { outcome: Some(outcome), ..proto::UpcastResponse::default() }
    }
}

fn upcaster(registration: &Registration) -> Option<&Arc<dyn UpcasterLogic>> {
    match registration {
        Registration::Upcaster(logic) => Some(logic),
        _ => None,
    }
}
