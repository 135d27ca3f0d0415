//! Many decisions by one call.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::Served;
use crate::proto::{HandleManyRequest, HandleManyResponse};

pub(super) type Answers = BoxStream<'static, Result<HandleManyResponse, Status>>;

/// Answers side by side, in the order in which handlers are done. There are as many at a time as runtimes ask for, which have a
/// limit of their own.
pub(super) fn handle(served: Arc<Served>, requests: Streaming<HandleManyRequest>) -> Answers {
    let (answers, answered) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let work = work(&served, requests, &answers);
        tokio::select! {
            () = work => {}
            // Nobody waits for anything any more.
            () = answers.closed() => {}
        }
    });
    UnboundedReceiverStream::new(answered).map(Ok).boxed()
}

async fn work(
    served: &Arc<Served>,
    mut requests: Streaming<HandleManyRequest>,
    answers: &mpsc::UnboundedSender<HandleManyResponse>,
) {
    // What is left of them is cut off when this is dropped.
    let mut handlers = JoinSet::new();
    let mut at_work = HashMap::<u64, AbortHandle>::new();
    let mut ended = pin!(served.stays.ended());
    loop {
        tokio::select! {
            asked = requests.message() => match asked {
                Ok(Some(HandleManyRequest { call, request: Some(request) })) => {
                    let (served, answers) = (served.clone(), answers.clone());
                    let handler = async move {
                        // Why it makes no sense is told when it is asked for by itself.
                        let response = served.handled(request).await.ok();
                        let _ = answers.send(HandleManyResponse { call, response });
                        call
                    };
                    at_work.insert(call, handlers.spawn(handler));
                }
                Ok(Some(HandleManyRequest { call, request: None })) => {
                    if let Some(handler) = at_work.remove(&call) {
                        handler.abort();
                    }
                }
                Ok(None) => break,
                // The connection is lost, and whoever asked with it.
                Err(_) => return,
            },
            Some(done) = handlers.join_next() => {
                if let Ok(call) = done {
                    at_work.remove(&call);
                }
            }
            () = &mut ended => break,
        }
    }
    while handlers.join_next().await.is_some() {}
}
