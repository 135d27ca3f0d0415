//! Aggregates whose rules are in a service.

use std::collections::HashMap;
use std::sync::Arc;

use prost_reflect::FieldDescriptor;
use tonic::{Response, Status};

use super::emitted::Yields;
use super::failed::failed;
use super::link::Link;
use super::spec::{Handlers, kept, leaked, snapshot, stored_as};
use super::state::{Folding, Kept};
use super::{invalid, traced};
use crate::component::handle::{check_external_id, check_root};
use crate::component::{AggregateLogic, AggregateSpec, Deciding, Input, State, Stateful, Undecided, deciding};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::handle_request::Input as Asked;
use crate::proto::handle_response::Outcome;
use crate::proto::handler_description::HandlerKind;
use crate::transport::message::field_text;

/// An aggregate of a service.
#[derive(Debug)]
pub(super) struct Remote {
    spec: &'static AggregateSpec,
    folding: Folding,
    yields: Yields,
    /// By the type of the command or fact.
    named: HashMap<&'static str, Named>,
}

/// Fields that say what a message is for.
#[derive(Debug)]
struct Named {
    root: Option<FieldDescriptor>,
    /// Of a fact.
    external_id: Option<FieldDescriptor>,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let (handlers, name) = (Handlers(said), kept(&said.name));
        let events = handlers.events();
        let spec = AggregateSpec {
            name,
            domain: kept(&said.domain),
            snapshot: snapshot(said),
            commands: handlers.inputs(HandlerKind::Command),
            facts: handlers.inputs(HandlerKind::Fact),
            compensations: handlers.inputs(HandlerKind::Compensation),
            queries: handlers.inputs(HandlerKind::Query),
            events,
            stored_as: stored_as(&link.described, events),
        };
        let (folding, yields) = (Folding::new(link, name, said, events)?, Yields::new(link, name, said)?);
        let mut named = HashMap::new();
        for input in spec.commands.iter().chain(spec.facts) {
            let (message, (root, external_id)) = (link.described.message(input)?, link.described.ids(input));
            let external_id = message.get_field(external_id).filter(|_| spec.facts.contains(input));
            named.insert(*input, Named { root: message.get_field(root), external_id });
        }
        Ok(Self { spec: leaked(spec), folding, yields, named })
    }

    /// Refuses what is for another root than its book, or a fact with another key.
    fn check(&self, input: &Input, cx: &Context) -> Result<(), Failure> {
        let (Input::Command(payload) | Input::Fact(payload)) = input else { return Ok(()) };
        let Some(Named { root, external_id }) = self.named.get(&*payload.type_name) else { return Ok(()) };
        let said = |field: &Option<FieldDescriptor>| match field {
            Some(field) => field_text(field, payload),
            None => Ok(None),
        };
        if let Some(key) = said(root)? {
            check_root(payload, self.spec.domain, &key, cx)?;
        }
        if let Some(external_id) = said(external_id)? {
            check_external_id(payload, &external_id, cx)?;
        }
        Ok(())
    }

    /// Asks the service, on a state.
    async fn handle(&self, state: &State, input: Asked, cx: &Context) -> Result<Outcome, Undecided> {
        let (history, sent) = self.folding.history(state, cx)?;
        let link = self.yields.link();
        let request = proto::HandleRequest {
            component: self.spec.name.to_owned(),
            runtime_epoch: link.runtime_epoch.clone(),
            context: Some(cx.into()),
            history: Some(history),
            input: Some(input),
        };
        let answer = link.call_for(cx, self.spec.name, Box::pin(decided(link, request, cx))).await?;
        let kept = Kept { service_epoch: answer.service_epoch, next_sequence: answer.holds };
        self.folding.keeps(state, sent, kept)?;
        match answer.outcome {
            Some(Outcome::Rejection(rejection)) if rejection.code.is_empty() => {
                Err(invalid(format!("`{}` refused without a code", self.spec.name)).into())
            }
            Some(Outcome::Rejection(rejection)) => Err(Undecided::Rejected(rejection.into())),
            Some(Outcome::Failure(failure)) => Err(failed(failure).into()),
            Some(Outcome::NeedsHistory(_)) => Err(self.folding.lacking(sent).map_or(Undecided::StateLost, Into::into)),
            Some(outcome @ (Outcome::Events(_) | Outcome::Answer(_))) => Ok(outcome),
            None => Err(invalid(format!("`{}` decided nothing", self.spec.name)).into()),
        }
    }
}

/// Calls for a decision, by itself only if it must be: one in a trace has its own call to be seen there.
async fn decided(
    link: &Link,
    request: proto::HandleRequest,
    cx: &Context,
) -> Result<Response<proto::HandleResponse>, Status> {
    if cx.traceparent().is_none()
        && let Some(answer) = link.many.ask(&request).await?
    {
        return Ok(Response::new(answer));
    }
    link.business_logic().handle(traced(request, cx)).await
}

impl AggregateLogic for Remote {
    fn stateful(&self) -> &dyn Stateful {
        &self.folding
    }

    fn spec(&self) -> &'static AggregateSpec {
        self.spec
    }

    fn decide<'a>(&'a self, state: &'a State, input: &'a Input, cx: &'a Context) -> Deciding<'a, Vec<Emission>> {
        if let Err(failure) = self.check(input, cx) {
            return Deciding::Done(Err(failure.into()));
        }
        let (kind, given) = match input {
            Input::Command(command) => (HandlerKind::Command, command),
            Input::Fact(fact) => (HandlerKind::Fact, fact),
            Input::Refusal { command, .. } => (HandlerKind::Compensation, command),
        };
        let asked = match input {
            Input::Command(command) => Asked::Command(command.to_any()),
            Input::Fact(fact) => Asked::Fact(fact.to_any()),
            Input::Refusal { command, rejection } => Asked::Refusal(proto::Refused {
                command: Some(command.to_any()),
                rejection: Some(rejection.clone().into()),
            }),
        };
        deciding(async move {
            match self.handle(state, asked, cx).await? {
                Outcome::Events(events) => Ok(self.yields.emissions(kind, given, events)?),
                _ => Err(invalid(format!("`{}` answered a command like a query", self.spec.name)).into()),
            }
        })
    }

    fn query<'a>(&'a self, state: &'a State, query: &'a Payload, cx: &'a Context) -> Deciding<'a, Payload> {
        deciding(async move {
            match self.handle(state, Asked::Query(query.to_any()), cx).await? {
                Outcome::Answer(answer) => Ok(self.yields.answer(answer)?),
                _ => Err(invalid(format!("`{}` answered a query like a command", self.spec.name)).into()),
            }
        })
    }
}
