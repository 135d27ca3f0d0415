//! The metrics as Prometheus reads them.

use metrics::Recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::measure::BOUNDARIES;
use crate::error::Error;

/// What a recorder has recorded, as text. Clones share it.
#[derive(Clone, Debug)]
pub struct Prometheus(PrometheusHandle);

impl Prometheus {
    /// The media type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A recorder, to be installed, and what it has recorded.
    ///
    /// # Errors
    /// [`Error::Setup`] if durations cannot be divided as they are.
    pub fn new() -> Result<(impl Recorder + Send + Sync + use<>, Self), Error> {
        let builder = PrometheusBuilder::new().with_recommended_naming(true);
        let builder = builder.set_buckets(BOUNDARIES).map_err(|error| Error::Setup(error.to_string()))?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self(handle)))
    }

    /// Everything up to now, in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Adds up what was recorded, which otherwise lies in memory until somebody reads it. To be done every few seconds.
    pub fn add_up(&self) {
        self.0.run_upkeep();
    }
}
