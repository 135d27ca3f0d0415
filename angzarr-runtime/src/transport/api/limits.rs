//! What callers may ask for at a time, so that no number of them takes all memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep_until;
use tonic::{Code, Status};

use super::aggregates::{self, is_grpc, is_json, of_unknown_type};
use super::observed::{Open, count};
use super::patience::silence;
use crate::error::Error;
use crate::transport::status::{BadCall, coded, note, status};

/// What callers may ask for at a time, all of them together. What is beyond gets `RESOURCE_EXHAUSTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes a request may have, and the events of one stream in an answer: those beyond are for the next call. A
    /// first event that is larger is answered all the same, since nobody could go on behind it otherwise.
    pub message_size: usize,
    /// How many calls are at work. A stream counts until it begins.
    pub calls: usize,
    /// How many streams are open: subscriptions, and conversations of the gateway.
    pub streams: usize,
    /// How many bytes requests at work and what is kept between them take together, each at most half.
    pub memory: usize,
}

impl Default for Limits {
    /// Messages of 4 MiB, 1,024 calls, 256 streams, 256 MiB of memory.
    fn default() -> Self {
        Self { message_size: 4 << 20, calls: 1_024, streams: 256, memory: 256 << 20 }
    }
}

impl Limits {
    /// How many bytes requests at work take; what [`AppBuilder::keep`](crate::app::AppBuilder::keep) gets is the other
    /// half.
    pub fn half(&self) -> usize {
        self.memory / 2
    }
}

/// Room for so many at a time.
pub(super) fn room(limit: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)))
}

/// Who lets calls in.
#[derive(Clone)]
pub(super) struct Admission {
    /// For so many calls.
    pub(super) room: Arc<Semaphore>,
    /// For so many bytes of their requests.
    pub(super) memory: Arc<Semaphore>,
    /// As long as somebody serves. A connection outlives that; what is at work on it is cut off.
    pub(super) serving: watch::Receiver<()>,
}

async fn ended(serving: &mut watch::Receiver<()>) {
    while serving.changed().await.is_ok() {}
}

async fn reached(instant: Option<std::time::Instant>) {
    match instant {
        Some(instant) => sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// Lets a call in if there is room for it, and sees to it that one that fails before it begins to answer, as all do that
/// answer once, has a code, and is counted and logged. So does one that nobody answers in its caller's time.
pub(super) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let open = Open::call();
    // What a refusal needs to know, without a copy of all headers.
    let (uri, content_type) = (request.uri().clone(), request.headers().get(CONTENT_TYPE).cloned());
    let service = request.extensions().get::<MatchedPath>().cloned();
    let silence = silence(request.headers());
    let refused = |status| aggregates::refused(content_type.as_ref(), status);
    let Admission { room: calls, memory, mut serving } = admission;
    let unfit = match (&service, content_type.as_ref()) {
        // Nobody knows what it calls.
        (None, _) => None,
        (_, given) if is_grpc(given) => None,
        // What is routed as a whole is a service of ours. They look at no type themselves, so a page of somebody else's could
        // have a browser call them.
        (Some(path), _) if path.as_str().contains("{*") => Some(BadCall::NotGrpc),
        (_, given) if *request.method() == Method::POST && !is_json(given) => Some(BadCall::NotJson),
        _ => None,
    };
    let response = match calls.try_acquire() {
        Ok(_) if let Some(unfit) = unfit => of_unknown_type(unfit),
        Ok(_room) => {
            // Taken until the call is answered, or its stream begins.
            let taken = Arc::new(Taken { memory, bytes: AtomicUsize::new(0) });
            let request = request.map(|body| Body::new(Weighed { body, taken: taken.clone() }));
            tokio::select! {
                biased;
                response = next.run(request) => response,
                () = ended(&mut serving) => refused(status(&Error::ShuttingDown)),
                () = reached(silence) => refused(BadCall::Silence.into()),
            }
        }
        Err(_) => refused(BadCall::TooManyCalls.into()),
    };
    drop(open);
    // Calls with JSON have no status among their headers, and some of gRPC have it nowhere else.
    let said = response.extensions().get::<Status>().cloned().or_else(|| Status::from_header_map(response.headers()));
    let Some(said) = said.filter(|said| said.code() != Code::Ok).map(coded) else { return response };
    count(service.as_ref(), &said);
    note(uri.path(), &said);
    if response.headers().contains_key(Status::GRPC_STATUS) { said.into_http() } else { response }
}

/// The body of a request that is let in as long as there is room for its bytes.
struct Weighed {
    body: Body,
    taken: Arc<Taken>,
}

impl HttpBody for Weighed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)?);
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            self.taken.more(data.len())?;
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Room for the bytes of one request.
struct Taken {
    memory: Arc<Semaphore>,
    bytes: AtomicUsize,
}

