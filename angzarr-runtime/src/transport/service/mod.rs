//! Components of a Rust program, served to the runtime beside it.

mod aggregate;
mod answer;
mod describe;
mod many;
mod process_manager;
mod projector;
mod saga;
mod states;
mod stay;
mod upcaster;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::transport::Server;
use uuid::Uuid;

use super::address::{Address, patient};
use super::services::business_logic_server::BusinessLogicServer;
use super::services::describe_server::DescribeServer;
use super::services::process_manager_server::ProcessManagerServer;
use super::services::projector_server::ProjectorServer;
use super::services::saga_server::SagaServer;
use super::services::stay_server::StayServer;
use super::services::upcaster_server::UpcasterServer;
use super::tls::{Acceptor, ServerTls};
use crate::component::{Component, Registration};
use crate::error::Error;
use crate::failure::Failure;
use crate::proto;
use states::States;
use stay::Stays;

/// Components that are served by gRPC, for a runtime that runs beside this program.
///
/// ```no_run
/// # use angzarr_runtime::Error;
/// # use angzarr_runtime::component::Component;
/// # async fn example(description: &'static [u8], orders: impl Component) -> Result<(), Error> {
/// use angzarr_runtime::transport::Service;
///
/// let address = "127.0.0.1:50051".parse().expect("an address");
/// Service::new(description).register(orders).run(&address).await
/// # }
/// ```
#[derive(Debug)]
pub struct Service {
    description: &'static [u8],
    registrations: Vec<Registration>,
    tls: Option<ServerTls>,
    grace: Duration,
}

/// How long a service that is told to end waits for runtimes that are not done.
const GRACE: Duration = Duration::from_secs(30);

/// How long a handler may go on. Its runtime waits for as long as the component's `delivery` says, and no longer.
const IO_LIMIT: Duration = Duration::from_secs(600);

/// What is served.
#[derive(Debug)]
struct Served {
    description: proto::Description,
    components: BTreeMap<&'static str, Registration>,
    states: States,
    /// Of this start.
    epoch: Bytes,
    stays: Stays,
}

impl Service {
    /// A service without components. Its description is what the generator wrote beside their code: `DESCRIPTION`.
    pub fn new(description: &'static [u8]) -> Self {
        Self { description, registrations: Vec::new(), tls: None, grace: GRACE }
    }

    /// Adds a component.
    #[must_use]
    pub fn register(mut self, component: impl Component) -> Self {
        self.registrations.push(component.register());
        self
    }

    /// Encrypts all connections.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long it goes on after it was told to end, for runtimes that end at the same time and still call; 30 seconds if
    /// nothing is said.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Serves at an address until this program is told to end (SIGTERM or SIGINT), and as [`serve`](Service::serve) does
    /// after that. A second signal cuts off what is not done by then.
    ///
    /// # Errors
    /// Those of [`serve`](Service::serve), and [`Error::Setup`] if signals cannot be listened to.
    pub async fn run(self, address: &Address) -> Result<(), Error> {
        let cannot = |error| Error::Setup(format!("cannot listen to signals: {error}"));
        let mut signals =
            (signal(SignalKind::terminate()).map_err(cannot)?, signal(SignalKind::interrupt()).map_err(cannot)?);
        let (tell, told) = oneshot::channel::<()>();
        let mut serving = pin!(self.serve(address, async { drop(told.await) }));
        tokio::select! {
            served = &mut serving => return served,
            () = next(&mut signals) => drop(tell),
        }
        tokio::select! {
            served = &mut serving => served,
            () = next(&mut signals) => Ok(()),
        }
    }

    /// Serves at an address until something ends, and then for as long as a runtime needs it that ends, too, but no longer
    /// than [`grace`](Service::grace). Calls that have begun are answered, then it returns.
    ///
    /// # Errors
    /// [`Error::Setup`] if a component is registered twice or not described, if nobody may listen there, or if what
    /// connections are to be encrypted with cannot be used.
    pub async fn serve(mut self, address: &Address, until: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let cannot = |error: &dyn std::fmt::Display| Error::Setup(format!("cannot serve at {address}: {error}"));
        let tls = self.tls.take().map(Acceptor::new).transpose().map_err(|error| cannot(&error))?;
        let (grace, stays) = (self.grace, Stays::new());
        let leaving = stays.clone();
        let until = async move {
            until.await;
            if timeout(grace, leaving.let_go()).await.is_err() {
                tracing::warn!(?grace, "a runtime still needs this service, which ends");
            }
            leaving.end();
        };
        let served = Arc::new(self.served(stays.clone())?);
        let listening = address.listen().await.map_err(|error| cannot(&error))?;
        let router = patient(Server::builder())
            .add_service(StayServer::new(stays))
            .add_service(DescribeServer::from_arc(served.clone()))
            .add_service(BusinessLogicServer::new(served.clone()).max_decoding_message_size(usize::MAX))
            .add_service(ProcessManagerServer::from_arc(served.clone()).max_decoding_message_size(usize::MAX))
            .add_service(ProjectorServer::from_arc(served.clone()).max_decoding_message_size(usize::MAX))
            .add_service(SagaServer::from_arc(served.clone()).max_decoding_message_size(usize::MAX))
            .add_service(UpcasterServer::from_arc(served).max_decoding_message_size(usize::MAX));
        listening.serve(router, tls, until).await.map_err(|error| cannot(&error))
    }

    fn served(self, stays: Stays) -> Result<Served, Error> {
        let unreadable = |error| Error::Setup(format!("the description cannot be read: {error}"));
        let mut description = proto::Description::decode(self.description).map_err(unreadable)?;
        let mut components = BTreeMap::new();
        for registration in self.registrations {
            let name = registration.name();
            if !description.components.iter().any(|described| described.name == name) {
                return Err(Error::Setup(format!("`{name}` is not described: was it generated in another run?")));
            }
            if components.insert(name, registration).is_some() {
                return Err(Error::Setup(format!("`{name}` is registered twice")));
            }
        }
        description.components.retain(|described| components.contains_key(described.name.as_str()));
        let epoch = Bytes::copy_from_slice(Uuid::new_v4().as_bytes());
        Ok(Served { description, components, states: States::new(), epoch, stays })
    }
}

/// Waits for the next one.
async fn next((terminate, interrupt): &mut (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

impl Served {
    /// The component of this name, if it is of the kind that is asked for.
    fn component<'a, T>(&'a self, name: &str, kind: impl Fn(&'a Registration) -> Option<T>) -> Result<T, Failure> {
        let unknown =
            || Failure::new("COMPONENT_UNKNOWN", format!("no `{name}` of the kind that is asked for is served"));
        self.components.get(name).and_then(kind).ok_or_else(unknown)
    }
}
