//! Clients and servers of the services of package `angzarr.v1`, generated from `proto/angzarr/v1`.

#![allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated; the words are in the proto file"
)]

include!("services/angzarr.v1.rs");

/// Their files, as a `FileDescriptorSet`.
pub(super) const DESCRIPTORS: &[u8] = include_bytes!("services/angzarr.v1.binpb");
