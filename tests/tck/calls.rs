//! Calls of a sidecar, as any client makes them.

use std::time::Instant;

use angzarr_runtime::prost::Message;
use angzarr_runtime::proto::{self, SyncMode};
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::{Command, Fact, Payload};
use angzarr_tests::tck::v1::{GetScript, Happening, Noted, Run, Script};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::place::{FACT_TOKEN, Place};
use crate::processes::PATIENCE;

/// Larger than anything that a case sends or gets.
const LARGE: usize = 256 << 20;

pub(crate) type Answer<T = proto::CommandResponse> = Result<T, Status>;

/// A book of one command, for the root that its own field names.
pub(crate) fn book<C: Command>(command: &C) -> proto::CommandBook {
    let cover = proto::Cover { domain: C::DOMAIN.into(), key: command.root_key(), ..proto::Cover::default() };
    let page =
        proto::CommandPage { command: Some(Payload::command(command).to_any()), ..proto::CommandPage::default() };
    proto::CommandBook { cover: Some(cover), pages: vec![page], ..proto::CommandBook::default() }
}

/// A book of a fact.
pub(crate) fn fact_book<F: Fact>(fact: &F) -> proto::CommandBook {
    let cover = proto::Cover { domain: F::DOMAIN.into(), key: fact.root_key(), ..proto::Cover::default() };
    let page = proto::CommandPage { command: Some(Payload::event(fact).to_any()), ..proto::CommandPage::default() };
    let idempotency_key = fact.external_id();
    proto::CommandBook { cover: Some(cover), pages: vec![page], idempotency_key, ..proto::CommandBook::default() }
}

/// A script of its own for a case, so that cases do not meet.
pub(crate) fn run(script: &str, emit: Vec<Happening>) -> Run {
    Run { script: script.into(), emit, ..Run::default() }
}

pub(crate) fn note(text: &str) -> Happening {
    Noted { text: text.into() }.into()
}

/// Code of the status, and that of its `ErrorInfo`.
pub(crate) fn told(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

impl Place {
    fn coordinator(&self) -> BusinessCoordinatorClient<tonic::transport::Channel> {
        let client = BusinessCoordinatorClient::new(self.channel.clone());
        client.max_decoding_message_size(LARGE).max_encoding_message_size(LARGE)
    }

    /// Sends a book once.
    pub(crate) async fn send(&self, book: proto::CommandBook) -> Answer {
        let mut request = Request::new(book);
        // Facts need it, and commands do not mind.
        request.metadata_mut().insert("authorization", format!("Bearer {FACT_TOKEN}").parse().unwrap());
        Ok(self.coordinator().handle(request).await?.into_inner())
    }

    /// Sends a command that is taken.
    pub(crate) async fn done(&self, command: &impl Command) -> proto::CommandResponse {
        self.send(book(command)).await.unwrap_or_else(|status| panic!("{status:?}"))
    }

    /// Sends a book until somebody is there to decide on it.
    pub(crate) async fn send_patiently(&self, book: proto::CommandBook) -> proto::CommandResponse {
        let began = Instant::now();
        loop {
            match self.send(book.clone()).await {
                Ok(answer) => return answer,
                Err(status) => {
                    let passing = status.code() == Code::Unavailable && began.elapsed() < PATIENCE;
                    assert!(passing, "{status:?}");
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Sends a command, and waits for everything that it leads to.
    pub(crate) async fn cascade(&self, command: &impl Command) -> proto::CommandResponse {
        let answer = self.cascade_book(book(command)).await;
        assert_eq!(answer.failures, []);
        answer
    }

    /// The same, whatever comes of it.
    pub(crate) async fn cascade_book(&self, book: proto::CommandBook) -> proto::CommandResponse {
        let timeout = Some(PATIENCE.try_into().unwrap());
        let request = proto::HandleSyncRequest { command: Some(book), sync_mode: SyncMode::Cascade.into(), timeout };
        let answer = self.coordinator().handle_sync(request).await;
        answer.unwrap_or_else(|status| panic!("{status:?}")).into_inner()
    }

    /// Calls an rpc of an aggregate under its own name.
    pub(crate) async fn call<Q, A>(&self, path: &'static str, request: Request<Q>) -> Answer<tonic::Response<A>>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(LARGE);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        grpc.unary(request, PathAndQuery::from_static(path), tonic_prost::ProstCodec::default()).await
    }

    /// Calls one that returns a stream; all that comes.
    pub(crate) async fn call_streaming<Q, A>(&self, path: &'static str, request: Request<Q>) -> Answer<Vec<A>>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(path);
        let mut stream = grpc.server_streaming(request, path, tonic_prost::ProstCodec::default()).await?.into_inner();
        let mut messages = Vec::new();
        while let Some(message) = stream.message().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// Asks the aggregate itself.
    pub(crate) async fn ask(&self, query: GetScript) -> Answer<Script> {
        Ok(self.call("/tck.v1.app.Scripts/Get", Request::new(query)).await?.into_inner())
    }

    /// What the aggregate answers of a script.
    pub(crate) async fn script(&self, script: &str) -> Script {
        let query = GetScript { script: script.into(), refuse: None };
        self.ask(query).await.unwrap_or_else(|status| panic!("{status:?}"))
    }
}
