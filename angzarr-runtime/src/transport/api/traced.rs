//! The traces that callers are in.

use tonic::Request;
use tonic::metadata::MetadataMap;

use crate::proto;
use crate::telemetry::Traceparent;
use crate::transport::TRACEPARENT;

/// Where a caller is in a distributed trace, as the call's metadata says it.
pub(super) fn traceparent(metadata: &MetadataMap) -> Option<Traceparent> {
    metadata.get(TRACEPARENT)?.to_str().ok().and_then(Traceparent::parse)
}

/// A call's message, with a command book whose trace is the one that the call is in, unless it names one itself.
pub(super) fn join<T>(request: Request<T>, book: impl FnOnce(&mut T) -> Option<&mut proto::CommandBook>) -> T {
    let given = traceparent(request.metadata());
    let mut message = request.into_inner();
    if let (Some(book), Some(given)) = (book(&mut message), given)
        && book.traceparent.is_empty()
    {
        book.traceparent = given.to_string();
    }
    message
}
