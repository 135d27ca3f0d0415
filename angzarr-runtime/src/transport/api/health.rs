//! Whether calls would be answered, and if not, what is missing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::limits::held;
use crate::app::App;
use crate::error::Error;
use crate::transport::remote::Connection;
use crate::transport::status::BadCall;

/// How long what is asked may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked for somebody who watches.
const LOOK: Duration = Duration::from_secs(1);

/// What may be asked for by name.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// The log can be read.
    Store,
    /// All services with business code accept connections, and are as they were described.
    Service,
    /// What carries events between programs. It is the log itself, so it is never missing by itself.
    Bus,
    /// All of them.
    All,
}

/// Looks when it is asked: what is kept would be old.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) app: App,
    pub(super) services: Vec<Connection>,
    /// Whether nobody should come any more.
    pub(super) announced: watch::Receiver<bool>,
    /// Whether serving ends: nobody watches any longer.
    pub(super) ending: watch::Receiver<bool>,
    /// Room for those who watch.
    pub(super) watchers: Arc<Semaphore>,
}

impl Health {
    fn part(request: Request<HealthCheckRequest>) -> Result<Part, Status> {
        match request.into_inner().service.as_str() {
            "" => Ok(Part::All),
            "store" => Ok(Part::Store),
            "service" => Ok(Part::Service),
            "bus" => Ok(Part::Bus),
            _ => Err(BadCall::UnknownPart.into()),
        }
    }

    async fn look(&self, part: Part) -> ServingStatus {
        let found = match part {
            Part::Store => self.store().await,
            Part::Service => self.services().await,
            Part::Bus => true,
            Part::All => !*self.announced.borrow() && self.store().await && self.services().await,
        };
        if found { ServingStatus::Serving } else { ServingStatus::NotServing }
    }

    async fn store(&self) -> bool {
        let head = *self.app.head().borrow();
        // An event that cannot be understood is not the store's fault.
        matches!(timeout(PATIENCE, self.app.read_log(head, 1)).await, Ok(read) if !matches!(read, Err(Error::Store(_))))
    }

    async fn services(&self) -> bool {
        join_all(self.services.iter().map(Connection::serves)).await.into_iter().all(|serves| serves)
    }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[async_trait]
impl health_server::Health for Health {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(answer(self.look(Self::part(request)?).await)))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let part = Self::part(request)?;
        let mut ending = self.ending.clone();
        let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
        let changes = unfold((self.clone(), None), move |(health, known)| async move {
            loop {
                let status = health.look(part).await;
                if known != Some(status) {
                    return Some((Ok(answer(status)), (health, Some(status))));
                }
                sleep(LOOK).await;
            }
        });
        Ok(Response::new(held(&self.watchers, changes.take_until(Box::pin(ended)))?))
    }
}
