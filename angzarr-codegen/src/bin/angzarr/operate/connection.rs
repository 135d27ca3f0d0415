//! Which sidecar, and the way to it.

use std::path::PathBuf;

use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use angzarr_runtime::transport::{Address, ClientTls, Identity, Target};
use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::Failed;

/// What holds the token: on a command line, everybody on the machine could read it.
pub(super) const TOKEN: &str = "ANGZARR_TOKEN";

/// The same for the service `Admin`, where that has a token of its own.
pub(super) const ADMIN_TOKEN: &str = "ANGZARR_ADMIN_TOKEN";

#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// Where the sidecar listens: HOST:PORT, or unix:PATH. Tokens are taken from ANGZARR_TOKEN and ANGZARR_ADMIN_TOKEN.
    #[arg(long, global = true, env = "ANGZARR_ADDRESS", default_value = "127.0.0.1:50050")]
    address: Address,
    /// Encrypt the connection, and trust whom a certificate in this file has signed; PEM.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Show this certificate; PEM.
    #[arg(long = "cert", global = true, value_name = "FILE", requires_all = ["ca", "tls_key"])]
    tls_certificate: Option<PathBuf>,
    /// The key of that certificate; PEM.
    #[arg(long = "key", global = true, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
}

impl Connection {
    /// Whether the output is for programs.
    pub(super) fn is_for_programs(&self) -> bool {
        self.json
    }

    /// A connection that is made when it is used.
    pub(super) fn sidecar(&self) -> Result<Sidecar, Failed> {
        let bearer = Bearer::of(TOKEN)?.unwrap_or(Bearer(None));
        let operator = Bearer::of(ADMIN_TOKEN)?.unwrap_or_else(|| bearer.clone());
        let identity = self.tls_certificate.clone().zip(self.tls_key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        let tls = self.ca.clone().map(|ca| ClientTls { ca, identity, server_name: None });
        let target = Target { address: self.address.clone(), tls };
        target.check().map_err(|error| Failed::Usage(error.to_string()))?;
        let channel = target.channel().map_err(|error| Failed::Usage(error.to_string()))?;
        // Whoever serves keeps its own limits; what it answers is wanted whole.
        let query = EventQueryClient::with_interceptor(channel.clone(), bearer);
        let admin = AdminClient::with_interceptor(channel, operator);
        Ok(Sidecar {
            address: self.address.clone(),
            query: query.max_decoding_message_size(usize::MAX),
            admin: admin.max_decoding_message_size(usize::MAX),
        })
    }
}

/// Says who calls.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Whoever has the token that a variable of the environment holds; none if it is empty.
    fn of(variable: &str) -> Result<Option<Self>, Failed> {
        let token = std::env::var(variable).unwrap_or_default();
        if token.is_empty() {
            return Ok(None);
        }
        let with = Self::with(&token);
        with.map(Some).ok_or_else(|| Failed::Usage(format!("what {variable} holds cannot be sent")))
    }

    /// Whoever has this token; none if it cannot be sent.
    fn with(token: &str) -> Option<Self> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().ok()?;
        value.set_sensitive(true);
        Some(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

type Calls = InterceptedService<Channel, Bearer>;

/// Whom to ask.
#[derive(Clone)]
pub(super) struct Sidecar {
    address: Address,
    pub(super) query: EventQueryClient<Calls>,
    pub(super) admin: AdminClient<Calls>,
}

impl Sidecar {
    /// What a call was answered with.
    pub(super) fn answer<T>(&self, answered: Result<Response<T>, Status>) -> Result<T, Failed> {
        answered.map(Response::into_inner).map_err(|status| self.failed(status))
    }

    /// Why a call came to nothing.
    pub(super) fn failed(&self, status: Status) -> Failed {
        Failed::of(&self.address, status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_and_never_shown() {
        let request = Bearer::with("secret").unwrap().call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(!format!("{request:?}").contains("secret"));
        assert!(Bearer(None).call(Request::new(())).unwrap().metadata().is_empty());
        assert!(Bearer::with("sec\nret").is_none());
    }
}
