//! Whom somebody calls.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::address::{Address, BadAddress};
use super::joined::Joined;
use super::tls::ClientTls;
use crate::error::Error;

/// How long whoever is called may give no sign of life, and connecting may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes of headers are taken from whoever is called.
pub(super) const LARGEST_HEADERS: u32 = 16 << 20;

/// Somebody who is called: where he listens, and how connections to him are encrypted, if they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where he listens.
    pub address: Address,
    /// How connections are encrypted; without it, they are not.
    pub tls: Option<ClientTls>,
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Self { address, tls: None }
    }
}

impl From<&Address> for Target {
    fn from(address: &Address) -> Self {
        address.clone().into()
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Self {
        target.clone()
    }
}

impl Target {
    /// A channel to him. It connects when it is used, and again whenever the connection is lost; files are read each time.
    ///
    /// # Errors
    /// If no URI can be made of the address.
    pub fn channel(&self) -> Result<Channel, BadAddress> {
        // A refusal that goes to another sidecar travels whole, in what comes behind the answer. Of what is called only the
        // origin counts: connections are made here.
        let mut endpoint = Endpoint::from_static("http://localhost")
            .origin(self.origin()?)
            .http2_max_header_list_size(LARGEST_HEADERS);
        if let Address::Tcp(_) = self.address {
            endpoint = patient(endpoint);
        }
        let target = Arc::new(self.clone());
        Ok(endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
            let target = target.clone();
            async move { Ok::<_, io::Error>(TokioIo::new(Joined(timeout(PATIENCE, target.connect()).await??))) }
        })))
    }

    /// What is called, without a path.
    pub(super) fn origin(&self) -> Result<Uri, BadAddress> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let authority = match &self.address {
            Address::Tcp(address) => address,
            // Its name is what the other side is told, and stands for nothing.
            Address::Unix(_) => "localhost",
        };
        format!("{scheme}://{authority}").parse().map_err(|_| BadAddress::new(authority))
    }

    pub(super) async fn connect(&self) -> io::Result<Box<dyn Connection>> {
        let host = self.address.host();
        Ok(match (&self.address, &self.tls) {
            (Address::Unix(path), None) => Box::new(UnixStream::connect(path).await?),
            (Address::Unix(path), Some(tls)) => Box::new(tls.connect(host, UnixStream::connect(path).await?).await?),
            (Address::Tcp(address), tls) => {
                let connection = TcpStream::connect(address).await?;
                connection.set_nodelay(true)?;
                match tls {
                    None => Box::new(connection),
                    Some(tls) => Box::new(tls.connect(host, connection).await?),
                }
            }
        })
    }

    /// Whether what connections are encrypted with can be read.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot.
    pub fn check(&self) -> Result<(), Error> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let read = tls.read(self.address.host());
        read.map(drop).map_err(|error| Error::Setup(format!("cannot call {}: {error}", self.address)))
    }
}

/// What bytes go through.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send> Connection for Io {}

/// A machine that is gone says nothing: without signs of life, calls to it would count as slow handlers.
fn patient(endpoint: Endpoint) -> Endpoint {
    endpoint.http2_keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE)
}
