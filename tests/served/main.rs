//! The shop in a service, with a runtime beside it: what callers get by gRPC and as JSON.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

mod commands;
mod encrypted;
mod names;
mod place;
mod python;
mod reading;
mod rolling;
