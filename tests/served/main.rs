//! The shop in a service, with a runtime beside it: what callers get by gRPC and as JSON.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

mod certificates;
mod changing;
mod clients;
mod commands;
mod consumers;
mod dying;
mod encrypted;
mod histories;
mod hooks;
mod many;
mod names;
mod nonsense;
mod place;
mod python;
mod reading;
mod refusals;
mod rolling;
mod routing;
mod scripted;
mod waiting;
