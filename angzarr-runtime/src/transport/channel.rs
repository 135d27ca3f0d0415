//! The way to another program, for calls that somebody waits for.
//!
//! tonic's own channel hands each call to a task, which hands it to that of the connection. Here a call goes to the
//! connection at once: where one call waits for another, each hand-over counts.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::http::uri::{Authority, Scheme};
use axum::http::{Request, Response, Uri};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::timeout;
use tonic::ConnectError;
use tonic::body::Body;
use tower::Service;

use super::address::{Address, BadAddress};
use super::joined::Joined;
use super::target::{LARGEST_HEADERS, PATIENCE, Target};

/// A connection to a program. It is made when it is needed, and again whenever it is lost.
#[derive(Clone)]
pub(super) struct DirectChannel(Arc<Ends>);

struct Ends {
    target: Target,
    /// What is called, of which only the path differs.
    origin: (Scheme, Authority),
    connection: Mutex<Option<SendRequest<Body>>>,
    /// Held while a connection is made, so that one is.
    connecting: tokio::sync::Mutex<()>,
}

impl DirectChannel {
    /// # Errors
    /// If no URI can be made of the address.
    pub(super) fn new(target: impl Into<Target>) -> Result<Self, BadAddress> {
        let target = target.into();
        let authority = match &target.address {
            Address::Tcp(address) => address.parse().map_err(|_| BadAddress::new(address))?,
            // Its name is what the other side is told, and stands for nothing.
            Address::Unix(_) => Authority::from_static("localhost"),
        };
        let scheme = if target.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
        let (connection, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Self(Arc::new(Ends { target, origin: (scheme, authority), connection, connecting })))
    }
}

impl Ends {
    /// The connection, if it is there.
    fn open(&self) -> Option<SendRequest<Body>> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.as_ref().filter(|connection| !connection.is_closed()).cloned()
    }

    async fn connection(&self) -> Result<SendRequest<Body>, ConnectError> {
        if let Some(connection) = self.open() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(connection) = self.open() {
            return Ok(connection);
        }
        let made = timeout(PATIENCE, self.connect()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let made = made.map_err(|error| ConnectError(error.into()))?;
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let connection = TokioIo::new(Joined(self.target.connect().await?));
        let mut http = Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new()).max_header_list_size(LARGEST_HEADERS);
        if let Address::Tcp(_) = self.target.address {
            // A machine that is gone says nothing: without signs of life, calls to it would count as slow handlers.
            http.keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
        }
        let (sender, serving) = http.handshake(connection).await.map_err(io::Error::other)?;
        // It ends with the last of those who send. What ends it earlier is told to them.
        tokio::spawn(serving);
        Ok(sender)
    }
}

impl Service<Request<Body>> for DirectChannel {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Incoming>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let ends = self.0.clone();
        Box::pin(async move {
            let (scheme, authority) = ends.origin.clone();
            let mut uri = Uri::builder().scheme(scheme).authority(authority);
            if let Some(path) = request.uri().path_and_query() {
                uri = uri.path_and_query(path.clone());
            }
            *request.uri_mut() = uri.build()?;
            Ok(ends.connection().await?.send_request(request).await?)
        })
    }
}

impl fmt::Debug for DirectChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirectChannel").field(&self.0.target).finish()
    }
}
