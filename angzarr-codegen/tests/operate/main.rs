//! Commands for operators, against the shop in a service with a runtime beside it, each as in a process of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

mod encrypted;
mod page;
mod place;
mod programs;
mod refusals;
