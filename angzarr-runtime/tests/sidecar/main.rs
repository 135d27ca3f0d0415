//! `angzarr-sidecar` as a process: what it refuses, where it listens, and how it ends.
//!
//! The tests stand here and not with the others that start processes, since only a package's own tests are told where its
//! programs are.

#![expect(clippy::unwrap_used, reason = "in a test's helper, a panic is how the test fails")]

mod admitting;
mod calling;
#[cfg(feature = "otel")]
mod collector;
#[cfg(feature = "tls")]
mod encrypting;
mod ending;
#[cfg(feature = "otel")]
mod exporting;
mod limiting;
mod listening;
mod process;
mod ready;
mod refusing;
mod scraping;
mod waiting;
