//! The shop in three services, each with a runtime beside it, on one log.

use std::time::{Duration, SystemTime};

use angzarr_runtime::app::App;
use angzarr_runtime::proto::{self, SyncMode};
use angzarr_runtime::store::Storage;
use angzarr_runtime::transport::services::business_coordinator_client::BusinessCoordinatorClient;
use angzarr_runtime::transport::services::event_query_client::EventQueryClient;
use angzarr_runtime::transport::{Address, Api, ClientTls, Limits, Remote, Routes, ServerTls, Service, Target};
use angzarr_runtime::{Command, Error};
use shop::components::{Board, Cashier, OldOrders, OrderBook, PriceList, StockClerk, Till, Warehouse};
use shop::orders::v1::{Order, OrderPlaced, PlaceOrder, order};
use shop::payments::v1::PaymentReceived;
use shop::stock::v1::{ReceiveStock, ReserveStock};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::certificates::Authority;
use crate::place::{book, events};

const DOMAINS: [&str; 3] = ["orders", "stock", "payments"];

/// A folder with the log and the sockets of everybody.
struct Town {
    folder: TempDir,
    /// What runtimes show each other, if they encrypt what they say.
    tls: Option<(ServerTls, ClientTls)>,
}

/// A runtime, and those who serve it.
struct Shop {
    app: App,
    channel: Channel,
    serving: JoinHandle<()>,
}

impl Town {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), tls: None }
    }

    fn encrypted() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let own = authority.sign("runtime");
        let tls = (authority.server(&own), authority.client(Some(own)));
        Self { folder, tls: Some(tls) }
    }

    fn socket(&self, name: &str) -> Address {
        Address::Unix(self.folder.path().join(format!("{name}.sock")))
    }

    /// To all of them; whoever is meant himself does not mind.
    fn routes(&self) -> Routes {
        let routes =
            DOMAINS.into_iter().fold(Routes::new(), |routes, domain| routes.address(domain, self.socket(domain)));
        match &self.tls {
            Some((_, tls)) => routes.tls(tls.clone()),
            None => routes,
        }
    }

    /// Starts the service of a domain, and its runtime with these routes.
    async fn start(&self, domain: &str, routes: Routes) -> Shop {
        let behind = self.socket(&format!("{domain}-service"));
        let (service, listening) = (service(domain), behind.clone());
        tokio::spawn(async move { service.serve(&listening, std::future::pending()).await.unwrap() });
        let remote = loop {
            match Remote::connect(&behind).await {
                Ok(remote) => break remote,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            tokio::task::yield_now().await;
        };
        let log = Storage::Sqlite(self.folder.path().join("log.db"));
        let app = App::builder(log).remote(remote).routes(routes).start().await.unwrap();
        let address = self.socket(domain);
        let mut api = Api::new(app.clone(), Limits::default());
        let mut front = Target::from(&address);
        if let Some((shown, tls)) = self.tls.clone() {
            api = api.tls(shown);
            front.tls = Some(tls);
        }
        let serving = tokio::spawn(async move { api.serve(&address, std::future::pending()).await.unwrap() });
        Shop { app, channel: front.channel().unwrap(), serving }
    }

    async fn open(&self) -> [Shop; 3] {
        let [orders, stock, payments] = DOMAINS.map(|domain| self.start(domain, self.routes()));
        [orders.await, stock.await, payments.await]
    }
}

/// The saga is where the commands are that it sends, so that refusals go back to another process.
fn service(domain: &str) -> Service {
    let service = Service::new(shop::DESCRIPTION);
    match domain {
        "orders" => {
            let prices = PriceList::from([("kettle", 4_500)]);
            service.register(OrderBook { prices, voucher_from_cents: 10_000 }).register(OldOrders).register(Board)
        }
        "stock" => service.register(Warehouse).register(StockClerk).register(OldOrders),
        _ => service.register(Till { limit_cents: 50_000 }).register(Cashier).register(OldOrders),
    }
}

impl Shop {
    fn coordinator(&self) -> BusinessCoordinatorClient<Channel> {
        BusinessCoordinatorClient::new(self.channel.clone())
    }

