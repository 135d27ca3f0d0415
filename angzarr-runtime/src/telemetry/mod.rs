//! What operators see of a running program: spans, and the trace that they belong to.
//!
//! Spans are those of the `tracing` crate, with the names in `docs/sidecar.md`. Where nobody collects them, each costs one
//! look at an atomic number. Metrics are those of the `metrics` crate: a facade of few lines that any recorder fits behind,
//! OpenTelemetry's too.

#[cfg(feature = "otel")]
mod context;
pub(crate) mod measure;
#[cfg(feature = "otel")]
mod otlp;
#[cfg(feature = "sidecar")]
mod prometheus;
pub(crate) mod span;
mod traceparent;

#[cfg(feature = "otel")]
pub use otlp::Otlp;
#[cfg(feature = "sidecar")]
pub use prometheus::Prometheus;
pub use traceparent::Traceparent;
pub(crate) use traceparent::text as traceparent_text;
