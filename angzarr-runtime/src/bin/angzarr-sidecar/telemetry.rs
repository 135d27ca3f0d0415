//! Who is told what happens: readers of the log, whoever reads the metrics, and a collector.

use std::time::Duration;

use angzarr_runtime::Error;
use angzarr_runtime::config::Config;
#[cfg(feature = "otel")]
use angzarr_runtime::telemetry::Otlp;
use angzarr_runtime::telemetry::Prometheus;
use angzarr_runtime::transport::{Address, Scrape};
use metrics_util::layers::FanoutBuilder;
use tokio::time::sleep;
use tracing::error;
#[cfg(feature = "otel")]
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::log;

/// How often what was recorded is added up, so that it takes no memory if nobody reads it.
const UPKEEP: Duration = Duration::from_secs(5);

/// Whoever is told beside the log.
pub(crate) struct Telemetry {
    prometheus: Option<(Address, Prometheus)>,
    #[cfg(feature = "otel")]
    otlp: Option<Otlp>,
}

impl Telemetry {
    /// Begins to log, to record, and to export. To be called within a runtime, and once.
    pub(crate) fn begin(config: &Config) -> Result<Self, String> {
        let told = |error: Error| error.to_string();
        let mut recorders = FanoutBuilder::default();
        let mut prometheus = None;
        if let Some(address) = &config.telemetry.prometheus {
            let (recorder, metrics) = Prometheus::new().map_err(told)?;
            recorders = recorders.add_recorder(recorder);
            prometheus = Some((address.clone(), metrics));
        }
        #[cfg(feature = "otel")]
        let otlp = match &config.telemetry.otlp {
            Some(endpoint) => {
                let otlp = Otlp::begin(endpoint, "angzarr-sidecar").map_err(told)?;
                recorders = recorders.add_recorder(otlp.recorder());
                Some(otlp)
            }
            None => None,
        };
        let layers = [
            Some(log::lines(config.log)?),
            #[cfg(feature = "otel")]
            otlp.as_ref().map(|otlp| otlp.spans().boxed()),
            #[cfg(feature = "otel")]
            otlp.as_ref().map(|otlp| Ok::<_, String>(otlp.lines().with_filter(log::wanted()?).boxed())).transpose()?,
        ];
        let layers: Vec<_> = layers.into_iter().flatten().collect();
        let telemetry = Self {
            prometheus,
            #[cfg(feature = "otel")]
            otlp,
        };
        if telemetry.measures() {
            metrics::set_global_recorder(recorders.build()).map_err(|error| error.to_string())?;
        }
        tracing_subscriber::registry().with(layers).init();
        Ok(telemetry)
    }

    /// Whether anybody reads metrics.
    pub(crate) fn measures(&self) -> bool {
        #[cfg(feature = "otel")]
        if self.otlp.is_some() {
            return true;
        }
        self.prometheus.is_some()
    }

    /// Begins to show the metrics, if somebody is to read them here.
    pub(crate) async fn show(&self) -> Result<(), Error> {
        let Some((address, metrics)) = &self.prometheus else { return Ok(()) };
        let scrape = Scrape::listen(address, metrics.clone()).await?;
        let metrics = metrics.clone();
        // Both go on to the very end.
        tokio::spawn(async move {
            if let Err(error) = scrape.serve(std::future::pending()).await {
                error!(code = error.code(), %error, "metrics are not shown any more");
            }
        });
        tokio::spawn(async move {
            loop {
                sleep(UPKEEP).await;
                metrics.add_up();
            }
        });
        Ok(())
    }

    /// Sends what is left; outside the runtime, since it waits.
    pub(crate) fn end(self) {
        #[cfg(feature = "otel")]
        if let Some(otlp) = self.otlp {
            otlp.end();
        }
    }
}
