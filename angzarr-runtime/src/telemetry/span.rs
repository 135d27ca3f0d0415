//! Spans of coordinators, and the trace that goes on through what they store and send.

use tracing::Span;

use super::Traceparent;
use crate::error::Error;

/// The span of something that a component does in a stream, as a part of a conversation. What comes to light later is left
/// empty.
macro_rules! component_span {
    ($(parent: $parent:expr,)? $name:literal, $component:expr, $stream:expr, $trace:expr) => {
        ::tracing::info_span!(
            $(parent: $parent,)?
            $name,
            component = $component,
            domain = &*$stream.domain,
            root = %$stream.root,
            correlation_id = %$trace.correlation_id,
            trace_id = ::tracing::field::Empty,
            code = ::tracing::field::Empty,
            otel.status_code = ::tracing::field::Empty,
        )
    };
}

pub(crate) use component_span;

/// Lets a span go on from where a trace is, if that is given; tells where the trace is in that span.
///
/// Where no span is collected the trace is handed on as it came, so that it does not end here.
pub(crate) fn go_on(span: &Span, given: Option<Traceparent>) -> Option<Traceparent> {
    #[cfg(feature = "otel")]
    if let Some(given) = given.filter(|_| !span.is_disabled()) {
        super::context::adopt(span, given);
    }
    here(span, given)
}

/// The same for a span whose parent is the one that the trace is in.
pub(crate) fn here(span: &Span, given: Option<Traceparent>) -> Option<Traceparent> {
    if span.is_disabled() {
        return given;
    }
    #[cfg(feature = "otel")]
    let given = super::context::of(span).or(given);
    if let Some(traceparent) = &given {
        span.record("trace_id", tracing::field::display(traceparent.trace_id()));
    }
    given
}

/// Where the trace is in the present span; `given` if that is not known.
pub(crate) fn current(given: Option<Traceparent>) -> Option<Traceparent> {
    #[cfg(feature = "otel")]
    let given = super::context::of(&Span::current()).or(given);
    given
}

/// Tells a span what came of it.
pub(crate) fn end<T>(span: &Span, result: &Result<T, Error>) {
    match result {
        Ok(_) => {}
        Err(Error::Rejected(rejection)) => refused(span, &rejection.code),
        Err(error) => failed(span, error.code()),
    }
}

/// Tells a span that an aggregate refuses, which is an answer, and no error of the program.
pub(crate) fn refused(span: &Span, code: &str) {
    span.record("code", code);
}

/// Tells a span that it ended with an error.
pub(crate) fn failed(span: &Span, code: &str) {
    span.record("code", code);
    span.record("otel.status_code", "ERROR");
}
