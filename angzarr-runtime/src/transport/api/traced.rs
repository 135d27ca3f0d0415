//! The traces that callers are in.

use tonic::metadata::MetadataMap;

use crate::proto;
use crate::telemetry::Traceparent;
use crate::transport::TRACEPARENT;

/// Where a caller is in a distributed trace, as the call's metadata says it.
pub(super) fn traceparent(metadata: &MetadataMap) -> Option<Traceparent> {
    metadata.get(TRACEPARENT)?.to_str().ok().and_then(Traceparent::parse)
}

/// A command book whose trace is the one that its call is in, unless it names one itself.
pub(super) fn joined(mut book: proto::CommandBook, metadata: &MetadataMap) -> proto::CommandBook {
    if let Some(given) = traceparent(metadata)
        && book.traceparent.is_empty()
    {
        book.traceparent = given.to_string();
    }
    book
}
