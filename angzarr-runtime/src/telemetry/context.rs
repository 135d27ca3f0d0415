//! Trace contexts of OpenTelemetry, where its layer collects spans.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::Traceparent;

/// Makes a span, which must not have been entered, follow from what is given.
pub(super) fn adopt(span: &Span, given: Traceparent) {
    let (trace, parent, flags) = given.parts();
    let (trace, parent) = (TraceId::from_bytes(trace), SpanId::from_bytes(parent));
    let remote = SpanContext::new(trace, parent, TraceFlags::new(flags), true, TraceState::NONE);
    // Fails only where no layer of OpenTelemetry is, or the span has begun: then it stays where it is.
    let _ = span.set_parent(Context::new().with_remote_span_context(remote));
}

/// Where the trace is in a span; none where no layer of OpenTelemetry is.
pub(super) fn of(span: &Span) -> Option<Traceparent> {
    let context = span.context();
    let span = context.span();
    let context = span.span_context();
    let (trace, id) = (context.trace_id().to_bytes(), context.span_id().to_bytes());
    context.is_valid().then(|| Traceparent::new(trace, id, context.trace_flags().to_u8()))
}
