//! Which sidecar, and the way to it.

use angzarr_runtime::transport::Address;
use angzarr_runtime::transport::services::admin_client::AdminClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use clap::Args;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::Failed;

/// What holds the token: on a command line, everybody on the machine could read it.
pub(super) const TOKEN: &str = "ANGZARR_TOKEN";

#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// Where the sidecar listens: HOST:PORT, or unix:PATH. A token, if it wants one, is taken from ANGZARR_TOKEN.
    #[arg(long, global = true, env = "ANGZARR_ADDRESS", default_value = "127.0.0.1:50050")]
    address: Address,
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
        let bearer = Bearer::of(&std::env::var(TOKEN).unwrap_or_default())?;
        let channel = self.address.channel().map_err(|error| Failed::Usage(error.to_string()))?;
        // Whoever serves keeps its own limits; what it answers is wanted whole.
        let query = EventQueryClient::with_interceptor(channel.clone(), bearer.clone());
        let admin = AdminClient::with_interceptor(channel, bearer);
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
    /// Whoever has this token; nobody in particular if it is empty.
    fn of(token: &str) -> Result<Self, Failed> {
        if token.is_empty() {
            return Ok(Self(None));
        }
        let value = format!("Bearer {token}").parse();
        // The value itself is a secret.
        let mut value: MetadataValue<Ascii> =
            value.map_err(|_| Failed::Usage(format!("what {TOKEN} holds cannot be sent")))?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
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
        let Ok(mut bearer) = Bearer::of("secret") else { panic!("it can be sent") };
        let request = bearer.call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(!format!("{request:?}").contains("secret"));

        let Ok(mut nobody) = Bearer::of("") else { panic!("nothing is sent") };
        assert!(nobody.call(Request::new(())).unwrap().metadata().is_empty());
        let Err(Failed::Usage(why)) = Bearer::of("sec\nret") else { panic!("it cannot be sent") };
        assert!(!why.contains("sec"), "{why}");
    }
}