    /// As often as it takes: those who serve may be about to begin.
    async fn send(&self, domain: &str, key: &str, command: &impl Command) -> proto::CommandResponse {
        let mut book = book(domain, key, command);
        book.idempotency_key = format!("{key}-1");
        self.handle(book).await.unwrap()
    }

    async fn handle(&self, book: proto::CommandBook) -> Result<proto::CommandResponse, Status> {
        let request =
            proto::HandleSyncRequest { command: Some(book), sync_mode: SyncMode::Cascade.into(), timeout: None };
        self.coordinator().handle_sync(request).await.map(tonic::Response::into_inner)
    }
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn caused(answer: &proto::CommandResponse) -> Vec<String> {
    answer.caused.iter().flat_map(events).collect()
}

fn delivery(quantity: u32) -> ReceiveStock {
    ReceiveStock { sku: "kettle".into(), quantity }
}

fn order(id: &str, quantity: u32) -> PlaceOrder {
    PlaceOrder { order_id: id.into(), sku: "kettle".into(), quantity }
}

#[tokio::test]
async fn an_order_goes_through_three_runtimes() {
    let town = Town::new();
    let [orders, stock, payments] = town.open().await;
    // Whoever is asked, the owner decides, and everybody's consumers are waited for.
    orders.send("stock", "kettle", &delivery(10)).await;
    let placed = payments.send("orders", "1", &order("1", 2)).await;
    assert_eq!(events(placed.events.as_ref().unwrap()), ["OrderPlacedV2"]);
    assert_eq!(placed.failures, []);
    let follows = caused(&placed);
    assert!(follows.contains(&"StockReserved".to_owned()), "{follows:?}");
    assert!(follows.contains(&"PaymentRequested".to_owned()), "{follows:?}");
    for name in ["shop.orders.v1.app.OrderBoard", "shop.orders.v1.app.Fulfilment", "shop.checkout.v1.app.Checkout"] {
        assert!(placed.waited_for.iter().any(|waited| waited == name), "{name}: {:?}", placed.waited_for);
    }
    let reserved = placed.caused.iter().find(|book| events(book) == ["StockReserved"]).unwrap();
    let cause = reserved.pages[0].cause.as_ref().unwrap();
    assert_eq!((&*cause.component, &*cause.domain), ("shop.orders.v1.app.Fulfilment", "orders"));
    assert_eq!(reserved.pages[0].correlation_id, placed.events.as_ref().unwrap().pages[0].correlation_id);

    let transfer = PaymentReceived { order_id: "1".into(), transfer: "bank-1".into(), cents: 9_000 };
    let fact = angzarr_runtime::Payload::event(&transfer).to_any();
    let cover = proto::Cover { domain: "payments".into(), key: "1".into(), ..proto::Cover::default() };
    let pages = vec![proto::CommandPage { command: Some(fact), ..proto::CommandPage::default() }];
    let book = proto::CommandBook { cover: Some(cover), pages, idempotency_key: "bank-1".into(), ..Default::default() };
    let paid = stock.handle(book.clone()).await.unwrap();
    assert!(caused(&paid).contains(&"OrderConfirmed".to_owned()), "{:?}", caused(&paid));
    assert!(orders.handle(book).await.unwrap().duplicate);

    // States are folded where the owner is.
    let cover = proto::Cover { domain: "orders".into(), key: "1".into(), ..proto::Cover::default() };
    let query = proto::StreamQuery { cover: Some(cover), ..proto::StreamQuery::default() };
    let state = EventQueryClient::new(stock.channel.clone()).get_state(query).await.unwrap().into_inner();
    let state = angzarr_runtime::Payload::from_any(state.state.unwrap()).decode::<Order>().unwrap();
    assert_eq!(state.status(), order::Status::Confirmed);
}

#[tokio::test]
async fn runtimes_that_show_each_other_who_they_are_send_commands_encrypted() {
    let mut town = Town::encrypted();
    let [orders, _stock, _payments] = town.open().await;
    orders.send("stock", "kettle", &delivery(10)).await;
    let placed = orders.send("orders", "1", &order("1", 2)).await;
    assert!(caused(&placed).contains(&"PaymentRequested".to_owned()), "{:?}", caused(&placed));

    // One that says nothing of itself is let in by nobody; all that he sees is that the connection is lost.
    town.tls = None;
    let stranger = town.start("tills", town.routes()).await;
    let refused = stranger.app.execute(book("stock", "kettle", &delivery(1))).await.unwrap_err();
    // Whether that is before or after the command was sent, chance decides.
    assert!(["ROUTE_LOST", "SERVICE_UNAVAILABLE"].contains(&refused.code()) && refused.retryable(), "{refused}");
}

#[tokio::test]
async fn a_pattern_of_names_leads_to_everybody() {
    let town = Town::new();
    let routes =
        || Routes::new().pattern(format!("unix:{}/{{domain}}.sock", town.folder.path().display()).parse().unwrap());
    let [orders, stock, payments] = DOMAINS.map(|domain| town.start(domain, routes()));
    let (orders, _stock, payments) = (orders.await, stock.await, payments.await);
    // Whoever owns two domains is there under both names.
    std::os::unix::fs::symlink(town.folder.path().join("payments.sock"), town.folder.path().join("checkout.sock"))
        .unwrap();
    orders.send("stock", "kettle", &delivery(10)).await;
    // A pattern names no domains: those are waited for whose owners something happens to, or is heard of here.
    let placed = payments.send("orders", "1", &order("1", 2)).await;
    assert_eq!(placed.failures, []);
    assert!(caused(&placed).contains(&"PaymentRequested".to_owned()), "{:?}", caused(&placed));
    let nobody = orders.coordinator().handle(book("returns", "1", &order("1", 1))).await.unwrap_err();
    assert_eq!(reason(&nobody), (Code::Unavailable, "SERVICE_UNAVAILABLE".into()));
}

#[tokio::test]
async fn a_refusal_comes_back_to_another_runtime() {
    let town = Town::new();
    let [_orders, stock, _payments] = town.open().await;
    let placed = stock.send("orders", "1", &order("1", 2)).await;
    assert!(caused(&placed).contains(&"OrderHeld".to_owned()), "{:?}", caused(&placed));
    let refusal = placed.failures.iter().find(|failure| failure.component == "shop.orders.v1.app.Fulfilment");
    assert_eq!(refusal.unwrap().code, "STOCK_REJECTION_OUT_OF_STOCK");
    let refused = stock.handle(book("orders", "1", &order("1", 2))).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "ORDER_REJECTION_EXISTS".into()));
    let mut stale = book("orders", "1", &order("1", 2));
    stale.pages[0].sequence = Some(7);
    let stale = stock.handle(stale).await.unwrap_err();
    assert_eq!(reason(&stale), (Code::Aborted, "SEQUENCE_CONFLICT".into()));
    assert_eq!(stale.get_details_error_info().unwrap().metadata["expected"], "7");
}