impl Taken {
    fn more(&self, bytes: usize) -> Result<(), Status> {
        let room = u32::try_from(bytes).ok().and_then(|bytes| self.memory.try_acquire_many(bytes).ok());
        room.ok_or(BadCall::NoMemory)?.forget();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.memory.add_permits(self.bytes.load(Ordering::Relaxed));
    }
}

/// A stream that takes room while it lasts.
pub(super) fn held<T: 'static>(
    streams: &Arc<Semaphore>,
    stream: impl Stream<Item = T> + Send + 'static,
) -> Result<BoxStream<'static, T>, Status> {
    let room = streams.clone().try_acquire_owned();
    let room = room.map_err(|_| BadCall::TooManyStreams)?;
    let open = Open::stream();
    let holding = move |item| {
        let _held = (&room, &open);
        item
    };
    Ok(stream.map(holding).boxed())
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use futures_util::stream::pending;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_call_without_room_is_refused() {
        let calls = room(1);
        let router = axum::Router::new().route("/", get(|| async { "done" }));
        let (_serving, serving) = watch::channel(());
        let admission = Admission { room: calls.clone(), memory: room(0), serving };
        let router = router.layer(from_fn_with_state(admission, admit));
        let call = |content_type: &str| {
            let request = Request::builder().uri("/").header(CONTENT_TYPE, content_type).body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        let other = calls.clone().try_acquire_owned().unwrap();
        let refused = call("application/grpc").await.unwrap();
        assert_eq!(refused.headers()["grpc-status"], "8");
        let refused = call("application/json").await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let body = to_bytes(refused.into_body(), usize::MAX).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "CALLS_EXHAUSTED");

        drop(other);
        // Room is given back by those that had it.
        for _ in 0..2 {
            assert_eq!(call("application/json").await.unwrap().status(), StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn what_is_at_work_is_cut_off_when_nobody_serves_any_more() {
        let (served, serving) = watch::channel(());
        let router = axum::Router::new().route("/", get(std::future::pending::<&str>));
        let router = router.layer(from_fn_with_state(Admission { room: room(1), memory: room(0), serving }, admit));
        let request = Request::builder().uri("/").header(CONTENT_TYPE, "application/grpc").body(Body::empty()).unwrap();
        let call = tokio::spawn(router.oneshot(request));
        drop(served);
        assert_eq!(call.await.unwrap().unwrap().headers()["grpc-status"], "14");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_is_told_before_he_gives_up() {
        let (_serving, serving) = watch::channel(());
        let router = axum::Router::new().route("/", get(std::future::pending::<&str>));
        let router = router.layer(from_fn_with_state(Admission { room: room(1), memory: room(0), serving }, admit));
        let request = Request::builder().uri("/").header("grpc-timeout", "10S").body(Body::empty()).unwrap();
        let began = tokio::time::Instant::now();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::GATEWAY_TIMEOUT);
        let waited = began.elapsed().as_secs_f64();
        // Behind what other processes say, which are asked for 200 ms longer.
        assert!((9.75..10.0).contains(&waited), "{waited}");
    }

    #[tokio::test]
    async fn requests_take_room_until_they_are_answered() {
        let memory = room(10);
        let (_serving, serving) = watch::channel(());
        let (begun, mut beginning) = tokio::sync::mpsc::channel(1);
        let answer = move |body: Body| {
            let begun = begun.clone();
            async move {
                let read = to_bytes(body, usize::MAX).await;
                let _ = begun.send(read.is_ok()).await;
                std::future::pending::<()>().await;
            }
        };
        let router = axum::Router::new().route("/", axum::routing::post(answer));
        let router =
            router.layer(from_fn_with_state(Admission { room: room(3), memory: memory.clone(), serving }, admit));
        let call = |bytes: &'static str| {
            let request = Request::post("/").header(CONTENT_TYPE, "application/json").body(Body::from(bytes)).unwrap();
            tokio::spawn(router.clone().oneshot(request))
        };
        let first = call("6 bytes");
        assert!(beginning.recv().await.unwrap());
        let refused = call("4 too");
        assert!(!beginning.recv().await.unwrap(), "there is no room for it");
        assert_eq!(memory.available_permits(), 3);
        let small = call("and");
        assert!(beginning.recv().await.unwrap());
        for call in [first, refused, small] {
            call.abort();
            let _ = call.await;
        }
        assert_eq!(memory.available_permits(), 10);
    }

    #[tokio::test]
    async fn a_stream_has_its_room_while_it_lasts() {
        let streams = room(2);
        let one = held(&streams, pending::<()>()).unwrap();
        let _other = held(&streams, pending::<()>()).unwrap();
        let refused = held(&streams, pending::<()>()).err().unwrap();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        drop(one);
        assert!(held(&streams, pending::<()>()).is_ok());
    }
}
