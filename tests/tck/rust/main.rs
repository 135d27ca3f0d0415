//! The model domain of the compatibility kit in Rust: `tck-rust ADDRESS` serves it.

mod consumers;
mod processes;
mod scripts;
mod targets;
mod versions;

use angzarr_runtime::Error;
use angzarr_runtime::transport::{Address, Service};
use angzarr_tests::DESCRIPTION;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let given = std::env::args().nth(1).unwrap_or_default();
    let address: Address = given.parse().map_err(|bad| Error::Setup(format!("usage: tck-rust ADDRESS: {bad}")))?;
    Service::new(DESCRIPTION)
        .register(scripts::Rules)
        .register(consumers::Messenger)
        .register(consumers::Dreamer)
        .register(consumers::Clerk)
        .register(consumers::Counter)
        .register(targets::Door)
        .register(targets::Street)
        .register(processes::Actor)
        .register(versions::Book)
        .register(versions::Past)
        .register(versions::Shelf)
        .run(&address)
        .await
}
