//! What the runtime serves: commands in, events out.

mod access;
mod admin;
mod aggregates;
mod book;
mod consumers;
mod coordinator;
mod facts;
mod gateway;
mod health;
mod limits;
mod observed;
mod patience;
mod query;
mod traced;

use std::future::Future;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::{Builder, Error as ReflectionError};

pub use access::{Access, Token};
pub(super) use book::{book, records};
pub use limits::Limits;

use super::address::{Address, patient};
use super::described::Described;
use super::remote::Connection;
use super::services::DESCRIPTORS;
use super::services::admin_server::AdminServer;
use super::services::business_coordinator_server::BusinessCoordinatorServer;
use super::services::command_gateway_server::CommandGatewayServer;
use super::services::event_query_server::EventQueryServer;
use super::services::process_manager_coordinator_server::ProcessManagerCoordinatorServer;
use super::services::projector_coordinator_server::ProjectorCoordinatorServer;
use super::services::saga_coordinator_server::SagaCoordinatorServer;
use super::tls::{Acceptor, ServerTls};
use crate::app::App;
use crate::coordinator::consumer::ConsumerKind;
use crate::error::Error;
use access::{Gate, check};
use facts::Facts;
use limits::{Admission, admit, room};

/// An application, to be served.
#[derive(Debug)]
pub struct Api {
    app: App,
    limits: Limits,
    access: Access,
    tls: Option<ServerTls>,
    /// Where business code is; whether it is there is part of the health.
    services: Vec<Connection>,
    notice: Duration,
    aggregates: axum::Router,
    /// Rpcs of theirs that record facts, which have a token of their own.
    recorders: axum::Router,
    facts: Facts,
    /// Of the aggregates that are served.
    descriptors: Vec<Bytes>,
}

impl Api {
    /// Commands, conversations and the log, for callers that know `angzarr.v1`, and the application's health: service
    /// `grpc.health.v1.Health` with the names `store`, `service` and `bus`, and the empty one for all of them.
    pub fn new(app: App, limits: Limits) -> Self {
        Self {
            app,
            limits,
            access: Access::default(),
            tls: None,
            services: Vec::new(),
            notice: Duration::ZERO,
            aggregates: axum::Router::new(),
            recorders: axum::Router::new(),
            facts: Facts::default(),
            descriptors: Vec::new(),
        }
    }

    /// Serves only whoever sends the tokens. Health is told to everybody.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Encrypts all connections.
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Makes it a part of the health that these services are there, as they were described.
    #[must_use]
    pub fn needs(mut self, services: impl IntoIterator<Item = Connection>) -> Self {
        self.services.extend(services);
        self
    }

    /// Goes on to serve for so long after it is to end, and says by its health that nobody should come any more.
    #[must_use]
    pub fn notice(mut self, notice: Duration) -> Self {
        self.notice = notice;
        self
    }

    /// Serves the aggregates of a service under their own names too, by gRPC and as `POST` with JSON. Facts are taken from
    /// whoever has the token for them; without one, from nobody. Command books with facts need it from then on, too.
    ///
    /// # Errors
    /// `SERVICE_ANSWER_INVALID` if the description lacks something.
    pub fn aggregates(mut self, described: &Described, facts: Option<&Token>) -> Result<Self, Error> {
        let (callers, recorders) = aggregates::routes(&self.app, described, facts, self.limits.message_size)?;
        self.aggregates = self.aggregates.merge(callers);
        self.recorders = self.recorders.merge(recorders);
        if let Some(token) = facts {
            self.facts = Facts(Some(token.clone()));
        }
        self.descriptors.push(described.descriptors.clone());
        Ok(self)
    }

