//! Exporters whose failures are told once, and not with every batch.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// An exporter, and whether its last batch was lost.
#[derive(Debug)]
pub(super) struct Told<E> {
    exporter: E,
    what: &'static str,
    failing: AtomicBool,
}

impl<E> Told<E> {
    pub(super) fn new(exporter: E, what: &'static str) -> Self {
        Self { exporter, what, failing: AtomicBool::new(false) }
    }

    async fn tell(&self, exported: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let result = exported.await;
        let (what, failed) = (self.what, result.is_err());
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            match &result {
                Err(error) => {
                    tracing::warn!(what, %error, "the collector does not take them: they are lost until it does");
                }
                Ok(()) => tracing::info!(what, "the collector takes them again"),
            }
        }
        result
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.tell(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Told<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.tell(self.exporter.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl<E: LogExporter> LogExporter for Told<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.tell(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
