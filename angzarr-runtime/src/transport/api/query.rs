//! Reading streams, states and the log.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use futures_util::future::ready;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, iter, once, try_unfold, unfold};
use prost::{Message, length_delimiter_len};
use tokio::sync::{Semaphore, watch};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use super::admin::limit;
use super::book::{book, stream};
use super::limits::held;
use crate::app::App;
use crate::coordinator::elsewhere::Routes;
use crate::error::{BadBook, Error};
use crate::id::canonical_key;
use crate::proto;
use crate::proto::stream_query::AsOf as Asked;
use crate::store::{AsOf, Load, Record, Root, StreamId};
use crate::transport::routes::is_routed;
use crate::transport::services::event_query_server::EventQuery;
use crate::transport::status::{BadCall, status};

/// How many records of the log are read at a time.
const PAGE: usize = 256;

/// How many records of one stream are told if nothing is said, and at most.
const LIMIT: u32 = 1_000;
const LARGEST: u32 = 10_000;

/// How many of them are read at first, and at a time at most: an answer may have room for a few only.
const FIRST_SLICE: u32 = 64;
const LARGEST_SLICE: u32 = 1_024;

/// What a book says beside its pages, in bytes, at most.
const HEAD: usize = 4 << 10;

#[derive(Clone)]
pub(super) struct Query {
    pub(super) app: App,
    pub(super) streams: Arc<Semaphore>,
    /// How many bytes the answer with events of a stream has, unless its first event alone has more.
    pub(super) message_size: usize,
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
        let sent_on = self.sent_on(request.metadata())?;
        let book = self.stream(request.into_inner(), sent_on).await.map_err(|error| status(&error))?;
        Ok(Response::new(book))
    }

    async fn get_event_books(&self, request: Request<proto::GetEventBooksRequest>) -> Result<Response<Books>, Status> {
        let sent_on = self.sent_on(request.metadata())?;
        let streams = request.into_inner().streams;
        // What is wrong is told before anything is read.
        streams.iter().try_for_each(|query| asked(query).map(drop)).map_err(|error| status(&error))?;
        let this = self.clone();
        let books = iter(streams).then(move |query| {
            let this = this.clone();
            async move { this.stream(query, sent_on).await.map_err(|error| status(&error)) }
        });
        Ok(Response::new(held(&self.streams, books)?))
    }

    async fn get_conversation(
        &self,
        request: Request<proto::GetConversationRequest>,
    ) -> Result<Response<Books>, Status> {
        let correlation_id = request.into_inner().correlation_id;
        if correlation_id.is_empty() {
            return Err(BadCall::Field("correlation_id").into());
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
            return Err(BadCall::Field("domain").into());
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
        let sent_on = self.sent_on(request.metadata())?;
        let query = request.into_inner();
        let (stream, as_of) = asked(&query).map_err(|error| status(&error))?;
        if let Some(routes) = self.elsewhere(&query, sent_on) {
            let state = routes.state(query).await.map_err(|error| status(&error))?;
            return Ok(Response::new(proto::StateResponse { state: state.map(|state| state.to_any()) }));
        }
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

/// Whether a request comes from another runtime on the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SentOn {
    Yes,
    No,
}

impl Query {
    fn sent_on(&self, metadata: &MetadataMap) -> Result<SentOn, Status> {
        let routed = is_routed(metadata, self.app.log_id()).map_err(|error| status(&error))?;
        Ok(if routed { SentOn::Yes } else { SentOn::No })
    }

    /// Where another process has to answer: it knows what old events are now, and how they are folded. What was sent on
    /// goes no further.
    fn elsewhere(&self, query: &proto::StreamQuery, sent_on: SentOn) -> Option<Arc<dyn Routes>> {
        let cover = query.cover.as_ref().filter(|_| sent_on == SentOn::No)?;
        self.app.elsewhere(&cover.domain)
    }

    /// A part of a stream, as much as an answer has room for, with where the stream stands.
    async fn stream(&self, query: proto::StreamQuery, sent_on: SentOn) -> Result<proto::EventBook, Error> {
        let (stream, as_of) = asked(&query)?;
        if let Some(routes) = self.elsewhere(&query, sent_on) {
            return routes.events(query).await;
        }
        let from = query.first_sequence;
        // Nothing has this sequence, so this tells where the stream stands, and no more.
        let next_sequence = self.app.next_sequence(Load { from: u32::MAX, as_of, ..Load::of(stream.clone()) }).await?;
        let limit = if query.limit == 0 { LIMIT } else { query.limit.min(LARGEST) };
        let runs: Vec<_> = if query.sequences.is_empty() {
            std::iter::once(from..from.saturating_add(limit).min(next_sequence)).collect()
        } else {
            let sequences = BTreeSet::from_iter(query.sequences);
            runs(sequences.range(from..).copied().take_while(|sequence| *sequence < next_sequence), limit)
        };
        let mut found = Found { book: proto::EventBook::default(), room: self.message_size.saturating_sub(HEAD) };
        for Range { start, end } in runs.into_iter().flat_map(slices) {
            let load = Load { from: start, as_of: AsOf::Sequence(end - 1), ..Load::of(stream.clone()) };
            let more = book(self.app.stream_events(load).await?);
            if more.is_some_and(|more| !found.add(more)) {
                break;
            }
        }
        let stored = found.book.cover.map(|cover| cover.key);
        let key = stored.unwrap_or_else(|| canonical_key(&query.cover.unwrap_or_default().key));
        let cover = proto::Cover {
            root: Some(stream.root.into()),
            domain: stream.domain.to_string(),
            key,
            ..proto::Cover::default()
        };
        Ok(proto::EventBook { cover: Some(cover), first_sequence: from, next_sequence, ..found.book })
    }
}

/// What was found of a stream, and how many bytes there is room for.
struct Found {
    book: proto::EventBook,
    room: usize,
}

impl Found {
    /// Adds what there is room for, and says whether that is all of it. What one record was upcast to stays together, since
    /// callers go on behind its sequence; the first is always added, or they could not.
    fn add(&mut self, more: proto::EventBook) -> bool {
        let mut pages = more.pages;
        let mut fit = 0;
        for record in pages.chunk_by(|one, other| one.sequence == other.sequence) {
            let size: usize = record.iter().map(message_len).sum();
            if size > self.room && self.book.pages.len() + fit > 0 {
                break;
            }
            self.room = self.room.saturating_sub(size);
            fit += record.len();
        }
        let is_all = fit == pages.len();
        pages.truncate(fit);
        self.book.cover = more.cover;
        self.book.position = pages.last().map_or(self.book.position, |last| last.position);
        self.book.pages.append(&mut pages);
        is_all
    }
}

/// The bytes of a page within its book.
fn message_len(page: &proto::EventPage) -> usize {
    let len = page.encoded_len();
    1 + length_delimiter_len(len) + len
}

/// A range in pieces that are read one after the other, each twice as long as the one before.
fn slices(run: Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let piece = move |start: u32, length: u32| start..start.saturating_add(length).min(run.end);
    std::iter::successors(Some(piece(run.start, FIRST_SLICE)), move |last| {
        Some(piece(last.end, last.end.saturating_sub(last.start).saturating_mul(2).min(LARGEST_SLICE)))
    })
    .take_while(|slice| !slice.is_empty())
}

/// Ascending sequences, so many of them at most, as ranges.
fn runs(sequences: impl Iterator<Item = u32>, limit: u32) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for sequence in sequences.zip(0..limit).map(|(sequence, _)| sequence) {
        match runs.last_mut().filter(|run| run.end == sequence) {
            Some(run) => run.end += 1,
            None => runs.push(sequence..sequence + 1),
        }
    }
    runs
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cover_a_range_once() {
        assert_eq!(slices(3..70).collect::<Vec<_>>(), [3..67, 67..70]);
        // As where a stream ends before what was asked for.
        let (first, end) = (5, 3);
        assert_eq!(slices(5..5).count() + slices(first..end).count(), 0);
        let mut next = 0;
        for slice in slices(0..10_000) {
            assert!(slice.start == next && slice.end - slice.start <= LARGEST_SLICE);
            next = slice.end;
        }
        assert_eq!(next, 10_000);
        assert_eq!(slices(u32::MAX - 1..u32::MAX).map(Vec::from_iter).collect::<Vec<_>>(), [[u32::MAX - 1]]);
    }
}
