//! `sidecar.*`: the program as it is shipped, beside a service.
//!
//! Where speed is measured, callers, the program, and the service with the echo that is the ceiling have a process each, as
//! they have where they are deployed.

mod calls;
mod commands;
mod notebook;
mod program;
mod rest;

pub(crate) use commands::{measure, measure_postgres};
pub(crate) use notebook::serve;
pub(crate) use rest::{measure as measure_rest, soak};
