//! What every store and every coordinator must keep, on every backend. `docs/semantics.md` says it in words.
//!
//! Cases are ordinary functions over a [`backend::Backend`]; none knows which one it runs on. [`cases!`] lists them as
//! tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

#[macro_use]
mod backend;
mod coordinator;
mod model;
mod postgres_crash;
mod postgres_loss;
mod postgres_proxy;
mod postgres_publication;
mod postgres_sessions;
mod postgres_setup;
mod postgres_silence;
mod postgres_tables;
mod rows;
mod sqlite_damage;
mod sqlite_files;
mod sqlite_full;
mod sqlite_rights;
mod sqlite_syncs;
mod store;
mod tables;
mod view;
