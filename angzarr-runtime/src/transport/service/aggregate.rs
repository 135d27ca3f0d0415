//! Aggregates, and states of process managers.

use std::sync::Arc;

use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::answer::{context, emissions, malformed, payload, refused};
use super::states::{self, Lacking, Owner, ahead};
use super::{IO_LIMIT, Served};
use crate::component::{AggregateLogic, Deciding, Input, Registration, State, Stateful, Undecided};
use crate::context::Context;
use crate::coordinator::{guarded, guarded_async};
use crate::failure::Failure;
use crate::message::Payload;
use crate::proto;
use crate::proto::handle_request::Input as Asked;
use crate::proto::handle_response::Outcome;
use crate::transport::services::business_logic_server::BusinessLogic;

/// What is asked of an aggregate.
enum Work {
    Decide(Input),
    Query(Payload),
}

fn work(asked: Option<Asked>) -> Result<Work, Status> {
    Ok(match asked.ok_or_else(|| malformed("input"))? {
        Asked::Command(command) => Work::Decide(Input::Command(Payload::from_any(command))),
        Asked::Fact(fact) => Work::Decide(Input::Fact(Payload::from_any(fact))),
        Asked::Refusal(refusal) => {
            let (command, rejection) = refused(refusal)?;
            Work::Decide(Input::Refusal { command, rejection })
        }
        Asked::Query(query) => Work::Query(payload(Some(query), "query")?),
    })
}

#[async_trait]
impl BusinessLogic for Served {
    async fn handle(&self, request: Request<proto::HandleRequest>) -> Result<Response<proto::HandleResponse>, Status> {
        let request = request.into_inner();
        let history = states::history(request.history)?;
        let (cx, work) = (context(request.context, history.next)?, work(request.input)?);
        let answer = |holds, outcome| {
            let (service_epoch, outcome) = (self.epoch.clone(), Some(outcome));
            Ok(Response::new(proto::HandleResponse { service_epoch, holds, outcome }))
        };
        let logic = match self.component(&request.component, aggregate) {
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
            Ok(copy) => decide(&**logic, copy.as_ref().unwrap_or(&state), &work, &cx).await,
            Err(failure) => Outcome::Failure(failure.into()),
        };
        answer(self.states.keep(stateful, owner, state, history.next), outcome)
    }

    async fn fold(&self, request: Request<proto::FoldRequest>) -> Result<Response<proto::FoldResponse>, Status> {
        use proto::fold_response::Outcome;
        let request = request.into_inner();
        let history = states::history(request.history)?;
        let root = request.root.map(|root| Uuid::try_from(&root)).transpose().map_err(|_| malformed("root"))?;
        let answer = |holds, outcome| {
            let (service_epoch, outcome) = (self.epoch.clone(), Some(outcome));
            Ok(Response::new(proto::FoldResponse { service_epoch, holds, outcome }))
        };
        let (component, stateful) = match self.component(&request.component, stateful) {
            Ok(found) => found,
            Err(failure) => return answer(0, Outcome::Failure(failure.into())),
        };
        let owner = Owner { component, runtime_epoch: request.runtime_epoch, root: root.unwrap_or_default() };
        let state = match self.states.fold(stateful, &owner, &self.epoch, &history) {
            Ok(state) => state,
            Err(Lacking::History(holds)) => {
                return answer(0, Outcome::NeedsHistory(proto::NeedsHistory { holds }));
            }
            Err(Lacking::Failed(failure)) => return answer(0, Outcome::Failure(failure.into())),
        };
        let outcome = match encoded(stateful, &owner, &state, &history).await {
            Ok(state) => Outcome::State(state.to_any()),
            Err(failure) => Outcome::Failure(failure.into()),
        };
        let holds = if root.is_some() { self.states.keep(stateful, owner, state, history.next) } else { 0 };
        answer(holds, outcome)
    }
}

/// A state with what is not stored yet.
async fn encoded(
    stateful: &dyn Stateful,
    owner: &Owner,
    state: &State,
    history: &proto::History,
) -> Result<Payload, Failure> {
    let copy = ahead(stateful, owner, state, history).await?;
    let encoded = stateful.encode_state(copy.as_ref().unwrap_or(state), history.next).done().await;
    encoded.ok_or_else(|| Failure::new("STATE_FOREIGN", "the state cannot be encoded"))
}

fn aggregate(registration: &Registration) -> Option<&Arc<dyn AggregateLogic>> {
    match registration {
        Registration::Aggregate(logic) => Some(logic),
        _ => None,
    }
}

/// Name and folding of what keeps a state.
fn stateful(registration: &Registration) -> Option<(&'static str, &dyn Stateful)> {
    match registration {
        Registration::Aggregate(logic) => Some((logic.spec().name, logic.stateful())),
        Registration::ProcessManager(logic) => Some((logic.spec().name, logic.stateful())),
        _ => None,
    }
}

async fn decide(logic: &dyn AggregateLogic, state: &State, work: &Work, cx: &Context) -> Outcome {
    let name = logic.spec().name;
    let decided = match work {
        Work::Decide(input) => {
            let emitted = settled(name, || logic.decide(state, input, cx)).await;
            emitted.map(|emitted| Outcome::Events(emissions(emitted)))
        }
        Work::Query(query) => {
            let answer = settled(name, || logic.query(state, query, cx)).await;
            answer.map(|answer| Outcome::Answer(answer.to_any()))
        }
    };
    match decided {
        Ok(outcome) => outcome,
        Err(Undecided::Rejected(rejection)) => Outcome::Rejection(rejection.into()),
        Err(Undecided::Failed(failure)) => Outcome::Failure(failure.into()),
        Err(Undecided::StateLost) => Outcome::NeedsHistory(proto::NeedsHistory { holds: 0 }),
    }
}

/// Runs a handler to its end. A panic becomes a failure.
async fn settled<'a, T>(name: &str, call: impl FnOnce() -> Deciding<'a, T>) -> Result<T, Undecided> {
    match guarded(name, || Ok::<_, Undecided>(call()))? {
        Deciding::Done(decided) => decided,
        Deciding::Waiting(handler) => guarded_async(name, IO_LIMIT, handler).await,
    }
}
