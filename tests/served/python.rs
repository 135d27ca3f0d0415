//! The shop in Python, beside a runtime: orders go all the way, whatever the service keeps or forgets.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use angzarr_codegen::{Request, generate_python, output};
use angzarr_runtime::app::App;
use angzarr_runtime::store::Storage;
use angzarr_runtime::transport::{Address, Remote};
use angzarr_runtime::{Error, SyncMode};
use shop::orders::v1::order::Status;
use shop::orders::v1::{CancelOrder, OrderConfirmed, OrderPlaced, OrderPlacedV2, OrderRow, PlaceOrder};
use shop::payments::v1::{Bill, GetBill, PaymentReceived};
use shop::stock::v1::ReceiveStock;

/// A process with components in Python, which ends with the test.
pub(crate) struct Service {
    process: Child,
    address: Address,
    folder: tempfile::TempDir,
}

impl Service {
    /// All components of the shop.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_shop(folder.path());
        Self::of(folder)
    }

    /// Generates a package, and starts what serves it. Paths of protos and rules are as seen from the repository.
    pub(crate) fn start_with(package: &str, protos: &str, files: Vec<PathBuf>, rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_package(folder.path(), package, protos, files, rules);
        Self::of(folder)
    }

    fn of(folder: tempfile::TempDir) -> Self {
        let address = Address::Unix(folder.path().join("service.sock"));
        Self { process: process(folder.path(), &address), address, folder }
    }

    /// Another process in the place of this one, which is killed.
    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = process(self.folder.path(), &self.address);
    }

    async fn app(&self) -> App {
        App::builder(Storage::Memory).remote(self.connected().await).start().await.unwrap()
    }

    pub(crate) async fn connected(&self) -> Remote {
        loop {
            match Remote::connect(&self.address).await {
                Ok(remote) => return remote,
                Err(error) => assert!(error.retryable(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Generates a package into a folder, beside its rules. Paths are as seen from the repository.
fn write_package(folder: &Path, package: &str, protos: &str, files: Vec<PathBuf>, rules: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let request = Request { includes: vec![root.join(protos)], files, ..Request::default() };
    output::write(&folder.join(package), &generate_python(&request).unwrap().files).unwrap();
    std::fs::copy(root.join(rules), folder.join("rules.py")).unwrap();
}

/// The same of the whole shop.
pub(crate) fn write_shop(folder: &Path) {
    let domains = ["orders", "stock", "payments", "checkout"];
    let files = domains.iter().flat_map(|domain| {
        [format!("shop/{domain}/v1/{domain}.proto"), format!("shop/{domain}/v1/app/{domain}.proto")]
    });
    let files = files.map(PathBuf::from).collect();
    write_package(folder, "shop", "examples/shop/proto", files, "angzarr-codegen/tests/python/shop_rules.py");
    let stock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop/services/stock.py");
    std::fs::copy(stock, folder.join("stock.py")).unwrap();
}

/// The one that has what packages need.
pub(crate) fn interpreter() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin/python")
}

/// Starts what serves the package of a folder.
pub(crate) fn process(folder: &Path, address: &Address) -> Child {
    let python = interpreter();
    let arguments = ["rules.py".to_owned(), address.to_string()];
    let started = Command::new(&python).current_dir(folder).args(arguments).spawn();
    started.unwrap_or_else(|error| panic!("{}: {error}; tests/python/install makes it", python.display()))
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn order(id: &str, quantity: u32) -> PlaceOrder {
    PlaceOrder { order_id: id.into(), sku: "kettle".into(), quantity }
}

/// As often as it takes: the service may be about to start.
async fn pay(app: &App, id: &str, cents: u64) {
    let transfer = PaymentReceived { order_id: id.into(), transfer: format!("bank-{id}"), cents };
    while let Err(error) = app.record(transfer.clone()).await {
        // It may have ended while it was asked.
        assert!(error.retryable() || error.code() == "SERVICE_LOST", "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.drained().await.unwrap();
}

async fn status(app: &App, id: &str) -> Status {
    let row = app.view::<OrderRow>().unwrap().get(id).await.unwrap();
    row.map_or(Status::Unknown, |row| row.status())
}

#[tokio::test]
async fn orders_go_all_the_way_in_python() {
    let service = Service::start();
    let app = service.app().await;
    app.send(ReceiveStock { sku: "kettle".into(), quantity: 10 }).await.unwrap();
    let placed = app.send(order("1", 3)).sync(SyncMode::Cascade).await.unwrap();
    let event = placed.events[0].payload.decode::<OrderPlacedV2>().unwrap();
    assert_eq!((event.total_cents, event.currency.as_str()), (13_500, "USD"));
    assert_eq!(status(&app, "1").await, Status::Placed);
    let bill = app.query(GetBill { order_id: "1".into() }).await.unwrap();
    assert_eq!(bill, Bill { cents: 13_500, paid_cents: 0 });
    pay(&app, "1", 13_500).await;
    assert_eq!(status(&app, "1").await, Status::Confirmed);

    let again = app.send(order("1", 1)).await.unwrap_err();
    assert!(matches!(&again, Error::Rejected(rejection) if rejection.code == "ORDER_REJECTION_EXISTS"), "{again}");
    app.shutdown().await.unwrap();
}

/// Compensations, and rows that go.
#[tokio::test]
async fn what_is_not_in_stock_is_held_in_python() {
    let service = Service::start();
    let app = service.app().await;
    app.send(order("1", 3)).sync(SyncMode::Cascade).await.unwrap();
    let stream = app.events("orders", "1").await.unwrap();
    let names: Vec<&str> = stream.iter().map(|event| event.payload.type_name.rsplit('.').next().unwrap()).collect();
    assert_eq!(names, ["OrderPlacedV2", "OrderHeld"]);
    let late = app.send(CancelOrder { order_id: "1".into(), reason: "too late".into() }).await.unwrap_err();
    assert!(matches!(&late, Error::Rejected(rejection) if rejection.message == "order 1 is HELD"), "{late}");
    app.shutdown().await.unwrap();
}

/// A service that starts again has nothing of what the runtime believes it holds; what was stored long ago is read by
/// what stands at the fields.
#[tokio::test]
async fn a_python_service_may_forget_everything() {
    let mut service = Service::start();
    let app = service.app().await;
    app.send(ReceiveStock { sku: "kettle".into(), quantity: 10 }).await.unwrap();
    let old = OrderPlaced { order_id: "2".into(), sku: "kettle".into(), quantity: 2, total_cents: 9_000 };
    app.import("orders", "2").event(&old, None).await.unwrap();
    app.send(order("1", 3)).sync(SyncMode::Cascade).await.unwrap();
    service.restart();
    pay(&app, "1", 13_500).await;
    assert_eq!(status(&app, "1").await, Status::Confirmed);
    let stream = app.events("orders", "1").await.unwrap();
    assert!(stream.iter().any(|event| event.payload.decode::<OrderConfirmed>().is_ok()));
    app.drained().await.unwrap();
    assert_eq!(status(&app, "2").await, Status::Placed);
    app.shutdown().await.unwrap();
}
