//! Events become commands for other aggregates; refusals go back to where the event came from.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::Instrument;

use super::consumer::{Consumer, ConsumerKind, Lane, of_stream};
use super::guarded_async;
use super::outgoing::{Router, cause, command_book, context, orchestration, trigger};
use crate::component::{Arrival, Decoded, Delivery, SagaLogic, Subscription};
use crate::error::Error;
use crate::failure::Failure;
use crate::id::{Purpose, consumer_key};
use crate::message::{Emission, Outgoing, Payload};
use crate::proto;
use crate::rejection::Rejection;
use crate::store::{Record, Store};
use crate::telemetry::measure::Durations;
use crate::telemetry::span::{self, component_span};
use crate::telemetry::traceparent_text;

/// The coordinator of one saga.
pub(crate) struct SagaCoordinator {
    pub(crate) logic: Arc<dyn SagaLogic>,
    pub(crate) router: Arc<Router>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) delivery: Delivery,
    pub(crate) durations: Durations,
}

#[async_trait]
impl Consumer for SagaCoordinator {
    fn name(&self) -> &'static str {
        self.logic.spec().name
    }

    fn subscriptions(&self) -> &'static [Subscription] {
        self.logic.spec().subscriptions
    }

    fn kind(&self) -> ConsumerKind {
        ConsumerKind::Saga
    }

    fn lane(&self, event: &Record) -> Result<Lane, Failure> {
        Ok(self.logic.key(&event.payload)?.map_or_else(|| of_stream(event).into(), Lane::from))
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    async fn react(&self, event: &Record, lane: Lane) -> Result<(), Error> {
        let span = component_span!("saga.orchestrate", self.name(), event.stream, event.trace);
        span::go_on(&span, event.trace.traceparent);
        let reacting = async {
            let mut done = Ok(());
            for (index, outgoing) in (0..).zip(self.decide(event, lane.event).await?) {
                match self.send(event, index, outgoing).await {
                    // The other commands have nothing to do with it.
                    Err(error @ Error::Uncompensated { .. }) => done = done.and(Err(error)),
                    sent => sent?,
                }
            }
            done
        };
        self.durations.measure(span, reacting).await
    }

    async fn compensate(&self, event: &Record) -> Result<(), Error> {
        let mut done = Ok(());
        for (index, outgoing) in
            (0..).zip(self.decide(event, None).await?).filter(|(_, outgoing)| outgoing.is_command())
        {
            let command = outgoing.payload.clone();
            let rejection = match self.router.answered(self.book(event, index, outgoing)).await {
                // It was sent before the event was parked, and is done.
                Ok(Some(_)) => continue,
                Ok(None) => Rejection::discarded(),
                Err(Error::Rejected(rejection)) => rejection,
                Err(error) => return Err(error),
            };
            match self.report(event, index, command, rejection).await {
                // The other commands have nothing to do with it.
                Err(error @ Error::Uncompensated { .. }) => done = done.and(Err(error)),
                reported => reported?,
            }
        }
        done
    }

    fn store(&self) -> &dyn Store {
        &*self.store
    }
}

fn commands(saga: &str, emissions: Vec<Emission>) -> Result<Vec<Outgoing>, Failure> {
    let commands = emissions.into_iter().map(|emission| match emission {
        Emission::Command(outgoing) => Ok(outgoing),
        Emission::Event(payload) => Err(Failure::new(
            "NOT_A_COMMAND",
            format!("`{saga}` answered with `{}`, which is an event", payload.type_name),
        )),
    });
    commands.collect()
}

impl SagaCoordinator {
    /// What to send because of an event, which may be decoded already.
    pub(crate) async fn decide(&self, event: &Record, decoded: Option<Decoded>) -> Result<Vec<Outgoing>, Failure> {
        let cx = context(self.name(), event);
        let reaction = self.logic.react(Arrival::new(&event.payload, decoded), &cx);
        commands(self.name(), guarded_async(self.name(), self.delivery.timeout, reaction).await?)
    }

    fn book(&self, event: &Record, index: u32, outgoing: Outgoing) -> proto::CommandBook {
        command_book(self.name(), event, event.created_at, index, outgoing)
    }

    async fn send(&self, event: &Record, index: u32, outgoing: Outgoing) -> Result<(), Error> {
        let command = outgoing.payload.clone();
        let executing = async { self.router.execute(self.book(event, index, outgoing)).await };
        match executing.instrument(orchestration(self.name(), event)).await {
            Ok(_) => Ok(()),
            Err(Error::Rejected(rejection)) => self.report(event, index, command, rejection).await,
            Err(error) => Err(error),
        }
    }

    /// Reports a refusal to the aggregate whose event led to the command.
    async fn report(&self, event: &Record, index: u32, command: Payload, rejection: Rejection) -> Result<(), Error> {
        self.router.compensate(compensation(self.name(), event, index, command, rejection)).await
    }
}

/// What the source aggregate is asked to decide on.
fn compensation(
    saga: &'static str,
    event: &Record,
    index: u32,
    command: Payload,
    rejection: Rejection,
) -> proto::CompensateRequest {
    let key = consumer_key(Purpose::Compensation, trigger(saga, event), index);
    proto::CompensateRequest {
        cover: Some(proto::Cover {
            root: Some(event.stream.root.into()),
            domain: event.stream.domain.to_string(),
            correlation_id: event.trace.correlation_id.to_string(),
            key: event.key.to_string(),
            tenant: String::new(),
        }),
        idempotency_key: key.to_string(),
        origin: Some(proto::Origin { cause: Some((&cause(saga, event)).into()), recorded_at: Some(event.created_at) }),
        command: Some(command.to_any()),
        rejection: Some(rejection.into()),
        traceparent: traceparent_text(span::current(event.trace.traceparent)),
    }
}
