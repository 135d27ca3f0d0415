//! The way to another program, for calls that somebody waits for.
//!
//! tonic's own channel hands each call to a task, which hands it to that of the connection. Here a call goes to the
//! connection at once: where one call waits for another, each hand-over counts.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::BoxError;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderValue, Request, Response, Uri};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
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

/// Who calls.
const OURS: &str = concat!("angzarr/", env!("CARGO_PKG_VERSION"));

/// A connection to a program. It is made when it is needed, and again whenever it is lost.
#[derive(Clone)]
pub(super) struct DirectChannel(Arc<Ends>);

struct Ends {
    target: Target,
    /// What is called, of which only the path differs.
    origin: Uri,
    connecting: Mutex<Option<Attempt>>,
}

/// A connection that is being made, was made, or could not be made, for whoever needs it meanwhile.
type Attempt = Shared<BoxFuture<'static, Result<SendRequest<Body>, Arc<io::Error>>>>;

impl DirectChannel {
    /// # Errors
    /// If no URI can be made of the address.
    pub(super) fn new(target: impl Into<Target>) -> Result<Self, BadAddress> {
        let target = target.into();
        Ok(Self(Arc::new(Ends { origin: target.origin()?, target, connecting: Mutex::default() })))
    }
}

impl Ends {
    async fn connection(self: &Arc<Self>) -> Result<SendRequest<Body>, ConnectError> {
        let attempt = self.attempt();
        let made = match attempt.peek() {
            Some(made) => made.clone(),
            None => attempt.await,
        };
        // It is of all who waited for it, and an error is one's own.
        made.map_err(|error| ConnectError(io::Error::new(error.kind(), error.to_string()).into()))
    }

    /// The last attempt if it may still come to something, or has; else a new one.
    fn attempt(self: &Arc<Self>) -> Attempt {
        let mut last = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = &*last {
            match attempt.peek() {
                None => return attempt.clone(),
                Some(Ok(connection)) if !connection.is_closed() => return attempt.clone(),
                Some(_) => {}
            }
        }
        let ends = self.clone();
        // On a task of its own: it goes on when whoever began it waits no longer.
        let made = tokio::spawn(async move {
            timeout(PATIENCE, ends.connect()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        });
        let attempt = async move { made.await.unwrap_or_else(|lost| Err(io::Error::other(lost))).map_err(Arc::new) };
        last.insert(attempt.boxed().shared()).clone()
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
        // It ends with the last of those who send. What ends it earlier is told to those who wait for an answer.
        let address = self.target.address.clone();
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%address, %error, "a connection ended");
            }
        });
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
            let mut uri = ends.origin.clone().into_parts();
            uri.path_and_query = request.uri().path_and_query().cloned().or(uri.path_and_query);
            *request.uri_mut() = Uri::from_parts(uri)?;
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(OURS));
            Ok(ends.connection().await?.send_request(request).await?)
        })
    }
}

impl fmt::Debug for DirectChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirectChannel").field(&self.0.target).finish()
    }
}
