//! Process managers.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};

use super::answer::{context, emissions, malformed, refused};
use super::states::{self, Lacking, Owner};
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
        let decided = async {
            let logic = self.component(&request.component, process_manager)?;
            let (component, root) = (logic.spec().name, cx.root());
            let owner = Owner { component, runtime_epoch: request.runtime_epoch, root };
            let folded = self.states.fold(logic.stateful(), owner, &self.epoch, &history).await?;
            let outcome = step(&**logic, folded.state(), &input, cx).await;
            Ok::<_, Lacking>((folded.keep(), outcome))
        };
        let (holds, outcome) = decided.await.unwrap_or_else(|lacking| (0, lacking.into()));
        let service_epoch = self.epoch.clone();
        Ok(Response::new(proto::ProcessManagerHandleResponse { service_epoch, holds, outcome: Some(outcome) }))
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
