//! The way to one service: calls, why they come to nothing, and whether whoever answers is who was described.

use std::collections::VecDeque;
use std::error::Error as _;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{RwLock, watch};
use tokio::time::{Instant, timeout};
use tonic::{Code, ConnectError, Response, Status};
use uuid::Uuid;

use super::many::Many;
use super::stay::Staying;
use crate::context::Context;
use crate::failure::{Failure, SERVICE_CHANGED, SERVICE_LOST, SERVICE_UNAVAILABLE};
use crate::proto;
use crate::store::Cause;
use crate::transport::address::Address;
use crate::transport::channel::DirectChannel;
use crate::transport::described::{Described, invalid};
use crate::transport::services::business_logic_client::BusinessLogicClient;
use crate::transport::services::describe_client::DescribeClient;
use crate::transport::services::process_manager_client::ProcessManagerClient;
use crate::transport::services::projector_client::ProjectorClient;
use crate::transport::services::saga_client::SagaClient;
use crate::transport::services::upcaster_client::UpcasterClient;

/// How long a service may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether a service is as it was described, and how long that may take.
const LOOK: Duration = Duration::from_secs(1);

/// How many starts of a service are known at a time: as many as instances may share one address.
const STARTS: usize = 64;

/// How long what is called alone waits for others, and they for it.
const ALONE: Duration = Duration::from_secs(1);

/// How many lost calls are remembered: some consumers with all that they handle side by side.
const LOST: usize = 1024;

/// How many bytes an answer may have: more than the largest row or book that is stored.
const LARGEST: usize = 128 << 20;

/// What all components of one service share.
#[derive(Debug)]
pub(super) struct Link {
    address: Address,
    channel: DirectChannel,
    pub(super) many: Many,
    /// Of this start of the runtime: states that a service keeps for another one are not taken for ours.
    pub(super) runtime_epoch: Bytes,
    pub(super) described: Arc<Described>,
    starts: Mutex<Starts>,
    /// Held while the service is asked to describe itself again, so that it is asked once.
    asking: tokio::sync::Mutex<()>,
    lost: Lost,
    /// As long as anything may be asked.
    _staying: Staying,
}

/// Starts of a service, by their epochs.
#[derive(Debug, Default)]
struct Starts {
    /// Those that are described as the components here were made, the latest last.
    same: VecDeque<Bytes>,
    /// The last one that was asked, if it describes itself in another way.
    changed: Option<Bytes>,
    /// When one was asked last, whatever came of it.
    asked: Option<Instant>,
}

/// An answer of a service.
pub(super) trait Answer {
    /// Which start of the service gave it; empty if it does not say.
    fn service_epoch(&self) -> &Bytes;
}

/// A call that is made when it is awaited. It has kilobytes, which would be part of each future around it, and move with it.
pub(super) type Call<'a, A> = BoxFuture<'a, Result<Response<A>, Status>>;

macro_rules! answers {
    ($($answer:ident)*) => {$(
        impl Answer for proto::$answer {
            fn service_epoch(&self) -> &Bytes {
                &self.service_epoch
            }
        }
    )*};
}
answers! {
    HandleResponse FoldResponse SagaHandleResponse ProjectorHandleResponse ProcessManagerHandleResponse UpcastResponse
    UpcastAllResponse
}

impl Link {
    /// Asks the service at an address for its description.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` if nobody answers there, `SERVICE_ANSWER_INVALID` if the answer is no description.
    pub(super) async fn connect(
        address: &Address,
        channel: DirectChannel,
        held: watch::Receiver<bool>,
    ) -> Result<Self, Failure> {
        let (description, epoch) = describe(address, channel.clone()).await?;
        Ok(Self {
            address: address.clone(),
            _staying: Staying::new(channel.clone(), held),
            many: Many::new(channel.clone()),
            channel,
            runtime_epoch: Bytes::copy_from_slice(Uuid::new_v4().as_bytes()),
            described: Arc::new(Described::new(description)?),
            starts: Mutex::new(Starts { same: VecDeque::from([epoch]), ..Starts::default() }),
            asking: tokio::sync::Mutex::default(),
            lost: Lost::default(),
        })
    }

    pub(super) fn business_logic(&self) -> BusinessLogicClient<DirectChannel> {
        business_logic(self.channel.clone())
    }

    pub(super) fn saga(&self) -> SagaClient<DirectChannel> {
        SagaClient::new(self.channel.clone()).max_decoding_message_size(LARGEST)
    }

    pub(super) fn projector(&self) -> ProjectorClient<DirectChannel> {
        ProjectorClient::new(self.channel.clone()).max_decoding_message_size(LARGEST)
    }

