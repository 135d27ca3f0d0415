//! What the runtime serves: commands in, events out.

mod book;
mod coordinator;
mod gateway;
mod query;

use std::future::Future;

use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::Server;

use super::address::{Address, Listening};
use super::services::business_coordinator_server::BusinessCoordinatorServer;
use super::services::command_gateway_server::CommandGatewayServer;
use super::services::event_query_server::EventQueryServer;
use crate::app::App;
use crate::error::Error;

/// Serves an application at an address until something ends: calls that have begun are answered, then it returns.
///
/// # Errors
/// [`Error::Setup`] if nobody may listen there.
pub async fn serve(app: App, address: &Address, until: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let cannot = |error: &dyn std::fmt::Display| Error::Setup(format!("cannot serve at {address}: {error}"));
    let listening = address.listen().await.map_err(|error| cannot(&error))?;
    let router = Server::builder()
        .add_service(BusinessCoordinatorServer::new(coordinator::Coordinator(app.clone())))
        .add_service(CommandGatewayServer::new(gateway::Gateway(app.clone())))
        .add_service(EventQueryServer::new(query::Query(app)));
    let ended = match listening {
        Listening::Tcp(listener) => router.serve_with_incoming_shutdown(TcpListenerStream::new(listener), until).await,
        Listening::Unix(listener) => {
            router.serve_with_incoming_shutdown(UnixListenerStream::new(listener), until).await
        }
    };
    ended.map_err(|error| cannot(&error))
}
