//! Process managers.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::answer::{context, emissions, malformed, refused};
use super::states::{self, Lacking, Owner, ahead};
use super::{IO_LIMIT, Served};
use crate::component::{ProcessInput, ProcessManagerLogic, Registration, State};
use crate::context::{Context, PlannedDeadline};
use crate::coordinator::guarded_async;
use crate::failure::Failure;
use crate::message::{Emission, Payload};
use crate::proto;
use crate::proto::process_manager_handle_request::Input as Asked;
use crate::proto::process_manager_handle_response::{Outcome, Step};
use crate::rejection::Rejection;
use crate::transport::services::process_manager_server::ProcessManager;

/// What is asked of a process manager.
enum Input {
    Event(Payload),
    Deadline(Payload),
    Refusal(Payload, Rejection),
}

fn input(asked: Option<Asked>) -> Result<Input, Status> {
    Ok(match asked.ok_or_else(|| malformed("input"))? {
        Asked::Event(event) => Input::Event(Payload::from_any(event)),
        Asked::Deadline(deadline) => Input::Deadline(Payload::from_any(deadline)),
        Asked::Refusal(refusal) => {
            let (command, rejection) = refused(refusal)?;
            Input::Refusal(command, rejection)
        }
    })
}

#[async_trait]
impl ProcessManager for Served {
    async fn handle(
        &self,
        request: Request<proto::ProcessManagerHandleRequest>,
    ) -> Result<Response<proto::ProcessManagerHandleResponse>, Status> {
        let request = request.into_inner();
        let history = states::history(request.history)?;
        let (cx, input) = (context(request.context, history.next)?.of_process(), input(request.input)?);
        let answer = |holds, outcome| {
            let (service_epoch, outcome) = (self.epoch.clone(), Some(outcome));
            Ok(Response::new(proto::ProcessManagerHandleResponse { service_epoch, holds, outcome }))
        };
        let logic = match self.component(&request.component, process_manager) {
            Ok(logic) => logic,
            Err(failure) => return answer(0, Outcome::Failure(failure.into())),
        };
        let (name, stateful) = (logic.spec().name, logic.stateful());
        let owner = Owner { component: name, runtime_epoch: request.runtime_epoch, root: cx.root() };
        let state = match self.states.fold(stateful, &owner, &self.epoch, &history) {
            Ok(state) => state,
            Err(Lacking::History(holds)) => {
                return answer(0, Outcome::NeedsHistory(proto::NeedsHistory { holds }));
            }
            Err(Lacking::Failed(failure)) => return answer(0, Outcome::Failure(failure.into())),
        };
        let outcome = match ahead(stateful, &owner, &state, &history).await {
            Ok(copy) => step(&**logic, copy.as_ref().unwrap_or(&state), &input, cx).await,
            Err(failure) => Outcome::Failure(failure.into()),
        };
        answer(self.states.keep(stateful, owner, state, history.next), outcome)
    }
}

fn process_manager(registration: &Registration) -> Option<&Arc<dyn ProcessManagerLogic>> {
    match registration {
        Registration::ProcessManager(logic) => Some(logic),
        _ => None,
    }
}

async fn step(logic: &dyn ProcessManagerLogic, state: &State, input: &Input, cx: Context) -> Outcome {
    let input = match input {
        Input::Event(event) => ProcessInput::Event(event),
        Input::Deadline(deadline) => ProcessInput::Deadline(deadline),
        Input::Refusal(command, rejection) => ProcessInput::Refusal { command, rejection },
    };
    let reaction = logic.react(state, input, &cx);
    match guarded_async::<Vec<Emission>, Failure>(logic.spec().name, IO_LIMIT, reaction).await {
        Err(failure) => Outcome::Failure(failure.into()),
        Ok(emitted) => {
            let planned = cx.into_planned();
            let set = |PlannedDeadline { name, due }| {
                let (at, event) = due.map(|(at, payload)| (at, payload.to_any())).unzip();
                proto::DeadlineSet { name, at, event }
            };
            let deadlines = planned.deadlines.into_iter().map(set).collect();
            Outcome::Step(Step { emissions: Some(emissions(emitted)), deadlines, completed: planned.completed })
        }
    }
}
