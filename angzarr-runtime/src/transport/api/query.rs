//! Reading streams, states and the log.

use std::sync::Arc;

use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, iter, once, unfold};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::book::book;
use super::limits::held;
use crate::app::App;
use crate::coordinator::elsewhere::Routes;
use crate::error::{BadBook, Error};
use crate::id::root_id;
use crate::proto;
use crate::proto::stream_query::AsOf as Asked;
use crate::store::{AsOf, Load, Record, StreamId};
use crate::transport::routes::is_routed;
use crate::transport::services::event_query_server::EventQuery;
use crate::transport::status::status;

/// How many records are read at a time.
const PAGE: usize = 256;

pub(super) struct Query {
    pub(super) app: App,
    pub(super) streams: Arc<Semaphore>,
    /// Whether serving ends: subscriptions would go on for ever.
    pub(super) ending: watch::Receiver<bool>,
}

type Books = BoxStream<'static, Result<proto::EventBook, Status>>;

#[async_trait]
impl EventQuery for Query {
    type SubscribeStream = Books;

    async fn get_event_book(&self, request: Request<proto::StreamQuery>) -> Result<Response<proto::EventBook>, Status> {
        if let Some(routes) = self.elsewhere(&request)? {
            let book = routes.events(request.into_inner()).await.map_err(|error| status(&error))?;
            return Ok(Response::new(book));
        }
        let (stream, from, as_of) = asked(request.into_inner()).map_err(|error| status(&error))?;
        let load = Load { from, as_of, ..Load::of(stream) };
        let records = self.app.stream_events(load).await.map_err(|error| status(&error))?;
        Ok(Response::new(book(records).unwrap_or_default()))
    }

    async fn get_state(&self, request: Request<proto::StreamQuery>) -> Result<Response<proto::StateResponse>, Status> {
        if let Some(routes) = self.elsewhere(&request)? {
            let state = routes.state(request.into_inner()).await.map_err(|error| status(&error))?;
            return Ok(Response::new(proto::StateResponse { state: state.map(|state| state.to_any()) }));
        }
        let (stream, _, as_of) = asked(request.into_inner()).map_err(|error| status(&error))?;
        let state = self.app.encoded_state(stream, as_of).await.map_err(|error| status(&error))?;
        Ok(Response::new(proto::StateResponse { state: state.map(|state| state.to_any()) }))
    }

    async fn subscribe(&self, request: Request<proto::SubscribeRequest>) -> Result<Response<Books>, Status> {
        let wanted = request.into_inner();
        let tail = Tail { app: self.app.clone(), head: self.app.head(), after: wanted.after };
        let pages = unfold(tail, |mut tail| async { Some((tail.next().await, tail)) });
        let books = pages.map_ok(move |records| iter(books(records, &wanted)).map(Ok)).try_flatten();
        let mut ending = self.ending.clone();
        let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
        let last = once(ready(Err(status(&Error::ShuttingDown))));
        Ok(Response::new(held(&self.streams, books.take_until(Box::pin(ended)).chain(last))?))
    }
}

impl Query {
    /// Where another process has to answer: it knows what old events are now, and how they are folded. What was sent on
    /// goes no further.
    fn elsewhere(&self, request: &Request<proto::StreamQuery>) -> Result<Option<Arc<dyn Routes>>, Status> {
        if is_routed(request.metadata(), self.app.log_id()).map_err(|error| status(&error))? {
            return Ok(None);
        }
        let Some(cover) = &request.get_ref().cover else { return Ok(None) };
        Ok(self.app.elsewhere(&cover.domain))
    }
}

/// Which stream, from where, as of when.
fn asked(query: proto::StreamQuery) -> Result<(StreamId, u32, AsOf), Error> {
    let cover = query.cover.ok_or(BadBook::NoCover)?;
    let root = match &cover.root {
        Some(root) => Uuid::try_from(root).map_err(BadBook::BadRoot)?,
        None => root_id(&cover.domain, &cover.key).ok_or(BadBook::NoRoot)?,
    };
    let as_of = match query.as_of {
        None => AsOf::Now,
        Some(Asked::Sequence(sequence)) => AsOf::Sequence(sequence),
        Some(Asked::Time(time)) => AsOf::Time(time),
    };
    Ok((StreamId::new(cover.domain, root), query.first_sequence, as_of))
}

/// The log as it goes on.
struct Tail {
    app: App,
    head: watch::Receiver<u64>,
    after: u64,
}

impl Tail {
    /// What comes next, when there is something. After an error it goes on with the same.
    async fn next(&mut self) -> Result<Vec<Record>, Status> {
        loop {
            self.head.mark_unchanged();
            let slice = self.app.read_log(self.after, PAGE).await.map_err(|error| status(&error))?;
            if let Some(reached) = slice.next {
                self.after = reached;
                return Ok(slice.records);
            }
            if self.head.changed().await.is_err() {
                return Err(status(&Error::ShuttingDown));
            }
        }
    }
}

/// Those of a page that are wanted, in books of one stream.
fn books(records: Vec<Record>, wanted: &proto::SubscribeRequest) -> Vec<proto::EventBook> {
    let is_wanted = |record: &Record| {
        record.kind.is_event()
            && (wanted.correlation_id.is_empty() || *record.trace.correlation_id == *wanted.correlation_id)
            && (wanted.domains.is_empty() || wanted.domains.iter().any(|domain| **domain == *record.stream.domain))
    };
    let mut found: Vec<Vec<Record>> = Vec::new();
    for record in records.into_iter().filter(is_wanted) {
        // Parts of one event share its position.
        let belongs = |last: &Record| record.continues(last) || record.position == last.position;
        match found.last_mut().filter(|book| book.last().is_some_and(belongs)) {
            Some(book) => book.push(record),
            None => found.push(vec![record]),
        }
    }
    found.into_iter().filter_map(book).collect()
}