#[tokio::test]
async fn who_cannot_be_reached_is_tried_again() {
    let town = Town::new();
    let orders = town.start("orders", town.routes()).await;
    let stock = town.start("stock", town.routes()).await;
    orders.send("stock", "kettle", &delivery(1)).await;
    stock.serving.abort();
    let nobody = orders.coordinator().handle(book("payments", "1", &order("1", 1))).await.unwrap_err();
    assert_eq!(reason(&nobody), (Code::Unavailable, "SERVICE_UNAVAILABLE".into()));

    orders.coordinator().handle(book("orders", "1", &order("1", 1))).await.unwrap();
    // The checkout asks for the money as soon as there is somebody to ask; nothing is lost meanwhile.
    let payments = town.start("payments", town.routes()).await;
    let asked = async {
        while payments.app.events("payments", "1").await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.unwrap();
}

#[tokio::test]
async fn who_hangs_is_named() {
    let town = Town::new();
    let orders = town.start("orders", town.routes()).await;
    let Address::Unix(path) = town.socket("stock") else { panic!("a socket is a file") };
    // It takes connections and whatever is sent to it, and says nothing.
    let _hangs = tokio::net::UnixListener::bind(path).unwrap();
    let mut hasty = book("stock", "kettle", &delivery(1));
    hasty.deadline = Some((SystemTime::now() + Duration::from_millis(500)).into());
    let late = orders.coordinator().handle(hasty).await.unwrap_err();
    assert_eq!(reason(&late), (Code::Unavailable, "ROUTE_LOST".into()), "{late}");
    assert!(late.message().contains("stock.sock"), "{}", late.message());
}

#[tokio::test]
async fn old_events_are_read_wherever_their_upcaster_is_registered() {
    let town = Town::new();
    let [orders, stock, _payments] = town.open().await;
    orders.send("stock", "kettle", &delivery(5)).await;
    let old = OrderPlaced { order_id: "9".into(), sku: "kettle".into(), quantity: 1, total_cents: 3_900 };
    orders.app.import("orders", "9").event(&old, None).await.unwrap();
    let reserved = async {
        while stock.app.events("stock", "kettle").await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reserved).await.unwrap();
}

#[tokio::test]
async fn wrong_routes_come_to_an_end() {
    let town = Town::new();
    // Each of them takes the other one for the owner of what neither has.
    let orders = town.start("orders", town.routes().address("returns", town.socket("stock"))).await;
    let stock = town.start("stock", town.routes().address("returns", town.socket("orders"))).await;
    orders.send("stock", "kettle", &delivery(1)).await;
    let returned = ReserveStock { sku: "kettle".into(), order_id: "1".into(), quantity: 1 };
    for shop in [&orders, &stock] {
        let lost = shop.coordinator().handle(book("returns", "1", &returned)).await.unwrap_err();
        assert_eq!(reason(&lost), (Code::Internal, "ROUTE_WRONG".into()), "{}", lost.message());
        assert!(lost.message().contains("known are"), "{}", lost.message());
    }
    let unknown = orders.coordinator().handle(book("stok", "1", &returned)).await.unwrap_err();
    assert_eq!(reason(&unknown), (Code::NotFound, "DOMAIN_UNKNOWN".into()));
    let known = "known are \"orders\", \"payments\", \"returns\", \"stock\"";
    assert!(unknown.message().ends_with(known), "{}", unknown.message());

    // Another log has other positions.
    let elsewhere = Town::new();
    let other = elsewhere.start("orders", elsewhere.routes().address("stock", town.socket("stock"))).await;
    let foreign = loop {
        let answer = other.coordinator().handle(book("stock", "kettle", &delivery(1))).await.unwrap_err();
        if answer.code() != Code::Unavailable {
            break answer;
        }
    };
    assert_eq!(reason(&foreign), (Code::Internal, "ROUTE_WRONG".into()));
    assert!(foreign.message().contains("another log"), "{}", foreign.message());
}

#[tokio::test]
async fn only_runtimes_on_the_log_speak_for_consumers() {
    let town = Town::new();
    let [orders, ..] = town.open().await;
    orders.send("stock", "kettle", &delivery(1)).await;
    let mut forged = book("orders", "1", &order("1", 1));
    forged.origin = Some(proto::Origin::default());
    let refused = orders.coordinator().handle(forged.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_RESERVED".into()));
    let mut guessed = Request::new(forged);
    guessed.metadata_mut().insert("angzarr-log-id", "0".parse().unwrap());
    let refused = orders.coordinator().handle(guessed).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::Internal, "ROUTE_WRONG".into()));
    let refused = orders.coordinator().compensate(proto::CompensateRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_RESERVED".into()));
    let refused = orders.coordinator().r#await(proto::AwaitRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "FIELD_RESERVED".into()));
}

#[tokio::test]
async fn what_nobody_leads_to_is_missed_at_the_start() {
    let town = Town::new();
    let behind = town.socket("service");
    let (service, listening) = (service("stock"), behind.clone());
    tokio::spawn(async move { service.serve(&listening, std::future::pending()).await.unwrap() });
    let remote = loop {
        if let Ok(remote) = Remote::connect(&behind).await {
            break remote;
        }
        tokio::task::yield_now().await;
    };
    let routes = Routes::new().address("payments", town.socket("payments"));
    let error = App::builder(Storage::Memory).remote(remote).routes(routes).start().await.unwrap_err();
    assert!(matches!(&error, Error::Setup(text) if text.contains("\"orders\"")), "{error}");
}
