//! Sagas whose handlers are in a service.

use std::sync::Arc;

use super::emitted::{Keys, Yields};
use super::failed::failed;
use super::link::Link;
use super::spec::{Handlers, delivery, kept, leaked};
use super::{invalid, traced};
use crate::component::{Arrival, Handling, Keyed, SagaLogic, SagaSpec};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::proto::saga_handle_response::Outcome;

/// A saga of a service.
#[derive(Debug)]
pub(super) struct Remote {
    spec: &'static SagaSpec,
    keys: Keys,
    yields: Yields,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let (handlers, name) = (Handlers(said), kept(&said.name));
        let (subscriptions, targets) = (handlers.subscriptions(), handlers.targets());
        let spec = SagaSpec { name, subscriptions, targets, delivery: delivery(said) };
        Ok(Self { spec: leaked(spec), keys: Keys::new(link, said)?, yields: Yields::new(link, name, said)? })
    }
}

impl SagaLogic for Remote {
    fn spec(&self) -> &'static SagaSpec {
        self.spec
    }

    fn key(&self, event: &Payload) -> Result<Option<Keyed>, Failure> {
        self.keys.of(event)
    }

    fn react<'a>(&'a self, event: Arrival<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>> {
        Box::pin(async move {
            let link = self.yields.link();
            let request = proto::SagaHandleRequest {
                component: self.spec.name.to_owned(),
                context: Some(cx.into()),
                event: Some(event.payload.to_any()),
            };
            let mut service = link.saga();
            match link.call_for(cx, self.spec.name, Box::pin(service.handle(traced(request, cx)))).await?.outcome {
                Some(Outcome::Sent(sent)) => self.yields.emissions(HandlerKind::Event, event.payload, sent),
                Some(Outcome::Failure(failure)) => Err(failed(failure)),
                None => Err(invalid(format!("`{}` decided nothing", self.spec.name))),
            }
        })
    }
}
