//! A service, a runtime, and a channel to it, each as in a process of its own.

use angzarr_runtime::app::{App, AppBuilder};
use angzarr_runtime::proto;
use angzarr_runtime::store::Storage;
use angzarr_runtime::transport::{Address, Api, Limits, Remote, Service, Token};
use shop::components::{Board, Cashier, OldOrders, OrderBook, PriceList, StockClerk, Till, Warehouse};
use tonic::transport::Channel;
use tonic_types::StatusExt;

pub(crate) const TOKEN: &str = "a token for the bank";

/// The shop, served.
pub(crate) struct Place {
    /// Callers by gRPC.
    pub(crate) channel: Channel,
    /// Callers by HTTP.
    pub(crate) address: String,
    pub(crate) app: App,
    _folder: tempfile::TempDir,
}

fn service() -> Service {
    let prices = PriceList::from([("kettle", 4_500), ("samovar", 60_000)]);
    Service::new(shop::DESCRIPTION)
        .register(OrderBook { prices, voucher_from_cents: 10_000 })
        .register(OldOrders)
        .register(Warehouse)
        .register(Till { limit_cents: 50_000 })
        .register(StockClerk)
        .register(Cashier)
        .register(Board)
}

pub(crate) async fn place() -> Place {
    place_with(|builder| builder).await
}

/// The same, with a runtime that is told more.
pub(crate) async fn place_with(told: impl FnOnce(AppBuilder) -> AppBuilder) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let behind = Address::Unix(folder.path().join("service.sock"));
    let listening = behind.clone();
    tokio::spawn(async move { service().serve(&listening, std::future::pending()).await.unwrap() });
    let remote = loop {
        match Remote::connect(&behind).await {
            Ok(remote) => break remote,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        tokio::task::yield_now().await;
    };
    Place::before(remote, folder, told).await
}

/// The shop's service alone, and the way to it.
pub(crate) async fn serve(folder: &std::path::Path) -> Channel {
    let address = Address::Unix(folder.join("service.sock"));
    let listening = address.clone();
    tokio::spawn(async move { service().serve(&listening, std::future::pending()).await.unwrap() });
    while let Err(error) = Remote::connect(&address).await {
        assert!(error.retryable(), "{error}");
        tokio::task::yield_now().await;
    }
    address.channel().unwrap()
}

impl Place {
    /// A runtime beside a service that runs already, with what else it is told.
    pub(crate) async fn before(
        remote: Remote,
        folder: tempfile::TempDir,
        more: impl FnOnce(AppBuilder) -> AppBuilder,
    ) -> Self {
        let (described, connection) = (remote.described().clone(), remote.connection());
        let app = more(App::builder(Storage::Memory).remote(remote)).start().await.unwrap();
        let api = Api::new(app.clone(), Limits::default()).needs([connection]);
        let api = api.aggregates(&described, Some(&Token::new(TOKEN))).unwrap();
        let (address, channel) = front(api).await;
        Place { channel, address, app, _folder: folder }
    }
}

/// Status and code of what was refused.
pub(crate) fn told(status: &tonic::Status) -> (tonic::Code, String) {
    let info = status.get_details_error_info();
    (status.code(), info.unwrap_or_else(|| panic!("{status} has no code")).reason)
}

/// Serves callers, and gives where they find that.
pub(crate) async fn front(api: Api) -> (String, Channel) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let front: Address = address.parse().unwrap();
    tokio::spawn(async move { api.serve(&front, std::future::pending()).await.unwrap() });
    loop {
        match tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await {
            Ok(channel) => return (address, channel),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// A book of one command for the root of `key`.
pub(crate) fn book(domain: &str, key: &str, command: &impl angzarr_runtime::Command) -> proto::CommandBook {
    let cover = proto::Cover { domain: domain.into(), key: key.into(), ..proto::Cover::default() };
    let command = Some(angzarr_runtime::Payload::command(command).to_any());
    let pages = vec![proto::CommandPage { command, ..proto::CommandPage::default() }];
    proto::CommandBook { cover: Some(cover), pages, ..proto::CommandBook::default() }
}

/// The names of the events of a book.
pub(crate) fn events(book: &proto::EventBook) -> Vec<String> {
    let name = |page: &proto::EventPage| page.event.as_ref().unwrap().type_url.rsplit('.').next().unwrap().to_owned();
    book.pages.iter().map(name).collect()
}
