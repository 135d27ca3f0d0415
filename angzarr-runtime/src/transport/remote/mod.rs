//! Components whose handlers are in a service.
//!
//! To coordinators they are like any other. What of them is described is known here; what they decide is asked for.

mod aggregate;
mod emitted;
mod process_manager;
mod projector;
mod row;
mod saga;
mod spec;
mod state;
mod stay;
mod upcaster;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::transport::Channel;
use uuid::Uuid;

pub use stay::Hold;

use super::address::Address;
use super::described::{Described, invalid};
use super::services::business_logic_client::BusinessLogicClient;
use super::services::describe_client::DescribeClient;
use super::services::process_manager_client::ProcessManagerClient;
use super::services::projector_client::ProjectorClient;
use super::services::saga_client::SagaClient;
use super::target::Target;
use crate::component::Registration;
use crate::error::Error;
use crate::failure::{Failure, SERVICE_UNAVAILABLE};
use crate::proto;
use stay::Staying;

/// How long a service may take to describe itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service, and what it has said of itself.
#[derive(Debug)]
pub struct Remote {
    components: Vec<Registration>,
    described: Arc<Described>,
    hold: Hold,
}

/// What all components of one service share.
#[derive(Debug)]
struct Link {
    address: Address,
    channel: Channel,
    /// Of this start of the runtime: states that a service keeps for another one are not taken for ours.
    runtime_epoch: Bytes,
    described: Arc<Described>,
    /// As long as anything may be asked.
    _staying: Staying,
}

impl Remote {
    /// Asks a service for its description, once.
    ///
    /// What is described lives as long as the process.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` if nobody answers there, `SERVICE_ANSWER_INVALID` if the answer is no description,
    /// [`Error::Setup`] if what connections are to be encrypted with cannot be used.
    pub async fn connect(service: impl Into<Target>) -> Result<Self, Error> {
        let service = service.into();
        service.check()?;
        let address = &service.address;
        let channel = service.channel().map_err(|bad| Error::Setup(bad.to_string()))?;
        let mut client = DescribeClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
        let silent =
            |_| Failure::new(SERVICE_UNAVAILABLE, format!("the service at {address} does not describe itself"));
        let answer = timeout(PATIENCE, client.describe(proto::DescribeRequest {})).await.map_err(silent)?;
        let answer = answer.map_err(|status| lost(address, &status))?.into_inner();
        let description = answer.description.ok_or_else(|| invalid("it describes nothing"))?;
        let described = Arc::new(Described::new(description)?);
        let runtime_epoch = Bytes::copy_from_slice(Uuid::new_v4().as_bytes());
        let (hold, held) = watch::channel(false);
        let _staying = Staying::new(channel.clone(), held);
        let (address, described) = (address.clone(), described);
        let link = Arc::new(Link { address, channel, runtime_epoch, described: described.clone(), _staying });
        let components = described.components.iter().map(|component| register(&link, component));
        Ok(Self { components: components.collect::<Result<_, Failure>>()?, described, hold: Hold(hold) })
    }

    /// What the service has said of itself.
    pub fn described(&self) -> &Arc<Described> {
        &self.described
    }

    /// What keeps it from ending before this program does.
    pub fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// Its components; [`AppBuilder::remote`](crate::app::AppBuilder::remote) takes all of them.
    pub fn components(self) -> Vec<Registration> {
        self.components
    }
}

fn register(link: &Arc<Link>, component: &proto::ComponentDescription) -> Result<Registration, Failure> {
    use proto::component_description::ComponentKind;
    Ok(match component.kind() {
        ComponentKind::Aggregate => Registration::Aggregate(Arc::new(aggregate::Remote::new(link, component)?)),
        ComponentKind::Saga => Registration::Saga(Arc::new(saga::Remote::new(link, component)?)),
        ComponentKind::Projector => Registration::Projector(Arc::new(projector::Remote::new(link, component)?)),
        ComponentKind::ProcessManager => {
            Registration::ProcessManager(Arc::new(process_manager::Remote::new(link, component)?))
        }
        ComponentKind::Upcaster => Registration::Upcaster(Arc::new(upcaster::Remote::new(link, component)?)),
        ComponentKind::Unspecified => {
            return Err(invalid(format!("`{}` is of a kind that this release does not know", component.name)));
        }
    })
}

impl Link {
    // Histories and books may be large, and the service is ours to believe.
    fn business_logic(&self) -> BusinessLogicClient<Channel> {
        BusinessLogicClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    fn saga(&self) -> SagaClient<Channel> {
        SagaClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    fn projector(&self) -> ProjectorClient<Channel> {
        ProjectorClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    fn process_manager(&self) -> ProcessManagerClient<Channel> {
        ProcessManagerClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    /// Why a call came to nothing.
    fn lost(&self, status: &tonic::Status) -> Failure {
        lost(&self.address, status)
    }
}

fn lost(address: &Address, status: &tonic::Status) -> Failure {
    use tonic::Code;
    let message = format!("the service at {address} says {:?}: {}", status.code(), status.message());
    // What the service itself has said has no source: then it is there, and says that something is wrong.
    let connection = std::error::Error::source(status).is_some();
    match status.code() {
        Code::Unavailable | Code::Cancelled => Failure::new(SERVICE_UNAVAILABLE, message),
        _ if connection => Failure::new(SERVICE_UNAVAILABLE, message),
        Code::ResourceExhausted => Failure::new("SERVICE_EXHAUSTED", message),
        Code::Unimplemented => Failure::new("SERVICE_ANSWER_INVALID", message),
        _ => Failure::new("SERVICE_FAILED", message),
    }
}

/// What a service says of a handler's failure.
fn failed(failure: proto::Failure) -> Failure {
    let code = if failure.code.is_empty() { "HANDLER_FAILED".to_owned() } else { failure.code };
    Failure::new(code, failure.message)
}

impl From<&crate::context::Context> for proto::Context {
    fn from(cx: &crate::context::Context) -> Self {
        let cover = proto::Cover {
            root: Some(cx.root().into()),
            domain: cx.domain().to_owned(),
            correlation_id: cx.correlation_id().to_owned(),
            key: cx.key().to_owned(),
            ..proto::Cover::default()
        };
        Self {
            cover: Some(cover),
            cause: cx.cause().map(Into::into),
            now: Some(cx.now()),
            id_seed: Bytes::copy_from_slice(cx.seed().as_bytes()),
        }
    }
}
