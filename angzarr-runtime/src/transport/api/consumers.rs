//! What consumers make of books: those who have one tell of it, and may wait.

use std::time::Duration;

use tonic::{Request, Response, Status, async_trait};

use super::book::{caused, stream};
use super::patience::Patience;
use crate::app::App;
use crate::coordinator::consumer::ConsumerKind;
use crate::error::{BadBook, Error};
use crate::proto;
use crate::store::Record;
use crate::transport::services::process_manager_coordinator_server::ProcessManagerCoordinator;
use crate::transport::services::projector_coordinator_server::ProjectorCoordinator;
use crate::transport::services::saga_coordinator_server::SagaCoordinator;
use crate::transport::status::status;

/// How many records a book may have that is waited for: each of them is loaded.
const LARGEST: u32 = 10_000;

/// The consumers of one kind.
pub(super) struct Consumers {
    pub(super) app: App,
    pub(super) kind: ConsumerKind,
}

impl Consumers {
    /// The records of a book, as the log has them.
    async fn records(&self, book: proto::EventBook) -> Result<Vec<Record>, Error> {
        let proto::EventBook { cover, first_sequence, next_sequence, position, .. } = book;
        if next_sequence.saturating_sub(first_sequence) > LARGEST {
            return Err(BadBook::TooLong(LARGEST).into());
        }
        let sequences = (next_sequence > 0).then_some(first_sequence..next_sequence);
        self.app.book(stream(cover)?, sequences, position).await
    }

    async fn tell(&self, book: proto::EventBook) -> Result<proto::HandleBookResponse, Error> {
        let position = book.position;
        let records = self.records(book).await?;
        let mut components = Vec::new();
        for consumer in self.app.consumers_of(self.kind, None)? {
            if consumer.listens_to_any(&records) {
                consumer.want(position);
                components.push(consumer.name.to_owned());
            }
        }
        Ok(proto::HandleBookResponse { position, components })
    }

    async fn wait(
        &self,
        request: proto::HandleBookSyncRequest,
        wait: Duration,
    ) -> Result<proto::HandleBookSyncResponse, Error> {
        let proto::HandleBookSyncRequest { book, component, .. } = request;
        let consumers = self.app.consumers_of(self.kind, Some(component.as_str()).filter(|name| !name.is_empty()))?;
        let records = self.records(book.unwrap_or_default()).await?;
        let outcome = self.app.wait_for_consumers(&records, consumers, wait).await?;
        Ok(proto::HandleBookSyncResponse {
            position: outcome.position,
            projections: rows(&self.app, &records, &outcome.waited_for).await?,
            caused: outcome.caused.into_iter().filter_map(caused).collect(),
            failures: outcome.failures.into_iter().map(Into::into).collect(),
            waited_for: outcome.waited_for,
            awaited: outcome.awaited,
        })
    }
}

/// The rows that events belong to, of those projectors that are done with them.
pub(super) async fn rows(app: &App, events: &[Record], done: &[String]) -> Result<Vec<proto::Projection>, Error> {
    Ok(app.projected(events, done).await?.into_iter().map(Into::into).collect())
}

/// The same service for each kind.
macro_rules! serve {
    ($service:ident) => {
        #[async_trait]
        impl $service for Consumers {
            async fn handle(
                &self,
                request: Request<proto::EventBook>,
            ) -> Result<Response<proto::HandleBookResponse>, Status> {
                self.tell(request.into_inner()).await.map(Response::new).map_err(|error| status(&error))
            }

            async fn handle_sync(
                &self,
                request: Request<proto::HandleBookSyncRequest>,
            ) -> Result<Response<proto::HandleBookSyncResponse>, Status> {
                let patience = Patience::of(request.metadata());
                let request = request.into_inner();
                let wait = patience.wait(request.timeout)?;
                self.wait(request, wait).await.map(Response::new).map_err(|error| status(&error))
            }
        }
    };
}

serve!(ProjectorCoordinator);
serve!(SagaCoordinator);
serve!(ProcessManagerCoordinator);
