//! Operating the runtime.

use prost_types::Timestamp;
use tonic::{Request, Response, Status, async_trait};

use super::book::book;
use crate::app::{App, Cleared, Consumer};
use crate::error::Error;
use crate::proto;
use crate::proto::clear_park_request::Way;
use crate::store::{Attempt, DeadLetter, EventRef, Park};
use crate::transport::services::admin_server;
use crate::transport::status::{BadCall, status};
use crate::view::VersionState;

/// How many are listed if nothing is said, and at most.
const LIMIT: u32 = 100;
const LARGEST: u32 = 1_000;

/// Later than anything: 9999-12-31T23:59:59Z, the last second that a timestamp can name.
const LAST: Timestamp = Timestamp { seconds: 253_402_300_799, nanos: 0 };

pub(super) struct Admin(pub(super) App);

impl Admin {
    fn consumer(&self, name: &str) -> Result<Consumer, Status> {
        self.0.consumer(name).map_err(|error| status(&error))
    }
}

fn answered<T>(result: Result<T, Error>) -> Result<T, Status> {
    result.map_err(|error| status(&error))
}

pub(super) fn limit(given: u32) -> usize {
    usize::try_from(if given == 0 { LIMIT } else { given.min(LARGEST) }).unwrap_or(usize::MAX)
}

#[async_trait]
impl admin_server::Admin for Admin {
    async fn list_consumers(
        &self,
        _: Request<proto::ListConsumersRequest>,
    ) -> Result<Response<proto::ListConsumersResponse>, Status> {
        let head = *self.0.head().borrow();
        let consumers = self.0.consumers().into_iter().map(|consumer| proto::ConsumerStatus {
            name: consumer.name.to_owned(),
            position: consumer.position,
            lag: head.saturating_sub(consumer.position),
            stopped: consumer.stopped.unwrap_or_default(),
            paused: consumer.paused.unwrap_or_default(),
            parks: u64::try_from(consumer.parks).unwrap_or(u64::MAX),
            failures: consumer.failures,
            ignored: consumer.ignored,
        });
        Ok(Response::new(proto::ListConsumersResponse { consumers: consumers.collect(), head }))
    }

    async fn pause_consumer(
        &self,
        request: Request<proto::PauseConsumerRequest>,
    ) -> Result<Response<proto::PauseConsumerResponse>, Status> {
        answered(self.consumer(&request.get_ref().consumer)?.pause().await)?;
        Ok(Response::new(proto::PauseConsumerResponse {}))
    }

    async fn resume_consumer(
        &self,
        request: Request<proto::ResumeConsumerRequest>,
    ) -> Result<Response<proto::ResumeConsumerResponse>, Status> {
        answered(self.consumer(&request.get_ref().consumer)?.resume().await)?;
        Ok(Response::new(proto::ResumeConsumerResponse {}))
    }

    async fn list_parks(
        &self,
        request: Request<proto::ListParksRequest>,
    ) -> Result<Response<proto::ListParksResponse>, Status> {
        let proto::ListParksRequest { consumer, after, limit: given } = request.into_inner();
        let mut parks = answered(self.consumer(&consumer)?.parks().await)?;
        parks.retain(|park| after.is_empty() || park.lane > after);
        parks.sort_unstable_by(|one, other| one.lane.cmp(&other.lane));
        parks.truncate(limit(given));
        let park = |Park { lane, events, first }| proto::Park { lane, events, first: Some(first.into()) };
        Ok(Response::new(proto::ListParksResponse { parks: parks.into_iter().map(park).collect() }))
    }

