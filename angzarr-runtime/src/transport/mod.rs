//! What travels by gRPC: business code in services, and what the runtime offers to whoever sends commands and reads.
//!
//! Only this module names tonic.

mod address;
mod api;
mod described;
mod message;
mod remote;
mod routes;
mod service;
pub mod services;
mod status;

pub use address::{Address, BadAddress};
pub use api::{Api, FactToken, Limits};
pub use described::Described;
pub use remote::Remote;
pub use routes::{Pattern, Routes};
pub use service::Service;
