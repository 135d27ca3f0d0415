//! Real servers for tests and benches.
//!
//! Each listens on 127.0.0.1 only, on a free port, keeps its data in a folder of its own, and ends with the process that
//! started it, even if that one is killed.

mod binaries;
pub mod postgres;
mod watchdog;

pub use postgres::Postgres;
