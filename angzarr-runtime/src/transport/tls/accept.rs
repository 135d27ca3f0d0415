//! The side that is called.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::stream::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ServerConfig, version::TLS13};
use tokio_rustls::server::TlsStream;

use super::files::{chain, key, provider, roots};
use super::{BadTls, ServerTls};

/// How long it may take until a connection is encrypted.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many connections are being encrypted at a time; others wait.
const AT_A_TIME: usize = 256;

/// Encrypts connections with what the files hold now.
#[derive(Debug)]
pub(in crate::transport) struct Acceptor {
    tls: ServerTls,
    read: Mutex<Read>,
}

/// What was read, and the state that the files were in.
#[derive(Debug)]
struct Read {
    stamps: Vec<Stamp>,
    config: Arc<ServerConfig>,
}

/// By what it is seen that a file has changed; none if it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Acceptor {
    /// Reads the files.
    pub(in crate::transport) fn new(tls: ServerTls) -> Result<Self, BadTls> {
        // Before the files are: what changes meanwhile is read again.
        let stamps = stamps(&tls);
        let config = config(&tls)?;
        Ok(Self { tls, read: Mutex::new(Read { stamps, config }) })
    }

    /// What the files hold; what they held before if it cannot be used.
    fn current(&self) -> Arc<ServerConfig> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.tls);
        if stamps != read.stamps {
            read.stamps = stamps;
            match config(&self.tls) {
                Ok(config) => read.config = config,
                Err(error) => tracing::warn!(%error, "the new certificates are not used"),
            }
        }
        read.config.clone()
    }
}

fn stamps(tls: &ServerTls) -> Vec<Stamp> {
    let files = [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()];
    files.into_iter().flatten().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn config(tls: &ServerTls) -> Result<Arc<ServerConfig>, BadTls> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(roots("`client_ca`", file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain("`certificate`", &tls.certificate)?, key(&tls.key)?)?;
    // For whoever speaks HTTP/1, as most do who send JSON.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Connections, encrypted; those that cannot be are dropped.
pub(in crate::transport) fn secured<Io>(
    connections: impl Stream<Item = io::Result<Io>> + Send,
    acceptor: Acceptor,
) -> impl Stream<Item = io::Result<TlsStream<Io>>> + Send
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let secure = move |connection: io::Result<Io>| {
        let acceptor = TlsAcceptor::from(acceptor.current());
        async move {
            let connection = match connection {
                Ok(connection) => connection,
                Err(error) => return Some(Err(error)),
            };
            // On a task of its own: a thread has much to compute.
            let secured = tokio::spawn(timeout(PATIENCE, acceptor.accept(connection))).await;
            let error = match secured {
                Ok(Ok(Ok(stream))) => return Some(Ok(stream)),
                Ok(Ok(Err(error))) => error.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::info!(error, "a connection was not encrypted, and is dropped");
            None
        }
    };
    connections.map(secure).buffer_unordered(AT_A_TIME).filter_map(|secured| async { secured })
}
