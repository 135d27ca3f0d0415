//! Reading streams, states and the log.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, iter, once, try_unfold, unfold};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::admin::limit;
use super::book::{book, stream};
use super::limits::held;
use crate::app::App;
use crate::error::{BadBook, Error};
use crate::proto;
use crate::proto::stream_query::AsOf as Asked;
use crate::store::{AsOf, Load, Record, Root, StreamId};
use crate::transport::services::event_query_server::EventQuery;
use crate::transport::status::status;

/// How many records are read at a time.
const PAGE: usize = 256;

#[derive(Clone)]
pub(super) struct Query {
    pub(super) app: App,
    pub(super) streams: Arc<Semaphore>,
    /// Whether serving ends: subscriptions would go on for ever.
    pub(super) ending: watch::Receiver<bool>,
}

type Books = BoxStream<'static, Result<proto::EventBook, Status>>;

#[async_trait]
impl EventQuery for Query {
    type GetEventBooksStream = Books;
    type GetConversationStream = Books;
    type SubscribeStream = Books;

    async fn get_event_book(&self, request: Request<proto::StreamQuery>) -> Result<Response<proto::EventBook>, Status> {
        let book = self.stream(request.into_inner()).await.map_err(|error| status(&error))?;
        Ok(Response::new(book))
    }

    async fn get_event_books(&self, request: Request<proto::GetEventBooksRequest>) -> Result<Response<Books>, Status> {
        let streams = request.into_inner().streams;
        // What is wrong is told before anything is read.
        streams.iter().try_for_each(|query| asked(query).map(drop)).map_err(|error| status(&error))?;
        let this = self.clone();
        let books = iter(streams).then(move |query| {
            let this = this.clone();
            async move { this.stream(query).await.map_err(|error| status(&error)) }
        });
        Ok(Response::new(held(&self.streams, books)?))
    }

    async fn get_conversation(
        &self,
        request: Request<proto::GetConversationRequest>,
    ) -> Result<Response<Books>, Status> {
        let correlation_id = request.into_inner().correlation_id;
        if correlation_id.is_empty() {
            return Err(Status::invalid_argument("say which `correlation_id`"));
        }
        let conversation = Conversation { app: self.app.clone(), correlation_id, after: Some(0), begun: Vec::new() };
        let pages = try_unfold(conversation, |mut conversation| async {
            Ok::<_, Status>(conversation.next().await?.map(|page| (page, conversation)))
        });
        let books = pages.map_ok(|page| iter(page).map(Ok)).try_flatten();
        Ok(Response::new(held(&self.streams, books)?))
    }

    async fn list_roots(
        &self,
        request: Request<proto::ListRootsRequest>,
    ) -> Result<Response<proto::ListRootsResponse>, Status> {
        let proto::ListRootsRequest { domain, after, limit: given } = request.into_inner();
        if domain.is_empty() {
            return Err(Status::invalid_argument("say which `domain`"));
        }
        let after = after.as_ref().map(Uuid::try_from).transpose();
        let after = after.map_err(|error| status(&BadBook::BadRoot(error).into()))?;
        let found = self.app.roots(&domain, after, limit(given)).await.map_err(|error| status(&error))?;
        let root = |Root { root, key, next_sequence }: Root| {
            let (domain, key) = (domain.clone(), key.to_string());
            let cover = proto::Cover { root: Some(root.into()), domain, key, ..proto::Cover::default() };
            proto::Root { cover: Some(cover), next_sequence }
        };
        Ok(Response::new(proto::ListRootsResponse { roots: found.into_iter().map(root).collect() }))
    }

    async fn get_state(&self, request: Request<proto::StreamQuery>) -> Result<Response<proto::StateResponse>, Status> {
        let (stream, as_of) = asked(&request.into_inner()).map_err(|error| status(&error))?;
        let state = self.app.encoded_state(stream, as_of).await.map_err(|error| status(&error))?;
        Ok(Response::new(proto::StateResponse { state: state.map(|state| state.to_any()) }))
    }

    async fn get_descriptors(
        &self,
        _: Request<proto::GetDescriptorsRequest>,
    ) -> Result<Response<proto::GetDescriptorsResponse>, Status> {
        let file_descriptor_sets = self.app.descriptors().to_vec();
        Ok(Response::new(proto::GetDescriptorsResponse { file_descriptor_sets }))
    }