    async fn clear_park(
        &self,
        request: Request<proto::ClearParkRequest>,
    ) -> Result<Response<proto::ClearParkResponse>, Status> {
        let request = request.into_inner();
        let (way, consumer) = (request.way(), self.consumer(&request.consumer)?);
        let Cleared { events, failed } = answered(match way {
            Way::Unspecified => return Err(BadCall::Field("way").into()),
            Way::Replay => consumer.replay(request.lane).await,
            Way::Skip => consumer.skip(request.lane).await,
            Way::Discard => consumer.discard(request.lane).await,
            Way::DiscardAndCompensate => consumer.discard_and_compensate(request.lane).await,
        })?;
        let (failed, attempt) = failed.map(|(event, attempt)| (event.into(), attempt.into())).unzip();
        Ok(Response::new(proto::ClearParkResponse { events, failed, attempt }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<proto::ListDeadLettersRequest>,
    ) -> Result<Response<proto::ListDeadLettersResponse>, Status> {
        let proto::ListDeadLettersRequest { consumer, after, limit: given } = request.into_inner();
        let found = self.consumer(&consumer)?.dead_letters(after.map(Into::into), limit(given)).await;
        let dead_letter = |DeadLetter { event, lane, attempts, record }| proto::DeadLetter {
            event: Some(event.into()),
            lane,
            attempts: attempts.into_iter().map(Into::into).collect(),
            record: book(vec![record]),
        };
        let dead_letters = answered(found)?.into_iter().map(dead_letter).collect();
        Ok(Response::new(proto::ListDeadLettersResponse { dead_letters }))
    }

    async fn remove_dead_letter(
        &self,
        request: Request<proto::RemoveDeadLetterRequest>,
    ) -> Result<Response<proto::RemoveDeadLetterResponse>, Status> {
        let proto::RemoveDeadLetterRequest { consumer, event } = request.into_inner();
        let event = event.ok_or(BadCall::Field("event"))?;
        answered(self.consumer(&consumer)?.remove_dead_letter(event.into()).await)?;
        Ok(Response::new(proto::RemoveDeadLetterResponse {}))
    }

    async fn list_deadlines(
        &self,
        request: Request<proto::ListDeadlinesRequest>,
    ) -> Result<Response<proto::ListDeadlinesResponse>, Status> {
        let proto::ListDeadlinesRequest { until, limit: given, domain } = request.into_inner();
        let domain = Some(&*domain).filter(|domain| !domain.is_empty());
        let pending = answered(self.0.deadlines(domain, until.unwrap_or(LAST), limit(given)).await)?;
        let deadlines = pending.into_iter().map(|(process_manager, deadline)| {
            let set: Option<proto::DeadlineSet> = prost::Message::decode(deadline.record.payload.value.clone()).ok();
            let event = set.and_then(|set| set.event);
            let cover = book(vec![deadline.record]).and_then(|book| book.cover);
            let (name, at) = (deadline.due.name, Some(deadline.due.at));
            proto::PendingDeadline { process_manager: process_manager.to_owned(), cover, name, at, event }
        });
        Ok(Response::new(proto::ListDeadlinesResponse { deadlines: deadlines.collect() }))
    }

    async fn list_views(
        &self,
        _: Request<proto::ListViewsRequest>,
    ) -> Result<Response<proto::ListViewsResponse>, Status> {
        let views = answered(self.0.view_status().await)?.into_iter().map(|view| proto::ViewStatus {
            name: view.name.to_owned(),
            version: view.version,
            building: view.state == VersionState::Building,
            table: view.table,
            checkpoint: view.checkpoint,
            stopped: view.stopped.map(|(position, reason)| format!("before {position}: {reason}")).unwrap_or_default(),
        });
        Ok(Response::new(proto::ListViewsResponse { views: views.collect(), head: *self.0.head().borrow() }))
    }

    async fn rebuild_view(
        &self,
        request: Request<proto::RebuildViewRequest>,
    ) -> Result<Response<proto::RebuildViewResponse>, Status> {
        answered(self.0.rebuild(&request.get_ref().view).await)?;
        Ok(Response::new(proto::RebuildViewResponse {}))
    }

    async fn list_warm_states(
        &self,
        _: Request<proto::ListWarmStatesRequest>,
    ) -> Result<Response<proto::ListWarmStatesResponse>, Status> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let aggregates = self.0.warm().into_iter().map(|(domain, states, bytes)| proto::WarmStates {
            domain: domain.to_owned(),
            states: count(states),
            bytes: count(bytes),
        });
        Ok(Response::new(proto::ListWarmStatesResponse { aggregates: aggregates.collect() }))
    }

    async fn get_descriptors(
        &self,
        _: Request<proto::GetDescriptorsRequest>,
    ) -> Result<Response<proto::GetDescriptorsResponse>, Status> {
        let file_descriptor_sets = self.0.descriptors().to_vec();
        Ok(Response::new(proto::GetDescriptorsResponse { file_descriptor_sets }))
    }
}

impl From<EventRef> for proto::EventReference {
    fn from(event: EventRef) -> Self {
        Self { position: event.position, part: Some(event.part).filter(|part| *part != EventRef::WHOLE) }
    }
}

impl From<proto::EventReference> for EventRef {
    fn from(event: proto::EventReference) -> Self {
        Self { position: event.position, part: event.part.unwrap_or(EventRef::WHOLE) }
    }
}

impl From<Attempt> for proto::Attempt {
    fn from(Attempt { at, code, reason }: Attempt) -> Self {
        Self { at: Some(at), code, reason }
    }
}
