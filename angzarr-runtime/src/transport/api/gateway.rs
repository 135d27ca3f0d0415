//! Commands in, and everything of their conversation out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::{Semaphore, watch};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::book::caused;
use super::facts::Facts;
use super::limits::held;
use super::patience::Patience;
use super::traced::joined;
use crate::app::{App, Following};
use crate::error::{BadBook, Error};
use crate::proto;
use crate::transport::services::command_gateway_server::CommandGateway;
use crate::transport::status::{BadCall, status};

pub(super) struct Gateway {
    pub(super) app: App,
    pub(super) facts: Facts,
    pub(super) streams: Arc<Semaphore>,
    /// Whether serving ends: conversations without an end would go on for ever.
    pub(super) ending: watch::Receiver<bool>,
}

type Books = BoxStream<'static, Result<proto::EventBook, Status>>;

impl Gateway {
    /// Has the command decided, then follows its conversation from where it began.
    async fn execute(
        &self,
        metadata: &MetadataMap,
        book: Option<proto::CommandBook>,
        limited: impl FnOnce(Following) -> Following,
    ) -> Result<Response<Books>, Status> {
        let mut book = joined(book.unwrap_or_default(), metadata);
        self.facts.authorize(&self.app, &book, metadata)?;
        let cover = book.cover.as_mut().ok_or_else(|| status(&BadBook::NoCover.into()))?;
        if cover.correlation_id.is_empty() {
            cover.correlation_id = Uuid::now_v7().to_string();
        }
        let following = limited(self.app.follow(cover.correlation_id.clone()));
        // Before anything is decided: what is refused here may be sent again.
        let books = held(&self.streams, books(following, self.ending.clone()))?;
        self.app.execute(Patience::of(metadata).limit(book)).await.map_err(|error| status(&error))?;
        Ok(Response::new(books))
    }
}

/// The books of a conversation, up to the first error, or until serving ends.
fn books(following: Following, ending: watch::Receiver<bool>) -> Books {
    let next = |open: Option<(Following, watch::Receiver<bool>)>| async {
        let (mut following, mut ending) = open?;
        let next = tokio::select! {
            next = following.next() => next,
            _ = ending.wait_for(|ending| *ending) => Err(Error::ShuttingDown),
        };
        match next {
            Ok(Some(book)) => Some((caused(book).map(Ok), Some((following, ending)))),
            Ok(None) => None,
            Err(error) => Some((Some(Err(status(&error))), None)),
        }
    };
    unfold(Some((following, ending)), next).filter_map(|book| async { book }).boxed()
}

#[async_trait]
impl CommandGateway for Gateway {
    type ExecuteStreamStream = Books;
    type ExecuteStreamResponseCountStream = Books;
    type ExecuteStreamResponseTimeStream = Books;

    async fn execute_stream(&self, request: Request<proto::CommandBook>) -> Result<Response<Books>, Status> {
        let (metadata, _, book) = request.into_parts();
        self.execute(&metadata, Some(book), |following| following).await
    }

    async fn execute_stream_response_count(
        &self,
        request: Request<proto::ExecuteStreamCountRequest>,
    ) -> Result<Response<Books>, Status> {
        let (metadata, _, proto::ExecuteStreamCountRequest { command, count }) = request.into_parts();
        if count == 0 {
            // Nobody means that: it would be carried out, and nothing of it told.
            return Err(BadCall::Field("count").into());
        }
        self.execute(&metadata, command, |following| following.count(count.into())).await
    }

    async fn execute_stream_response_time(
        &self,
        request: Request<proto::ExecuteStreamTimeRequest>,
    ) -> Result<Response<Books>, Status> {
        let (metadata, _, proto::ExecuteStreamTimeRequest { command, time }) = request.into_parts();
        let time = time.and_then(|time| Duration::try_from(time).ok()).ok_or(BadCall::Field("time"))?;
        self.execute(&metadata, command, |following| following.within(time)).await
    }
}