    pub(super) fn process_manager(&self) -> ProcessManagerClient<DirectChannel> {
        ProcessManagerClient::new(self.channel.clone()).max_decoding_message_size(LARGEST)
    }

    pub(super) fn upcaster(&self) -> UpcasterClient<DirectChannel> {
        UpcasterClient::new(self.channel.clone()).max_decoding_message_size(LARGEST)
    }

    /// Makes a call, unless the service has changed, and takes the answer only from who was described.
    pub(super) async fn call<A: Answer>(&self, call: Call<'_, A>) -> Result<A, Failure> {
        if self.has_changed() {
            self.look().await?;
        }
        let answer = call.await.map_err(|status| lost(&self.address, &status))?.into_inner();
        self.recognise(answer.service_epoch()).await?;
        Ok(answer)
    }

    /// The same because of an event. What was lost before is called while no other event is at work there: if it ends the
    /// service again, nothing else is lost with it.
    pub(super) async fn call_for<A: Answer>(
        &self,
        cx: &Context,
        component: &'static str,
        call: Call<'_, A>,
    ) -> Result<A, Failure> {
        let mut call = pin!(self.call(call));
        let Some(cause) = cx.cause() else { return call.await };
        let answer = if self.lost.holds(component, cause) {
            // Others are not held up by one that takes its time.
            let alone = timeout(ALONE, self.lost.turns.write()).await.ok();
            match timeout(ALONE, &mut call).await {
                Ok(answer) => answer,
                Err(_) => {
                    drop(alone);
                    call.await
                }
            }
        } else {
            let _with_others = self.lost.turns.read().await;
            call.await
        };
        match &answer {
            Err(failure) if failure.code() == SERVICE_LOST => self.lost.add(component, cause),
            // It was not called.
            Err(failure) if failure.retryable() => {}
            _ => self.lost.remove(component, cause),
        }
        answer
    }

    /// Whether somebody accepts connections there who is described as the components here were made.
    pub(super) async fn serves(&self) -> bool {
        if !timeout(LOOK, self.address.accepts()).await.unwrap_or(false) {
            return false;
        }
        // One that is too busy to describe itself serves all the same.
        let _ = timeout(LOOK, self.look()).await;
        !self.has_changed()
    }

    fn starts(&self) -> MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_changed(&self) -> bool {
        self.starts().changed.is_some()
    }

    /// Fails unless an epoch is that of a start which is described as the first one was.
    async fn recognise(&self, epoch: &Bytes) -> Result<(), Failure> {
        let known = || epoch.is_empty() || self.starts().same.contains(epoch);
        if known() {
            return Ok(());
        }
        let _asking = self.asking.lock().await;
        if known() {
            return Ok(());
        }
        Box::pin(self.ask()).await?;
        if known() {
            return Ok(());
        }
        // Whoever answered is gone already, or one of several instances, or has an epoch for each answer.
        let message = format!("the service at {} was started again while it answered", self.address);
        Err(Failure::new(SERVICE_LOST, message))
    }

    /// Asks whether the service is described as before, unless somebody has just done so.
    async fn look(&self) -> Result<(), Failure> {
        let _asking = self.asking.lock().await;
        if self.starts().asked.is_none_or(|asked| asked.elapsed() >= LOOK) {
            Box::pin(self.ask()).await
        } else if self.has_changed() {
            Err(self.changed())
        } else {
            Ok(())
        }
    }

    /// Asks the service to describe itself again, and takes note of what it is.
    async fn ask(&self) -> Result<(), Failure> {
        let described = describe(&self.address, self.channel.clone()).await;
        self.starts().asked = Some(Instant::now());
        let (description, epoch) = described?;
        let is_same = self.described.is(&description);
        let mut starts = self.starts();
        if is_same {
            starts.changed = None;
            if !starts.same.contains(&epoch) {
                tracing::info!(address = %self.address, "the service was started again");
                starts.same.push_back(epoch);
            }
            if starts.same.len() > STARTS {
                starts.same.pop_front();
            }
            return Ok(());
        }
        let before = starts.changed.replace(epoch.clone());
        drop(starts);
        let failure = self.changed();
        if before.is_none_or(|before| before != epoch) {
            tracing::error!(address = %self.address, code = failure.code(), help = failure.help(), "{}", failure.message());
        }
        Err(failure)
    }

    fn changed(&self) -> Failure {
        let message = format!("the service at {} is another version than the one that was described", self.address);
        Failure::new(SERVICE_CHANGED, message)
    }
}

