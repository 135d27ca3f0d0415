//! Many decisions by one call, which stays open: a call for each is a good part of what a small decision takes.

use std::collections::HashMap;
use std::error::Error;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::link::business_logic;
use crate::proto;
use crate::proto::handle_request::Input;
use crate::transport::channel::DirectChannel;

/// How many bytes a request may have: what is larger would hold up what comes behind it.
const SMALL: usize = 32 << 10;

/// Between attempts to open a call at a service which ends it, or knows of none such.
const PAUSE: Duration = Duration::from_secs(1);

/// The call of this kind that is open at a service, if there is one. It ends with the last who may ask.
#[derive(Debug)]
pub(super) struct Many {
    channel: DirectChannel,
    current: Mutex<Current>,
}

/// The last one that was opened.
#[derive(Debug)]
struct Current {
    begun: Instant,
    waiting: Arc<Waiting>,
    /// The number of the last decision that was asked for.
    last: u64,
    /// Of decisions that are to be asked for, or given up.
    numbers: mpsc::UnboundedSender<u64>,
    serving: AbortHandle,
}

/// Who waits for decisions, by their numbers.
#[derive(Debug)]
struct Waiting(Mutex<Phase>);

#[derive(Debug)]
enum Phase {
    Opening,
    Open(HashMap<u64, Asked>),
    Ended,
}

#[derive(Debug)]
struct Asked {
    /// Until it is sent.
    request: Option<proto::HandleRequest>,
    answer: oneshot::Sender<Answer>,
}

/// None if it has not begun: then it is to be asked for by itself.
type Answer = Result<Option<proto::HandleResponse>, Status>;

/// Somebody waits for a decision as long as he has this.
struct Wait {
    call: u64,
    waiting: Arc<Waiting>,
    numbers: mpsc::UnboundedSender<u64>,
}

impl Many {
    pub(super) fn new(channel: DirectChannel) -> Self {
        let current = Mutex::new(Current::open(channel.clone()));
        Self { channel, current }
    }

    /// Asks for a decision. None if it has not begun, and is to be asked for by itself.
    ///
    /// # Errors
    /// What the call ended with, if it ended after the request was sent.
    pub(super) async fn ask(&self, request: &proto::HandleRequest) -> Answer {
        // Answers of queries may be of any size, and hold up others, too.
        if matches!(request.input, Some(Input::Query(_))) || request.encoded_len() > SMALL {
            return Ok(None);
        }
        let Some((_wait, answered)) = self.current().ask(request) else { return Ok(None) };
        answered.await.unwrap_or_else(|_| Err(Status::cancelled("nobody waits for its answer")))
    }

    /// The last one; a new one if that has ended.
    fn current(&self) -> MutexGuard<'_, Current> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*current.waiting.phase(), Phase::Ended) && current.begun.elapsed() >= PAUSE {
            *current = Current::open(self.channel.clone());
        }
        current
    }
}

impl Current {
    fn open(channel: DirectChannel) -> Self {
        let (numbers, asked) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting(Mutex::new(Phase::Opening)));
        let serving = tokio::spawn(serve(channel, asked, waiting.clone())).abort_handle();
        Self { begun: Instant::now(), waiting, last: 0, numbers, serving }
    }

    /// Asks for a decision, if the call is open.
    fn ask(&mut self, request: &proto::HandleRequest) -> Option<(Wait, oneshot::Receiver<Answer>)> {
        let Phase::Open(waiting) = &mut *self.waiting.phase() else { return None };
        self.last += 1;
        let (answer, answered) = oneshot::channel();
        waiting.insert(self.last, Asked { request: Some(request.clone()), answer });
        // Fails if the call has ended, which whoever waits is told then.
        let _ = self.numbers.send(self.last);
        let wait = Wait { call: self.last, waiting: self.waiting.clone(), numbers: self.numbers.clone() };
        Some((wait, answered))
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(Asked { request: None, .. }) = self.waiting.remove(self.call) {
            // Fails if the call has ended, and with it what was asked for.
            let _ = self.numbers.send(self.call);
        }
    }
}

impl Waiting {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is sent for a number: nothing of what nobody waits for any more.
    fn request(&self, call: u64) -> proto::HandleManyRequest {
        let request = match &mut *self.phase() {
            Phase::Open(waiting) => waiting.get_mut(&call).and_then(|asked| asked.request.take()),
            Phase::Opening | Phase::Ended => None,
        };
        proto::HandleManyRequest { call, request }
    }

    fn remove(&self, call: u64) -> Option<Asked> {
        match &mut *self.phase() {
            Phase::Open(waiting) => waiting.remove(&call),
            Phase::Opening | Phase::Ended => None,
        }
    }

    /// Hands out answers until no more come.
    async fn answer(&self, mut answers: Streaming<proto::HandleManyResponse>) -> Result<(), Status> {
        while let Some(proto::HandleManyResponse { call, response }) = answers.message().await? {
            if let Some(asked) = self.remove(call) {
                // Whoever waited may have gone just now.
                let _ = asked.answer.send(Ok(response));
            }
        }
        Ok(())
    }

    /// Tells all who are left why they get no answer.
    fn end(&self, ended: &Result<(), Status>) {
        if let Phase::Open(waiting) = mem::replace(&mut *self.phase(), Phase::Ended) {
            for Asked { request, answer } in waiting.into_values() {
                let _ = answer.send(match ended {
                    Err(status) if request.is_none() => Err(status.clone()),
                    _ => Ok(None),
                });
            }
        }
    }
}

/// Sees to it that nobody waits for what has ended, whatever ended it.
struct Serving(Arc<Waiting>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.end(&Err(Status::cancelled("it was cut off")));
    }
}

/// Opens the call, and hands out the answers.
async fn serve(channel: DirectChannel, numbers: mpsc::UnboundedReceiver<u64>, waiting: Arc<Waiting>) {
    let serving = Serving(waiting.clone());
    let requests = UnboundedReceiverStream::new(numbers).map(move |call| waiting.request(call));
    let Ok(answers) = business_logic(channel).handle_many(requests).await else { return };
    *serving.0.phase() = Phase::Open(HashMap::new());
    let ended = serving.0.answer(answers.into_inner()).await;
    serving.0.end(&ended.map_err(of_each));
}

/// What the end of the call means for each decision: what a service says of it, or one answer that does not decode, says of
/// none how far it has got.
fn of_each(status: Status) -> Status {
    match status.source() {
        Some(_) => status,
        None => Status::cancelled(format!("it ended what many were asked by: {}", status.message())),
    }
}
