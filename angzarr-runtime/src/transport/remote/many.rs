//! Many decisions by one call, which stays open: a call for each would take the larger part of the time that a small decision
//! takes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::link::business_logic;
use crate::proto;
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
    requests: mpsc::UnboundedSender<proto::HandleManyRequest>,
    last: u64,
    waiting: Arc<Waiting>,
}

/// Who waits for answers, by their numbers.
#[derive(Debug)]
struct Waiting(Mutex<Phase>);

#[derive(Debug)]
enum Phase {
    Opening,
    Open(HashMap<u64, oneshot::Sender<Answer>>),
    Ended,
}

/// None if it has not begun: then it is to be asked for by itself.
type Answer = Result<Option<proto::HandleResponse>, Status>;

impl Waiting {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, call: u64) -> Option<oneshot::Sender<Answer>> {
        match &mut *self.phase() {
            Phase::Open(waiting) => waiting.remove(&call),
            Phase::Opening | Phase::Ended => None,
        }
    }

    /// Hands out answers until no more come.
    async fn answer(&self, mut answers: Streaming<proto::HandleManyResponse>) -> Result<(), Status> {
        while let Some(proto::HandleManyResponse { call, response }) = answers.message().await? {
            if let Some(waiting) = self.remove(call) {
                // Whoever waited may have gone just now.
                let _ = waiting.send(Ok(response));
            }
        }
        Ok(())
    }

    /// Tells all who are left why they get no answer.
    fn end(&self, ended: Result<(), Status>) {
        if let Phase::Open(waiting) = std::mem::replace(&mut *self.phase(), Phase::Ended) {
            for waiting in waiting.into_values() {
                let _ = waiting.send(ended.clone().map(|()| None));
            }
        }
    }
}

/// What was asked for. Nobody waits for it any more when this is dropped.
struct Asked {
    call: u64,
    requests: mpsc::UnboundedSender<proto::HandleManyRequest>,
    waiting: Arc<Waiting>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.waiting.remove(self.call).is_some() {
            // Fails if the call has ended, and with it what was asked for.
            let _ = self.requests.send(proto::HandleManyRequest { call: self.call, request: None });
        }
    }
}

impl Current {
    fn open(channel: DirectChannel) -> Self {
        let (requests, asked) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting(Mutex::new(Phase::Opening)));
        tokio::spawn(serve(channel, asked, waiting.clone()));
        Self { begun: Instant::now(), requests, last: 0, waiting }
    }

    /// Asks for a decision, if the call is open.
    fn ask(&mut self, request: &proto::HandleRequest) -> Option<(Asked, oneshot::Receiver<Answer>)> {
        let Phase::Open(waiting) = &mut *self.waiting.phase() else { return None };
        self.last += 1;
        let (call, (answer, answered)) = (self.last, oneshot::channel());
        waiting.insert(call, answer);
        // Fails if the call has ended, which whoever waits is told then.
        let _ = self.requests.send(proto::HandleManyRequest { call, request: Some(request.clone()) });
        Some((Asked { call, requests: self.requests.clone(), waiting: self.waiting.clone() }, answered))
    }
}

/// Opens the call, and hands out the answers.
async fn serve(
    channel: DirectChannel,
    asked: mpsc::UnboundedReceiver<proto::HandleManyRequest>,
    waiting: Arc<Waiting>,
) {
    let ended = match business_logic(channel).handle_many(UnboundedReceiverStream::new(asked)).await {
        Ok(answers) => {
            *waiting.phase() = Phase::Open(HashMap::new());
            waiting.answer(answers.into_inner()).await
        }
        Err(status) => Err(status),
    };
    waiting.end(ended);
}

impl Many {
    pub(super) fn new(channel: DirectChannel) -> Self {
        let current = Mutex::new(Current::open(channel.clone()));
        Self { channel, current }
    }

    /// Asks for a decision. None if it has not begun, and is to be asked for by itself.
    ///
    /// # Errors
    /// The status that the call ended with while it was waited for.
    pub(super) async fn ask(&self, request: &proto::HandleRequest) -> Answer {
        if request.encoded_len() > SMALL {
            return Ok(None);
        }
        let Some((_asked, answered)) = self.current().ask(request) else { return Ok(None) };
        answered.await.unwrap_or(Ok(None))
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
