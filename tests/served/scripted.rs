//! Services of orders that answer as a test says, and end when it says so.

use std::future::ready;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use angzarr_runtime::Payload;
use angzarr_runtime::app::{App, AppBuilder};
use angzarr_runtime::prost::Message;
use angzarr_runtime::proto::{self, handle_response, projector_handle_response};
use angzarr_runtime::store::Storage;
use angzarr_runtime::transport::services::business_logic_server::{BusinessLogic, BusinessLogicServer};
use angzarr_runtime::transport::services::describe_server::{Describe, DescribeServer};
use angzarr_runtime::transport::services::projector_server::{Projector, ProjectorServer};
use angzarr_runtime::transport::{Address, Remote};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use shop::orders::v1::{OrderPlacedV2, OrderRow, PlaceOrder};
use tokio::net::UnixListener;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming, async_trait};

pub(crate) const ORDERS: &str = "shop.orders.v1.app.Orders";
pub(crate) const BOARD: &str = "shop.orders.v1.app.OrderBoard";

/// What a service does with a call.
pub(crate) enum Does<T> {
    Answers(T),
    /// The same, once this is over.
    AnswersAfter(T, BoxFuture<'static, ()>),
    Says(Status),
    Hangs,
    /// It ends at once, as if it was killed, and is started again.
    Dies,
}

type Decide = dyn Fn(&proto::HandleRequest) -> Does<proto::HandleResponse> + Send + Sync;
type Project = dyn Fn(&OrderPlacedV2) -> Does<Option<projector_handle_response::Outcome>> + Send + Sync;

/// What it does when it is asked for many decisions by one call.
#[derive(Clone, Copy)]
pub(crate) enum Many {
    /// It is of an earlier release.
    Unknown,
    Answers,
    /// It ends the call with the first that it is asked for, and begins with nothing.
    Ends,
    /// It ends the call with an error instead, having begun.
    Fails,
}

/// How it behaves, and how often it was called.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) description: Arc<Mutex<proto::Description>>,
    pub(crate) decide: Arc<Decide>,
    pub(crate) project: Arc<Project>,
    pub(crate) described: Arc<AtomicUsize>,
    /// Each by a call of its own.
    pub(crate) decided: Arc<AtomicUsize>,
    pub(crate) many: Many,
    /// What it was asked for by that one call.
    pub(crate) asked: Arc<Mutex<Vec<proto::HandleManyRequest>>>,
}

impl Script {
    /// Orders that are placed, and shown on a board.
    pub(crate) fn new() -> Self {
        let mut description = proto::Description::decode(shop::DESCRIPTION).unwrap();
        description.components.retain(|component| [ORDERS, BOARD].contains(&&*component.name));
        Self {
            description: Arc::new(Mutex::new(description)),
            decide: Arc::new(|request| Does::Answers(decided(placed(request)))),
            project: Arc::new(|placed| Does::Answers(Some(projector_handle_response::Outcome::Row(row(placed))))),
            described: Arc::default(),
            decided: Arc::default(),
            many: Many::Unknown,
            asked: Arc::default(),
        }
    }

    pub(crate) fn many(self, many: Many) -> Self {
        Self { many, ..self }
    }

    pub(crate) fn decide(
        self,
        decide: impl Fn(&proto::HandleRequest) -> Does<proto::HandleResponse> + Send + Sync + 'static,
    ) -> Self {
        Self { decide: Arc::new(decide), ..self }
    }

    pub(crate) fn project(
        self,
        project: impl Fn(&OrderPlacedV2) -> Does<Option<projector_handle_response::Outcome>> + Send + Sync + 'static,
    ) -> Self {
        Self { project: Arc::new(project), ..self }
    }
}

/// The order that a request is about.
pub(crate) fn order(request: &proto::HandleRequest) -> PlaceOrder {
    match &request.input {
        Some(proto::handle_request::Input::Command(command)) => Payload::from_any(command.clone()).decode().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The usual answer.
pub(crate) fn placed(request: &proto::HandleRequest) -> handle_response::Outcome {
    let PlaceOrder { order_id, sku, quantity } = order(request);
    let placed = OrderPlacedV2 { order_id, sku, quantity, ..OrderPlacedV2::default() };
    handle_response::Outcome::Events(proto::Emissions { messages: vec![Payload::event(&placed).to_any()] })
}

pub(crate) fn decided(outcome: handle_response::Outcome) -> proto::HandleResponse {
    proto::HandleResponse { outcome: Some(outcome), ..proto::HandleResponse::default() }
}

fn row(placed: &OrderPlacedV2) -> angzarr_runtime::prost_types::Any {
    Payload::named(&OrderRow { order_id: placed.order_id.clone(), ..OrderRow::default() }).to_any()
}

/// A service; it ends with the test.
pub(crate) struct Service {
    pub(crate) address: Address,
    ends: mpsc::Sender<Next>,
}

/// What comes when a service has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Again,
    Nothing,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.ends.send(Next::Nothing);
    }
}

impl Service {
    pub(crate) fn start(folder: &Path, script: Script) -> Self {
        let path = folder.join("scripted.sock");
        let address = Address::Unix(path.clone());
        let (ends, ended) = mpsc::channel();
        let die = ends.clone();
        // A runtime for each start, since dropping it is what cuts off everything at once.
        thread::spawn(move || {
            let mut start = 0_u8;
            loop {
                start += 1;
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                let _ = std::fs::remove_file(&path);
                runtime.spawn(serve(
                    path.clone(),
                    Served { script: script.clone(), epoch: [start; 16], die: die.clone() },
                ));
                let next = ended.recv().unwrap_or(Next::Nothing);
                runtime.shutdown_timeout(Duration::from_secs(10));
                if next == Next::Nothing {
                    return;
                }
                // Others may have wanted it to end at the same time.
                while let Ok(next) = ended.try_recv() {
                    if next == Next::Nothing {
                        return;
                    }
                }
            }
        });
        Self { address, ends }
    }

