//! Spans, metrics and log lines for a collector of OpenTelemetry, by OTLP over gRPC.
//!
//! Each goes out in batches, from threads of their own: nobody waits for the collector, and what it does not take is lost.

mod recorder;
mod told;

use std::time::Duration;

use metrics::Recorder;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::error::Error;
use recorder::MeterRecorder;
use told::Told;

/// Who these come from.
const SCOPE: &str = "angzarr";

/// What exports says itself would have to be exported, too, and so on.
const CONNECTIONS: &[&str] = &["h2", "hyper", "opentelemetry", "tonic", "tower"];

/// How long it may take until the rest is out at the end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes to a collector. Clones share it.
#[derive(Clone, Debug)]
pub struct Otlp {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
}

impl Otlp {
    /// Begins to export to a collector, like `http://127.0.0.1:4317`, in the name of a service, unless the variables
    /// `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` give another one. It need not be there. To be called within a Tokio
    /// runtime, which has to last until [`Otlp::end`].
    ///
    /// # Errors
    /// [`Error::Setup`] if the endpoint is no such URL, or a variable of OpenTelemetry cannot be understood.
    pub fn begin(endpoint: &str, service: &'static str) -> Result<Self, Error> {
        let cannot = |error: ExporterBuildError| Error::Setup(format!("cannot export telemetry: {error}"));
        let resource = resource(service);
        let spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(cannot)?;
        let traces = SdkTracerProvider::builder().with_resource(resource.clone());
        let traces = traces.with_batch_exporter(Told::new(spans, "spans")).build();
        let measured = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(cannot)?;
        let metrics = SdkMeterProvider::builder().with_resource(resource.clone());
        let metrics = metrics.with_periodic_exporter(Told::new(measured, "metrics")).build();
        let lines = LogExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(cannot)?;
        let logs = SdkLoggerProvider::builder().with_resource(resource);
        let logs = logs.with_batch_exporter(Told::new(lines, "log lines")).build();
        Ok(Self { traces, metrics, logs })
    }

    /// Takes the runtime's spans, of which each is a part of its trace from then on.
    pub fn spans<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        let layer = tracing_opentelemetry::layer().with_tracer(self.traces.tracer(SCOPE));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        let spans = filter_fn(|metadata| metadata.is_span() && *metadata.level() <= Level::INFO);
        layer.with_filter(spans.with_max_level_hint(LevelFilter::INFO))
    }

    /// Takes log lines, with the trace that they belong to. It stands behind [`Otlp::spans`].
    pub fn lines<S: Subscriber + for<'span> LookupSpan<'span>>(&self) -> impl Layer<S> + use<S> {
        let others = filter_fn(|metadata| !CONNECTIONS.iter().any(|own| metadata.target().starts_with(own)));
        OpenTelemetryTracingBridge::new(&self.logs).with_filter(others)
    }

    /// A recorder of metrics, to be installed.
    pub fn recorder(&self) -> impl Recorder + Send + Sync + use<> {
        MeterRecorder::new(&self.metrics, SCOPE)
    }

    /// Sends what is left, and ends. It waits for the collector, 5 seconds at most; so it is not for a thread of the runtime.
    pub fn end(&self) {
        // What does not get out has been told of by then.
        std::thread::scope(|scope| {
            scope.spawn(|| drop(self.traces.shutdown_with_timeout(PATIENCE)));
            scope.spawn(|| drop(self.metrics.shutdown_with_timeout(PATIENCE)));
            scope.spawn(|| drop(self.logs.shutdown_with_timeout(PATIENCE)));
        });
    }
}

fn resource(service: &'static str) -> Resource {
    let said = Resource::builder().build();
    let named = said.get(&"service.name".into()).is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if named { said } else { Resource::builder().with_service_name(service).build() }
}
