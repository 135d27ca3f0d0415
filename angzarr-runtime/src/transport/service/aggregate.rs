//! Aggregates, and states of process managers.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming, async_trait};
use uuid::Uuid;

use super::answer::{context, emissions, malformed, payload, refused};
use super::many::{self, Answers};
use super::states::{self, Lacking, Owner};
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

impl Served {
    pub(super) async fn handled(&self, request: proto::HandleRequest) -> Result<proto::HandleResponse, Status> {
        let history = states::history(request.history)?;
        let (cx, work) = (context(request.context, history.next)?, work(request.input)?);
        let decided = async {
            let logic = self.component(&request.component, aggregate)?;
            let (component, root) = (logic.spec().name, cx.root());
            let owner = Owner { component, runtime_epoch: request.runtime_epoch, root };
            let folded = self.states.fold(logic.stateful(), owner, &self.epoch, &history).await?;
            let outcome = decide(&**logic, folded.state(), &work, &cx).await;
            Ok::<_, Lacking>((folded.keep(), outcome))
        };
        let (holds, outcome) = decided.await.unwrap_or_else(|lacking| (0, lacking.into()));
        let service_epoch = self.epoch.clone();
        Ok(proto::HandleResponse { service_epoch, holds, outcome: Some(outcome) })
    }
}

#[async_trait]
impl BusinessLogic for Arc<Served> {
    type HandleManyStream = Answers;

    async fn handle(&self, request: Request<proto::HandleRequest>) -> Result<Response<proto::HandleResponse>, Status> {
        self.handled(request.into_inner()).await.map(Response::new)
    }

    async fn handle_many(
        &self,
        requests: Request<Streaming<proto::HandleManyRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Ok(Response::new(many::handle(self.clone(), requests.into_inner())))
    }

    async fn fold(&self, request: Request<proto::FoldRequest>) -> Result<Response<proto::FoldResponse>, Status> {
        let request = request.into_inner();
        let history = states::history(request.history)?;
        let root = request.root.map(|root| Uuid::try_from(&root)).transpose().map_err(|_| malformed("root"))?;
        let folded = async {
            let (component, stateful) = self.component(&request.component, stateful)?;
            let owner = Owner { component, runtime_epoch: request.runtime_epoch, root: root.unwrap_or_default() };
            let folded = self.states.fold(stateful, owner, &self.epoch, &history).await?;
            let encoded = stateful.encode_state(folded.state(), history.next).done().await?;
            let state = encoded.ok_or_else(|| Failure::new("STATE_FOREIGN", "the state cannot be encoded"))?;
            let holds = if root.is_some() { folded.keep() } else { 0 };
            Ok::<_, Lacking>((holds, proto::fold_response::Outcome::State(state.to_any())))
        };
        let (holds, outcome) = folded.await.unwrap_or_else(|lacking| (0, lacking.into()));
        let service_epoch = self.epoch.clone();
        Ok(Response::new(proto::FoldResponse { service_epoch, holds, outcome: Some(outcome) }))
    }
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
