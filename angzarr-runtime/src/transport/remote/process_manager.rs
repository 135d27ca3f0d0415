//! Process managers whose handlers are in a service.

use std::sync::Arc;

use super::emitted::{Keys, Yields};
use super::failed::failed;
use super::link::Link;
use super::spec::{Handlers, delivery, kept, leaked, snapshot, stored_as};
use super::state::{Folding, Kept};
use super::{invalid, traced};
use crate::component::{Handling, ProcessInput, ProcessManagerLogic, ProcessManagerSpec, State, Stateful};
use crate::context::Context;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::handler_description::HandlerKind;
use crate::proto::process_manager_handle_request::Input;
use crate::proto::process_manager_handle_response::{Outcome, Step};
use crate::time;
use crate::view::Key;

/// A process manager of a service.
#[derive(Debug)]
pub(super) struct Remote {
    spec: &'static ProcessManagerSpec,
    folding: Folding,
    keys: Keys,
    yields: Yields,
}

impl Remote {
    pub(super) fn new(link: &Arc<Link>, said: &proto::ComponentDescription) -> Result<Self, Failure> {
        let (handlers, name) = (Handlers(said), kept(&said.name));
        let events = handlers.events();
        let spec = ProcessManagerSpec {
            name,
            domain: kept(&said.domain),
            snapshot: snapshot(said),
            subscriptions: handlers.subscriptions(),
            targets: handlers.targets(),
            delivery: delivery(said),
            starts: handlers.starts(),
            deadlines: handlers.inputs(HandlerKind::Deadline),
            compensations: handlers.inputs(HandlerKind::Compensation),
            events,
            stored_as: stored_as(&link.described, events),
        };
        let (folding, yields) = (Folding::new(link, name, said, events)?, Yields::new(link, name, said)?);
        Ok(Self { spec: leaked(spec), folding, keys: Keys::new(link, said)?, yields })
    }

    /// What a step does beside what it emits.
    fn plan(&self, step: &Step, cx: &Context) -> Result<(), Failure> {
        for set in &step.deadlines {
            let due = match (set.at, set.event.clone().map(Payload::from_any)) {
                (None, _) => None,
                (Some(at), Some(event)) if self.spec.deadlines.contains(&&*event.type_name) => {
                    Some((time::from_micros(time::to_micros(&at)), event))
                }
                (Some(_), _) => {
                    return Err(invalid(format!("`{}` set a deadline that it does not handle", self.spec.name)));
                }
            };
            cx.plan(set.name.clone(), due)?;
        }
        if step.completed { cx.complete() } else { Ok(()) }
    }
}

impl ProcessManagerLogic for Remote {
    fn stateful(&self) -> &dyn Stateful {
        &self.folding
    }

    fn spec(&self) -> &'static ProcessManagerSpec {
        self.spec
    }

    fn key(&self, event: &Payload) -> Result<Option<Key>, Failure> {
        Ok(self.keys.of(event)?.map(|keyed| keyed.key))
    }

    fn react<'a>(&'a self, state: &'a State, input: ProcessInput<'a>, cx: &'a Context) -> Handling<'a, Vec<Emission>> {
        let (kind, given) = match input {
            ProcessInput::Event(event) => (HandlerKind::Event, event),
            ProcessInput::Deadline(deadline) => (HandlerKind::Deadline, deadline),
            ProcessInput::Refusal { command, .. } => (HandlerKind::Compensation, command),
        };
        let input = match input {
            ProcessInput::Event(event) => Input::Event(event.to_any()),
            ProcessInput::Deadline(deadline) => Input::Deadline(deadline.to_any()),
            ProcessInput::Refusal { command, rejection } => Input::Refusal(proto::Refused {
                command: Some(command.to_any()),
                rejection: Some(rejection.clone().into()),
            }),
        };
        Box::pin(async move {
            let ((history, sent), link) = (self.folding.history(state, cx)?, self.yields.link());
            let request = proto::ProcessManagerHandleRequest {
                component: self.spec.name.to_owned(),
                runtime_epoch: link.runtime_epoch.clone(),
                context: Some(cx.into()),
                history: Some(history),
                input: Some(input),
            };
            let mut service = link.process_manager();
            let answer = link.call_for(cx, self.spec.name, Box::pin(service.handle(traced(request, cx)))).await?;
            let kept = Kept { service_epoch: answer.service_epoch, next_sequence: answer.holds };
            self.folding.keeps(state, sent, kept)?;
            match answer.outcome {
                Some(Outcome::Step(step)) => {
                    self.plan(&step, cx)?;
                    self.yields.emissions(kind, given, step.emissions.unwrap_or_default())
                }
                Some(Outcome::Failure(failure)) => Err(failed(failure)),
                // Its coordinator loads the state for each step, so all of it is sent.
                Some(Outcome::NeedsHistory(_)) | None => Err(invalid(format!("`{}` decided nothing", self.spec.name))),
            }
        })
    }
}
