//! The side that calls.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, version::TLS13};

use super::files::{chain, key, provider, roots};
use super::{BadTls, ClientTls};

impl ClientTls {
    /// Encrypts a connection to this host with what the files hold now.
    pub(in crate::transport) async fn connect<Io>(&self, host: &str, connection: Io) -> io::Result<TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let (name, config) = self.read(host).map_err(io::Error::other)?;
        TlsConnector::from(config).connect(name, connection).await
    }

    /// Reads the files.
    pub(in crate::transport) fn read(&self, host: &str) -> Result<(ServerName<'static>, Arc<ClientConfig>), BadTls> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| BadTls::BadName)?;
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
        let builder = builder.with_root_certificates(roots("`ca`", &self.ca)?);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(chain("`certificate`", &own.certificate)?, key(&own.key)?)?,
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok((server_name, Arc::new(config)))
    }
}
