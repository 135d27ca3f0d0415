//! Many decisions by one call.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::task::{AbortHandle, JoinSet};
use tonic::{Status, Streaming};

use super::Served;
use crate::proto::{HandleManyRequest, HandleManyResponse};

pub(super) type Answers = BoxStream<'static, Result<HandleManyResponse, Status>>;

/// What is decided on side by side. There is as much as runtimes ask for, which have a limit of their own. What is left of it is
/// cut off when this is dropped, as it is with its connection.
struct Many {
    served: Arc<Served>,
    requests: Streaming<HandleManyRequest>,
    handlers: JoinSet<HandleManyResponse>,
    at_work: HashMap<u64, AbortHandle>,
    /// Until the service ends.
    ended: BoxFuture<'static, ()>,
    phase: Phase,
}

#[derive(PartialEq, Eq)]
enum Phase {
    Serving,
    /// The service ends: what is asked for now is not begun with.
    Ending,
    /// Nothing more is asked for.
    Asked,
}

/// Answers in the order in which handlers are done.
pub(super) fn handle(served: Arc<Served>, requests: Streaming<HandleManyRequest>) -> Answers {
    let ended = Box::pin(served.stays.ended());
    let (handlers, at_work, phase) = (JoinSet::new(), HashMap::new(), Phase::Serving);
    let many = Many { served, requests, handlers, at_work, ended, phase };
    unfold(many, async |mut many| many.next().await.map(|answer| (answer, many))).boxed()
}

impl Many {
    /// None if all is answered that has begun; an error if it is not, and never will be.
    async fn next(&mut self) -> Option<Result<HandleManyResponse, Status>> {
        while self.phase == Phase::Serving || !self.handlers.is_empty() {
            tokio::select! {
                asked = self.requests.message(), if self.phase != Phase::Asked => match asked {
                    Ok(Some(HandleManyRequest { call, request: Some(request) })) => {
                        if self.phase == Phase::Ending {
                            return Some(Ok(HandleManyResponse { call, response: None }));
                        }
                        let served = self.served.clone();
                        // Why it makes no sense is told when it is asked for by itself.
                        let handler =
                            async move { HandleManyResponse { call, response: served.handled(request).await.ok() } };
                        self.at_work.insert(call, self.handlers.spawn(handler));
                    }
                    Ok(Some(HandleManyRequest { call, request: None })) => {
                        if let Some(handler) = self.at_work.remove(&call) {
                            handler.abort();
                        }
                    }
                    Ok(None) => self.phase = Phase::Asked,
                    Err(status) => return Some(Err(Status::cancelled(status.message()))),
                },
                Some(done) = self.handlers.join_next() => match done {
                    Ok(answer) => {
                        self.at_work.remove(&answer.call);
                        return Some(Ok(answer));
                    }
                    Err(lost) if lost.is_panic() => return Some(Err(Status::cancelled("a handler was lost"))),
                    // It was given up.
                    Err(_) => {}
                },
                () = &mut self.ended, if self.phase == Phase::Serving => self.phase = Phase::Ending,
            }
        }
        None
    }
}