    async fn subscribe(&self, request: Request<proto::SubscribeRequest>) -> Result<Response<Books>, Status> {
        let wanted = request.into_inner();
        let only = wanted.stream.clone().map(|cover| stream(Some(cover))).transpose();
        let only = only.map_err(|error| status(&error.into()))?;
        let tail = Tail { app: self.app.clone(), head: self.app.head(), after: wanted.after };
        let pages = unfold(tail, |mut tail| async { Some((tail.next().await, tail)) });
        let books = pages.map_ok(move |records| iter(wanted_of(records, &wanted, only.as_ref())).map(Ok));
        let mut ending = self.ending.clone();
        let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
        let last = once(ready(Err(status(&Error::ShuttingDown))));
        Ok(Response::new(held(&self.streams, books.try_flatten().take_until(Box::pin(ended)).chain(last))?))
    }
}

impl Query {
    /// A part of a stream.
    async fn stream(&self, query: proto::StreamQuery) -> Result<proto::EventBook, Error> {
        let (stream, as_of) = asked(&query)?;
        let sequences = BTreeSet::from_iter(query.sequences);
        let from = sequences.first().map_or(query.first_sequence, |first| query.first_sequence.max(*first));
        let load = Load { from, as_of, ..Load::of(stream) };
        let mut records = self.app.stream_events(load).await?;
        records.retain(|record| sequences.is_empty() || sequences.contains(&record.sequence));
        let empty = || proto::EventBook { cover: query.cover, ..proto::EventBook::default() };
        Ok(book(records).unwrap_or_else(empty))
    }
}

/// Which stream, as of when.
fn asked(query: &proto::StreamQuery) -> Result<(StreamId, AsOf), Error> {
    let as_of = match query.as_of {
        None => AsOf::Now,
        Some(Asked::Sequence(sequence)) => AsOf::Sequence(sequence),
        Some(Asked::Time(time)) => AsOf::Time(time),
    };
    Ok((stream(query.cover.clone())?, as_of))
}

/// What a conversation has come to so far.
struct Conversation {
    app: App,
    correlation_id: String,
    /// None once all is read.
    after: Option<u64>,
    /// A book that may go on in the next page.
    begun: Vec<Record>,
}

impl Conversation {
    /// The books of the next page; none behind the last one.
    async fn next(&mut self) -> Result<Option<Vec<proto::EventBook>>, Status> {
        let Some(after) = self.after else { return Ok(None) };
        let slice = self.app.conversation(&self.correlation_id, after, PAGE).await.map_err(|error| status(&error))?;
        self.after = slice.next;
        let mut books = grouped(std::mem::take(&mut self.begun).into_iter().chain(slice.records));
        if self.after.is_some() {
            self.begun = books.pop().unwrap_or_default();
        }
        Ok(Some(books.into_iter().filter_map(book).collect()))
    }
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
fn wanted_of(
    records: Vec<Record>,
    wanted: &proto::SubscribeRequest,
    stream: Option<&StreamId>,
) -> Vec<proto::EventBook> {
    let is_wanted = |record: &Record| {
        record.kind.is_event()
            && (wanted.correlation_id.is_empty() || *record.trace.correlation_id == *wanted.correlation_id)
            && (wanted.domains.is_empty() || wanted.domains.iter().any(|domain| **domain == *record.stream.domain))
            && stream.is_none_or(|stream| *stream == record.stream)
    };
    grouped(records.into_iter().filter(is_wanted)).into_iter().filter_map(book).collect()
}

/// Records in the order of the log, by the books that they were appended with.
fn grouped(records: impl Iterator<Item = Record>) -> Vec<Vec<Record>> {
    let mut found: Vec<Vec<Record>> = Vec::new();
    for record in records {
        // Parts of one event share its position.
        let belongs = |last: &Record| record.continues(last) || record.position == last.position;
        match found.last_mut().filter(|book| book.last().is_some_and(belongs)) {
            Some(book) => book.push(record),
            None => found.push(vec![record]),
        }
    }
    found
}
