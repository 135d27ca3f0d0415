//! The wire types of package `angzarr.v1`, generated from `proto/angzarr/v1/types.proto`.

#![allow(missing_docs, unreachable_pub, reason = "generated; the words are in the proto file")]

include!("proto/angzarr.v1.rs");
