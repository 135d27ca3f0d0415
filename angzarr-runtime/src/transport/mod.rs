//! What travels by gRPC: business code in services, and what the runtime offers to whoever sends commands and reads.
//!
//! Only this module names tonic.

mod address;
mod api;
mod channel;
mod codec;
mod described;
mod joined;
mod message;
mod remote;
mod routes;
#[cfg(feature = "sidecar")]
mod scrape;
mod service;
pub mod services;
mod status;
mod target;
mod tls;

/// The metadata that says where in a distributed trace a call is made.
const TRACEPARENT: &str = "traceparent";

pub use address::{Address, BadAddress};
pub use api::{Access, Api, Limits, Token};
pub use described::Described;
pub use remote::{Connection, Hold, Remote};
pub use routes::{Pattern, Routes};
#[cfg(feature = "sidecar")]
pub use scrape::Scrape;
pub use service::Service;
pub use target::Target;
pub use tls::{ClientTls, Identity, ServerTls};