    /// Ends it at once, and starts it again.
    pub(crate) fn restart(&self) {
        self.ends.send(Next::Again).unwrap();
    }

    pub(crate) async fn remote(&self) -> Remote {
        loop {
            match Remote::connect(&self.address).await {
                Ok(remote) => return remote,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn app(&self, more: impl FnOnce(AppBuilder) -> AppBuilder) -> App {
        more(App::builder(Storage::Memory).remote(self.remote().await)).start().await.unwrap()
    }
}

async fn serve(path: std::path::PathBuf, served: Served) {
    let listener = UnixListener::bind(path).unwrap();
    let incoming = unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let router = Server::builder()
        .add_service(DescribeServer::new(served.clone()))
        .add_service(BusinessLogicServer::new(served.clone()).max_encoding_message_size(usize::MAX))
        .add_service(ProjectorServer::new(served));
    router.serve_with_incoming(incoming).await.unwrap();
}

#[derive(Clone)]
struct Served {
    script: Script,
    epoch: [u8; 16],
    die: mpsc::Sender<Next>,
}

impl Served {
    async fn does<T>(&self, does: Does<T>) -> Result<T, Status> {
        match does {
            Does::Answers(answer) => Ok(answer),
            Does::AnswersAfter(answer, over) => {
                over.await;
                Ok(answer)
            }
            Does::Says(status) => Err(status),
            Does::Hangs => std::future::pending().await,
            Does::Dies => {
                let _ = self.die.send(Next::Again);
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl Describe for Served {
    async fn describe(&self, _: Request<proto::DescribeRequest>) -> Result<Response<proto::DescribeResponse>, Status> {
        self.script.described.fetch_add(1, Ordering::SeqCst);
        let description = Some(self.script.description.lock().unwrap().clone());
        Ok(Response::new(proto::DescribeResponse { description, service_epoch: self.epoch.to_vec().into() }))
    }
}

impl Served {
    async fn decided(&self, request: &proto::HandleRequest) -> Result<proto::HandleResponse, Status> {
        let answer = self.does((self.script.decide)(request)).await?;
        let said = Some(answer.service_epoch.clone()).filter(|epoch| !epoch.is_empty());
        let service_epoch = said.unwrap_or_else(|| self.epoch.to_vec().into());
        Ok(proto::HandleResponse { service_epoch, ..answer })
    }
}

#[async_trait]
impl BusinessLogic for Served {
    type HandleManyStream = BoxStream<'static, Result<proto::HandleManyResponse, Status>>;

    async fn handle(&self, request: Request<proto::HandleRequest>) -> Result<Response<proto::HandleResponse>, Status> {
        self.script.decided.fetch_add(1, Ordering::SeqCst);
        self.decided(request.get_ref()).await.map(Response::new)
    }

    async fn handle_many(
        &self,
        requests: Request<Streaming<proto::HandleManyRequest>>,
    ) -> Result<Response<Self::HandleManyStream>, Status> {
        let many = self.script.many;
        if matches!(many, Many::Unknown) {
            return Err(Status::unimplemented("no such method"));
        }
        let served = self.clone();
        let begun = requests.into_inner().map(move |asked| {
            let (asked, served) = (asked.unwrap(), served.clone());
            served.script.asked.lock().unwrap().push(asked.clone());
            async move {
                let request = asked.request?;
                let response = served.decided(&request).await.ok();
                Some(Ok(proto::HandleManyResponse { call: asked.call, response }))
            }
        });
        let answers = match many {
            Many::Unknown | Many::Answers => begun.buffer_unordered(64).filter_map(ready).boxed(),
            Many::Ends => begun.take(1).filter_map(|_| ready(None)).boxed(),
            Many::Fails => begun.map(|_| Err(Status::unavailable("cut off"))).boxed(),
        };
        Ok(Response::new(answers))
    }

    /// The state of an order says how many events it was folded from: its total.
    async fn fold(&self, request: Request<proto::FoldRequest>) -> Result<Response<proto::FoldResponse>, Status> {
        let history = request.into_inner().history.unwrap();
        let base = match history.base {
            Some(proto::history::Base::State(state)) => Payload::from_any(state).decode().unwrap(),
            _ => shop::orders::v1::Order::default(),
        };
        let total_cents = base.total_cents + u64::try_from(history.events.len()).unwrap();
        let state = Payload::named(&shop::orders::v1::Order { total_cents, ..base }).to_any();
        let outcome = Some(proto::fold_response::Outcome::State(state));
        Ok(Response::new(proto::FoldResponse { service_epoch: self.epoch.to_vec().into(), holds: 0, outcome }))
    }
}

#[async_trait]
impl Projector for Served {
    async fn handle(
        &self,
        request: Request<proto::ProjectorHandleRequest>,
    ) -> Result<Response<proto::ProjectorHandleResponse>, Status> {
        let event = Payload::from_any(request.into_inner().event.unwrap()).decode().unwrap();
        let outcome = self.does((self.script.project)(&event)).await?;
        Ok(Response::new(proto::ProjectorHandleResponse { service_epoch: self.epoch.to_vec().into(), outcome }))
    }
}
