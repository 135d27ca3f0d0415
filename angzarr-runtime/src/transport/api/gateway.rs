//! Commands in, and everything of their conversation out.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::book::caused;
use super::limits::held;
use super::traced::join;
use crate::app::{App, Following};
use crate::proto;
use crate::transport::services::command_gateway_server::CommandGateway;
use crate::transport::status::status;

pub(super) struct Gateway {
    pub(super) app: App,
    pub(super) streams: Arc<Semaphore>,
}

type Books = BoxStream<'static, Result<proto::EventBook, Status>>;

impl Gateway {
    /// Has the command decided, then follows its conversation from where it began.
    async fn execute(
        &self,
        book: Option<proto::CommandBook>,
        limited: impl FnOnce(Following) -> Following,
    ) -> Result<Response<Books>, Status> {
        let mut book = book.unwrap_or_default();
        // Without a cover nothing is followed: the book is refused.
        let cover = book.cover.get_or_insert_default();
        if cover.correlation_id.is_empty() {
            cover.correlation_id = Uuid::now_v7().to_string();
        }
        let following = limited(self.app.follow(cover.correlation_id.clone()));
        // Before anything is decided: what is refused here may be sent again.
        let books = held(&self.streams, books(following))?;
        self.app.execute(book).await.map_err(|error| status(&error))?;
        Ok(Response::new(books))
    }
}

/// The books of a conversation, up to the first error.
fn books(following: Following) -> Books {
    let next = |following: Option<Following>| async {
        let mut following = following?;
        match following.next().await {
            Ok(Some(book)) => Some((caused(book).map(Ok), Some(following))),
            Ok(None) => None,
            Err(error) => Some((Some(Err(status(&error))), None)),
        }
    };
    unfold(Some(following), next).filter_map(|book| async { book }).boxed()
}

#[async_trait]
impl CommandGateway for Gateway {
    type ExecuteStreamStream = Books;
    type ExecuteStreamResponseCountStream = Books;
    type ExecuteStreamResponseTimeStream = Books;

    async fn execute_stream(&self, request: Request<proto::CommandBook>) -> Result<Response<Books>, Status> {
        self.execute(Some(join(request, |book| Some(book))), |following| following).await
    }

    async fn execute_stream_response_count(
        &self,
        request: Request<proto::ExecuteStreamCountRequest>,
    ) -> Result<Response<Books>, Status> {
        let proto::ExecuteStreamCountRequest { command, count } = join(request, |request| request.command.as_mut());
        self.execute(command, |following| following.count(count.into())).await
    }

    async fn execute_stream_response_time(
        &self,
        request: Request<proto::ExecuteStreamTimeRequest>,
    ) -> Result<Response<Books>, Status> {
        let proto::ExecuteStreamTimeRequest { command, time } = join(request, |request| request.command.as_mut());
        let time = Duration::try_from(time.unwrap_or_default());
        let time = time.map_err(|_| Status::invalid_argument("`time` is no length of time"))?;
        self.execute(command, |following| following.within(time)).await
    }
}
