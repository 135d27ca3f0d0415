//! Components whose handlers are in a service.
//!
//! To coordinators they are like any other. What of them is described is known here; what they decide is asked for.

mod aggregate;
mod emitted;
mod failed;
mod link;
mod many;
mod process_manager;
mod projector;
mod row;
mod saga;
mod spec;
mod state;
mod stay;
mod upcaster;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

pub(super) use link::was_sent;
pub use stay::Hold;

use super::TRACEPARENT;
use super::channel::DirectChannel;
use super::described::{Described, invalid};
use super::target::Target;
use crate::component::Registration;
use crate::error::Error;
use crate::failure::Failure;
use crate::proto;
use crate::telemetry::traceparent_text;
use link::Link;

/// A service, and what it has said of itself.
#[derive(Debug)]
pub struct Remote {
    components: Vec<Registration>,
    link: Arc<Link>,
    hold: Hold,
}

/// The way to a service: whether it can be called now.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Link>);

impl Connection {
    /// Whether the service accepts connections, and is described as it was when its components were made.
    pub async fn serves(&self) -> bool {
        self.0.serves().await
    }
}

impl Remote {
    /// Asks a service for its description. It is asked again when it was started anew: if it describes itself in another
    /// way then, calls to its components fail with `SERVICE_CHANGED`.
    ///
    /// What is described lives as long as the process.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE` if nobody answers there, `SERVICE_ANSWER_INVALID` if the answer is no description,
    /// [`Error::Setup`] if what connections are to be encrypted with cannot be used.
    pub async fn connect(service: impl Into<Target>) -> Result<Self, Error> {
        let service = service.into();
        service.check()?;
        let channel = DirectChannel::new(&service).map_err(|bad| Error::Setup(bad.to_string()))?;
        let (hold, held) = watch::channel(false);
        let link = Arc::new(Link::connect(&service.address, channel, held).await?);
        let components = link.described.components.iter().map(|component| register(&link, component));
        let components = components.collect::<Result<_, Failure>>()?;
        Ok(Self { components, link, hold: Hold(hold) })
    }

    /// What the service has said of itself.
    pub fn described(&self) -> &Arc<Described> {
        &self.link.described
    }

    /// The way to the service.
    pub fn connection(&self) -> Connection {
        Connection(self.link.clone())
    }

    /// What keeps it from ending before this program does.
    pub fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// Its components; [`AppBuilder::remote`](crate::app::AppBuilder::remote) takes all of them.
    pub fn components(self) -> Vec<Registration> {
        self.components
    }
}

fn register(link: &Arc<Link>, component: &proto::ComponentDescription) -> Result<Registration, Failure> {
    use proto::component_description::ComponentKind;
    Ok(match component.kind() {
        ComponentKind::Aggregate => Registration::Aggregate(Arc::new(aggregate::Remote::new(link, component)?)),
        ComponentKind::Saga => Registration::Saga(Arc::new(saga::Remote::new(link, component)?)),
        ComponentKind::Projector => Registration::Projector(Arc::new(projector::Remote::new(link, component)?)),
        ComponentKind::ProcessManager => {
            Registration::ProcessManager(Arc::new(process_manager::Remote::new(link, component)?))
        }
        ComponentKind::Upcaster => Registration::Upcaster(Arc::new(upcaster::Remote::new(link, component)?)),
        ComponentKind::Unspecified => {
            return Err(invalid(format!("`{}` is of a kind that this release does not know", component.name)));
        }
    })
}

/// A request of a decision, as a part of its trace.
fn traced<T>(message: T, cx: &crate::context::Context) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Some(traceparent) = cx.traceparent().and_then(|traceparent| traceparent.to_string().parse().ok()) {
        request.metadata_mut().insert(TRACEPARENT, traceparent);
    }
    request
}

impl From<&crate::context::Context> for proto::Context {
    fn from(cx: &crate::context::Context) -> Self {
        let cover = proto::Cover {
            root: Some(cx.root().into()),
            domain: cx.domain().to_owned(),
            correlation_id: cx.correlation_id().to_owned(),
            key: cx.key().to_owned(),
            ..proto::Cover::default()
        };
        Self {
            cover: Some(cover),
            cause: cx.cause().map(Into::into),
            now: Some(cx.now()),
            id_seed: Bytes::copy_from_slice(cx.seed().as_bytes()),
            traceparent: traceparent_text(cx.traceparent()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::context::{Context, Decision};
    use crate::store::StreamId;
    use crate::telemetry::Traceparent;

    #[test]
    fn a_call_says_where_its_trace_is() {
        const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (stream, now) = (StreamId::new("orders", Uuid::nil()), prost_types::Timestamp::default());
        let cx = Context::new(stream, "A-1".into(), "talk".into(), None, now, Decision::Known(Uuid::nil()));
        assert!(traced((), &cx).metadata().is_empty());
        let cx = cx.traced(Traceparent::parse(GIVEN));
        assert_eq!(traced((), &cx).metadata().get(TRACEPARENT).unwrap(), GIVEN);
    }
}
