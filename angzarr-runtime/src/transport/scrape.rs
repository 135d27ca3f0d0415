//! A text that is read by HTTP: what Prometheus scrapes.

use std::future::Future;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tonic::service::Routes;
use tonic::transport::Server;

use super::address::{Address, Listening};
use crate::error::Error;
use crate::telemetry::Prometheus;

/// Somebody who listens for whoever reads the metrics, at `GET /metrics`.
#[derive(Debug)]
pub struct Scrape {
    address: Address,
    listening: Listening,
    metrics: Prometheus,
}

impl Scrape {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`Error::Setup`] if nobody may listen there.
    pub async fn listen(address: &Address, metrics: Prometheus) -> Result<Self, Error> {
        let listening = address.listen().await;
        let listening =
            listening.map_err(|error| Error::Setup(format!("cannot show metrics at {address}: {error}")))?;
        Ok(Self { address: address.clone(), listening, metrics })
    }

    /// Answers until something ends.
    ///
    /// # Errors
    /// [`Error::Setup`] if nobody may listen there any more.
    pub async fn serve(self, until: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let Self { address, listening, metrics } = self;
        let answer = move || {
            let metrics = metrics.clone();
            async move { ([(CONTENT_TYPE, Prometheus::CONTENT_TYPE)], metrics.render()).into_response() }
        };
        let router = Router::new().route("/metrics", get(answer));
        let router = Server::builder().accept_http1(true).add_routes(Routes::from(router));
        let served = listening.serve(router, None, until).await;
        served.map_err(|error| Error::Setup(format!("cannot show metrics at {address}: {error}")))
    }
}