    /// Serves at an address until something ends: calls that have begun are answered, subscriptions are ended, then it
    /// returns. Conversations of the gateway that have no end keep it; dropping the future cuts them off.
    ///
    /// # Errors
    /// [`Error::Setup`] if nobody may listen there, or if what connections are to be encrypted with cannot be used.
    pub async fn serve(mut self, address: &Address, until: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let cannot = |error: &dyn std::fmt::Display| Error::Setup(format!("cannot serve at {address}: {error}"));
        let tls = self.tls.take().map(Acceptor::new).transpose().map_err(|error| cannot(&error))?;
        let listening = address.listen().await.map_err(|error| cannot(&error))?;
        tracing::info!(%address, "serving");
        let notice = self.notice;
        let (announce, announced) = watch::channel(false);
        let (end, ending) = watch::channel(false);
        let until = async move {
            until.await;
            announce.send_replace(true);
            sleep(notice).await;
            end.send_replace(true);
        };
        let (app, services) = (self.app.clone(), std::mem::take(&mut self.services));
        // Those who watch the health keep nobody else's streams from being opened.
        let watchers = room(self.limits.streams);
        let health = HealthServer::new(health::Health { app, services, announced, ending: ending.clone(), watchers });
        // Dropped with this future, at the latest.
        let (_serving, served) = watch::channel(());
        let limited = self.limited(address.is_local(), ending, served).map_err(|error| cannot(&error))?;
        // Health is told to everybody, however many calls are at work.
        let router = Routes::from(limited).add_service(health);
        // For whoever speaks HTTP/1, as most do who send JSON.
        let router = patient(Server::builder()).accept_http1(true).add_routes(router);
        listening.serve(router, tls, until).await.map_err(|error| cannot(&error))
    }

    /// What is served to those who may come, as long as there is room.
    fn limited(
        self,
        is_local: bool,
        ending: watch::Receiver<bool>,
        serving: watch::Receiver<()>,
    ) -> Result<axum::Router, ReflectionError> {
        let Self { app, limits, access, aggregates, recorders, facts, descriptors, .. } = self;
        let Limits { message_size, calls, streams, .. } = limits;
        let streams = room(streams);
        let gateway = gateway::Gateway {
            app: app.clone(),
            facts: facts.clone(),
            streams: streams.clone(),
            ending: ending.clone(),
        };
        let coordinator = BusinessCoordinatorServer::new(coordinator::Coordinator { app: app.clone(), facts });
        let query = EventQueryServer::new(query::Query { app: app.clone(), streams, message_size, ending });
        let consumers = |kind| consumers::Consumers { app: app.clone(), kind };
        let projectors = ProjectorCoordinatorServer::new(consumers(ConsumerKind::Projector));
        let sagas = SagaCoordinatorServer::new(consumers(ConsumerKind::Saga));
        let process_managers = ProcessManagerCoordinatorServer::new(consumers(ConsumerKind::ProcessManager));
        let admin = AdminServer::new(admin::Admin(app)).max_decoding_message_size(message_size);
        let callers = Routes::from(aggregates)
            .add_service(projectors.max_decoding_message_size(message_size))
            .add_service(sagas.max_decoding_message_size(message_size))
            .add_service(process_managers.max_decoding_message_size(message_size))
            .add_service(coordinator.max_decoding_message_size(message_size))
            .add_service(CommandGatewayServer::new(gateway).max_decoding_message_size(message_size))
            .add_service(query.max_decoding_message_size(message_size));
        let none = || Routes::from(axum::Router::new());
        let operators = none().add_service(admin);
        let readers = none().add_service(reflection(&descriptors)?);
        let for_whom = |routes: Routes, gate| match gate {
            Gate::Open => routes.into_axum_router(),
            gate => routes.into_axum_router().route_layer(from_fn_with_state(gate, check)),
        };
        Ok(for_whom(callers, access.callers())
            .merge(for_whom(operators, access.operators(is_local)))
            .merge(for_whom(readers, access.readers()))
            .merge(recorders)
            .fallback(aggregates::unserved)
            .method_not_allowed_fallback(aggregates::not_posted)
            // One layer: each one more takes a microsecond of every call.
            .layer(from_fn_with_state(Admission { room: room(calls), memory: room(limits.half()), serving }, admit)))
    }
}

/// Lets callers ask what is served.
fn reflection(descriptors: &[Bytes]) -> Result<ServerReflectionServer<impl ServerReflection>, ReflectionError> {
    let ours = Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        // What errors tell besides their message.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    descriptors.iter().fold(ours, |all, one| all.register_encoded_file_descriptor_set(one)).build_v1()
}
