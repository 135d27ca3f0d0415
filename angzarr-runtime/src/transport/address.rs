//! Where somebody listens.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Router;
use tonic::transport::{Channel, Server, Uri};

use super::joined::Joined;
use super::target::Target;
use super::tls::{Acceptor, secured};

/// An address: `127.0.0.1:50051`, or `unix:/run/shop.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host's name or number, and a port.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// What is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address; one is like 127.0.0.1:50051, or unix:/run/shop.sock")]
pub struct BadAddress(pub(super) String);

impl BadAddress {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(bad()) } else { Ok(Self::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port: u16 = port.parse().map_err(|_| bad())?;
        // What is written in an URI between scheme and port.
        let uri: Uri = format!("http://{host}:{port}").parse().map_err(|_| bad())?;
        if host.is_empty() || uri.host().is_none_or(|found| found != host) {
            return Err(bad());
        }
        Ok(Self::Tcp(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => f.write_str(address),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address.to_string())
    }
}

/// Somebody who listens already, so that callers may come.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    /// Serves until something ends: calls that have begun are answered. Connections are encrypted if there is something to
    /// do so by.
    pub(super) async fn serve(
        self,
        router: Router,
        tls: Option<Acceptor>,
        until: impl Future<Output = ()> + Send,
    ) -> Result<(), tonic::transport::Error> {
        match (self, tls) {
            (Listening::Tcp(listener), None) => {
                router.serve_with_incoming_shutdown(joined(undelayed(listener)), until).await
            }
            (Listening::Tcp(listener), Some(tls)) => {
                router.serve_with_incoming_shutdown(joined(secured(undelayed(listener), tls)), until).await
            }
            (Listening::Unix(listener), None) => {
                router.serve_with_incoming_shutdown(joined(UnixListenerStream::new(listener)), until).await
            }
            (Listening::Unix(listener), Some(tls)) => {
                let connections = joined(secured(UnixListenerStream::new(listener), tls));
                router.serve_with_incoming_shutdown(connections, until).await
            }
        }
    }
}

/// Connections that are written to in few pieces.
fn joined<Io>(connections: impl Stream<Item = io::Result<Io>>) -> impl Stream<Item = io::Result<Joined<Io>>> {
    connections.map(|connection| connection.map(Joined))
}

/// Connections whose small messages are not held back.
fn undelayed(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    TcpListenerStream::new(listener).map(|connection| {
        let connection = connection?;
        connection.set_nodelay(true)?;
        Ok(connection)
    })
}

/// How often whoever is connected has to give a sign of life, and how long that may take.
const SIGN: Duration = Duration::from_secs(10);

/// A machine that is gone says nothing: without signs of life, its streams would stay open.
pub(super) fn patient(server: Server) -> Server {
    server.http2_keepalive_interval(Some(SIGN)).http2_keepalive_timeout(Some(SIGN))
}

impl Address {
    /// A channel to whoever listens there. It connects when it is used, and again whenever the connection is lost.
    /// Nothing is encrypted; [`Target`] says what is.
    ///
    /// # Errors
    /// If no URI can be made of it.
    pub fn channel(&self) -> Result<Channel, BadAddress> {
        Target::from(self).channel()
    }

    /// Whether nobody reaches it from another machine.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp(_) => {
                let host = self.host();
                host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
            }
        }
    }

    /// The name or number of the host, without brackets.
    pub(crate) fn host(&self) -> &str {
        match self {
            Address::Unix(_) => "localhost",
            Address::Tcp(address) => address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']),
        }
    }

    /// Whether somebody there accepts connections.
    pub(crate) async fn accepts(&self) -> bool {
        match self {
            Address::Tcp(address) => TcpStream::connect(address).await.is_ok(),
            Address::Unix(path) => UnixStream::connect(path).await.is_ok(),
        }
    }

    /// Begins to listen. A socket that nobody listens at any more is taken over.
    pub(crate) async fn listen(&self) -> io::Result<Listening> {
        match self {
            Address::Tcp(address) => Ok(Listening::Tcp(TcpListener::bind(address).await?)),
            Address::Unix(path) => {
                // Anything else that lies there is somebody's.
                let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
                let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
                if is_socket && UnixStream::connect(path).await.is_err_and(refused) {
                    std::fs::remove_file(path)?;
                }
                Ok(Listening::Unix(UnixListener::bind(path)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_abandoned_sockets_are_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("log.db"), "money").unwrap();
        assert!(Address::Unix(at("log.db")).listen().await.is_err());
        assert_eq!(std::fs::read(at("log.db")).unwrap(), b"money");
        drop(Address::Unix(at("a.sock")).listen().await.unwrap());
        let taken = Address::Unix(at("a.sock")).listen().await.unwrap();
        assert!(Address::Unix(at("a.sock")).listen().await.is_err(), "somebody listens");
        drop(taken);
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:50051", "[::1]:1", "orders.svc:50051", "unix:/run/shop.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "unix:", "localhost", ":1", "a:70000", "a/b:1", "http://a:1", "a b:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