/// What was lost with the service, and may have ended it.
#[derive(Debug, Default)]
struct Lost {
    calls: Mutex<VecDeque<(&'static str, Cause)>>,
    /// Held for writing by what is called alone.
    turns: RwLock<()>,
}

impl Lost {
    fn holds(&self, component: &'static str, cause: &Cause) -> bool {
        self.calls().iter().any(|(name, event)| *name == component && event == cause)
    }

    fn add(&self, component: &'static str, cause: &Cause) {
        self.remove(component, cause);
        let mut calls = self.calls();
        calls.push_back((component, cause.clone()));
        if calls.len() > LOST {
            calls.pop_front();
        }
    }

    fn remove(&self, component: &'static str, cause: &Cause) {
        self.calls().retain(|(name, event)| *name != component || event != cause);
    }

    fn calls(&self) -> MutexGuard<'_, VecDeque<(&'static str, Cause)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn business_logic(channel: DirectChannel) -> BusinessLogicClient<DirectChannel> {
    BusinessLogicClient::new(channel).max_decoding_message_size(LARGEST)
}

/// What a service says of itself, and the epoch of its start.
async fn describe(address: &Address, channel: DirectChannel) -> Result<(proto::Description, Bytes), Failure> {
    let mut client = DescribeClient::new(channel).max_decoding_message_size(LARGEST);
    let silent = |_| Failure::new(SERVICE_UNAVAILABLE, format!("the service at {address} does not describe itself"));
    let answer = timeout(PATIENCE, client.describe(proto::DescribeRequest {})).await.map_err(silent)?;
    let answer = answer.map_err(|status| match lost(address, &status) {
        // Nothing was decided, so it may be asked as often as it takes.
        failure if failure.code() == SERVICE_LOST => Failure::new(SERVICE_UNAVAILABLE, failure.message()),
        failure => failure,
    })?;
    let proto::DescribeResponse { description, service_epoch } = answer.into_inner();
    Ok((description.ok_or_else(|| invalid("it describes nothing"))?, service_epoch))
}

/// Why a call came to nothing.
fn lost(address: &Address, status: &Status) -> Failure {
    let said = || format!("the service at {address} says {:?}: {}", status.code(), status.message());
    // What the service itself has said has no source: then it is there, and says that something is wrong.
    if status.source().is_some() {
        return if was_sent(status) {
            let message =
                format!("the connection to the service at {address} was lost during the call: {}", status.message());
            Failure::new(SERVICE_LOST, message)
        } else {
            Failure::new(
                SERVICE_UNAVAILABLE,
                format!("no connection to the service at {address}: {}", status.message()),
            )
        };
    }
    let code = match status.code() {
        Code::Unavailable => SERVICE_UNAVAILABLE,
        Code::Cancelled => SERVICE_LOST,
        Code::ResourceExhausted => "SERVICE_EXHAUSTED",
        // No such service, or an answer that is too large.
        Code::Unimplemented | Code::OutOfRange => "SERVICE_ANSWER_INVALID",
        _ => "SERVICE_FAILED",
    };
    Failure::new(code, said())
}

/// Whether whoever was called may have begun with a call that the connection failed.
pub(in crate::transport) fn was_sent(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return false;
        }
        // The connection was closed before the call got to it.
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return false;
        }
        // The service has said that it takes no more calls, this one included, or did not take this one.
        let refused = |error: &h2::Error| error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM);
        if error.downcast_ref::<h2::Error>().is_some_and(|error| error.is_remote() && refused(error)) {
            return false;
        }
        source = error.source();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: &Status) -> String {
        lost(&Address::Tcp("127.0.0.1:1".into()), status).code().to_owned()
    }

    #[test]
    fn what_a_service_says_is_told_from_what_became_of_the_connection() {
        let table = [
            (Status::unavailable("ending"), SERVICE_UNAVAILABLE),
            (Status::cancelled("cut off"), SERVICE_LOST),
            (Status::resource_exhausted("full"), "SERVICE_EXHAUSTED"),
            (Status::unimplemented("no"), "SERVICE_ANSWER_INVALID"),
            (Status::out_of_range("too large"), "SERVICE_ANSWER_INVALID"),
            (Status::internal("broken"), "SERVICE_FAILED"),
            (Status::from_error(Box::new(ConnectError("refused".into()))), SERVICE_UNAVAILABLE),
            (Status::from_error(Box::new(std::io::Error::other("reset"))), SERVICE_LOST),
        ];
        for (status, expected) in table {
            assert_eq!(code(&status), expected, "{status}");
        }
    }
}
