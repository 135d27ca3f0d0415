//! Event sourcing and CQRS, linked into a Rust program.
//!
//! Annotate protos, let `angzarr-codegen` turn them into Rust in `build.rs`, implement one trait a component, and
//! start an [`App`]:
//!
//! ```ignore
//! angzarr_runtime::include_protos!();
//!
//! #[derive(Aggregate)]
//! #[aggregate(Orders)]
//! struct OrderBook;
//!
//! impl Orders for OrderBook { /* one method a command, one fold an event */ }
//!
//! let app = App::builder("sqlite:orders.db".parse()?).register(OrderBook).start().await?;
//! app.send(PlaceOrder { order_id: "A-1".into(), ..Default::default() }).await?;
//! ```
//!
//! What it promises stands in `docs/semantics.md`, law by law.

pub mod app;
pub mod component;
#[cfg(feature = "sidecar")]
pub mod config;
mod context;
mod coordinator;
mod error;
mod failure;
pub mod id;
mod message;
mod nearest;
pub mod proto;
mod rejection;
pub mod store;
pub mod tables;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
#[cfg(feature = "grpc")]
pub mod transport;
pub mod view;

pub use app::{App, SyncMode};
pub use context::{Context, When};
pub use coordinator::business::Speculation;
pub use coordinator::outcome::{CausedBook, Outcome, WaitFailure};
pub use coordinator::process_manager::SpeculatedStep;
pub use error::{BadBook, BadColumn, Error};
pub use failure::Failure;
pub use message::{Command, Deadline, Emission, Event, Fact, KeyPart, Outgoing, Payload, Query};
pub use rejection::{Refused, Rejection, RejectionCode};
pub use store::Storage;
pub use view::Row;

pub use angzarr_macros::{
    Aggregate, Command, Deadline, Event, ProcessManager, Projector, Query, RejectionCode, Row, Saga, Union, Upcaster,
};

// Generated code names these through this crate, so that users need no dependency of their own on them.
pub use {prost, prost_types};

/// Includes what `angzarr_codegen::Build` wrote: a module tree that follows the packages of the protos.
#[macro_export]
macro_rules! include_protos {
    () => {
        include!(concat!(env!("OUT_DIR"), "/angzarr/mod.rs"));
    };
}
