//! Commands for operators. Each asks a sidecar, or any program that serves `angzarr.v1`, and needs no protos: what
//! messages are made of, the sidecar tells.

mod connection;
mod consumers;
mod deadlines;
mod dlq;
mod events;
mod failed;
mod messages;
mod state;
mod table;
mod trace;
mod values;
mod views;

use clap::Subcommand;

use crate::console::{Exit, unusable};
use connection::{Connection, Sidecar};
use failed::Failed;

#[derive(Debug, Subcommand)]
pub(crate) enum Operate {
    /// Show events of a stream, a conversation or everything, or list the streams of a domain.
    Events(events::Events),
    /// Show the state of an aggregate or a process manager, now or as it was.
    State(state::State),
    /// Show what one command led to: events, who acted on them, deadlines, and what failed.
    Trace(trace::Trace),
    /// List dead letters, events that could not be handled, and do something about them.
    Dlq(dlq::Dlq),
    /// List sagas, projectors and process managers with how far they are; pause and resume them.
    Consumers(consumers::Consumers),
    /// List deadlines that are still to come.
    Deadlines(deadlines::Deadlines),
    /// List views with how far they are, and build them anew.
    Views(views::Views),
}

pub(crate) fn run(operation: &Operate) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(&format!("cannot begin to wait for answers: {error}")),
    };
    let done = runtime.block_on(async {
        match operation {
            Operate::Events(arguments) => events::run(arguments).await,
            Operate::State(arguments) => state::run(arguments).await,
            Operate::Trace(arguments) => trace::run(arguments).await,
            Operate::Dlq(arguments) => dlq::run(arguments).await,
            Operate::Consumers(arguments) => consumers::run(arguments).await,
            Operate::Deadlines(arguments) => deadlines::run(arguments).await,
            Operate::Views(arguments) => views::run(arguments).await,
        }
    });
    done.unwrap_or_else(|failed| failed.tell())
}
