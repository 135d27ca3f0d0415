//! What travels by gRPC: business code in services, and what the runtime offers to whoever sends commands and reads.
//!
//! Only this module names tonic.

mod address;
mod api;
mod described;
mod message;
mod remote;
mod service;
pub mod services;
mod status;
mod target;
mod tls;

pub use address::{Address, BadAddress};
pub use api::{Access, Api, Limits, Token};
pub use described::Described;
pub use remote::{Hold, Remote};
pub use service::Service;
pub use target::Target;
pub use tls::{ClientTls, Identity, ServerTls};
