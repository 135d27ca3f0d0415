//! What the shop does, from the outside: commands in, events and views out.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a helper of a test, a panic is how the test fails")]

use angzarr_runtime::{App, Error, Event, Rejection, RejectionCode, Storage, SyncMode};
use shop::components;
use shop::demo::{self, Day};
use shop::orders::v1::order::Status;
use shop::orders::v1::{CancelOrder, OrderPlaced, OrderPlacedV2, OrderRejection, OrderRow, PlaceOrder};
use shop::payments::v1::{Bill, GetBill, PaymentReceived, PaymentRejection};
use shop::stock::v1::{ReceiveStock, ReleaseStock, StockRejection};

async fn open() -> App {
    components::shop(Storage::Memory).start().await.unwrap()
}

fn order(order_id: &str, sku: &str, quantity: u32) -> PlaceOrder {
    PlaceOrder { order_id: order_id.into(), sku: sku.into(), quantity }
}

async fn deliver(app: &App, sku: &str, quantity: u32) {
    app.send(ReceiveStock { sku: sku.into(), quantity }).await.unwrap();
}

/// What the bank tells of a transfer.
fn transfer(order_id: &str, transfer: &str, cents: u64) -> PaymentReceived {
    PaymentReceived { order_id: order_id.into(), transfer: transfer.into(), cents }
}

/// Pays the bill that there is once everything else is done.
async fn pay(app: &App, order_id: &str) {
    app.drained().await.unwrap();
    let bill = app.query(GetBill { order_id: order_id.into() }).await.unwrap();
    app.record(transfer(order_id, "bank-1", bill.cents)).await.unwrap();
}

/// The row of an order after everything that follows from it.
async fn row(app: &App, order_id: &str) -> OrderRow {
    app.drained().await.unwrap();
    app.view::<OrderRow>().unwrap().get(order_id).await.unwrap().unwrap()
}

/// Simple names of a stream's events.
async fn events(app: &App, domain: &str, key: &str) -> Vec<String> {
    let records = app.events(domain, key).await.unwrap();
    records.iter().map(|record| record.payload.type_name.rsplit('.').next().unwrap().to_owned()).collect()
}

fn rejection(result: Result<impl std::fmt::Debug, Error>) -> Rejection {
    match result.unwrap_err() {
        Error::Rejected(rejection) => rejection,
        other => panic!("not a rejection: {other}"),
    }
}

fn assert_code(result: Result<impl std::fmt::Debug, Error>, code: impl RejectionCode) {
    assert_eq!(rejection(result).code, code.code());
}

#[tokio::test]
async fn an_order_in_stock_is_paid_and_confirmed() {
    let app = open().await;
    deliver(&app, "teapot", 4).await;
    let outcome = app.send(order("1", "teapot", 3)).correlation_id("visit-7").sync(SyncMode::Simple).await.unwrap();
    assert_eq!(outcome.events[0].payload.decode::<OrderPlacedV2>().unwrap().total_cents, 9_750);
    pay(&app, "1").await;

    let row = row(&app, "1").await;
    assert_eq!((row.status(), row.total_cents, &*row.currency), (Status::Confirmed, 9_750, "USD"));
    assert_eq!(events(&app, "orders", "1").await, ["OrderPlacedV2", "OrderConfirmed"]);
    assert_eq!(events(&app, "stock", "teapot").await, ["StockReceived", "StockReserved"]);
    assert_eq!(events(&app, "payments", "1").await, ["PaymentRequested", "PaymentReceived", "PaymentCaptured"]);

    let requested = &app.events("payments", "1").await.unwrap()[0];
    assert_eq!(&*requested.trace.correlation_id, "visit-7");
    let confirmed = &app.events("orders", "1").await.unwrap()[1];
    let cause = confirmed.trace.cause.as_ref().unwrap();
    assert_eq!((&*cause.component, &*cause.domain), ("shop.checkout.v1.app.Checkout", "payments"));
}

#[tokio::test]
async fn a_large_order_earns_a_voucher() {
    let app = open().await;
    deliver(&app, "teapot", 4).await;
    app.send(order("1", "teapot", 4)).await.unwrap();
    pay(&app, "1").await;
    app.drained().await.unwrap();
    assert_eq!(events(&app, "orders", "1").await, ["OrderPlacedV2", "OrderConfirmed", "VoucherEarned"]);
}

#[tokio::test]
async fn a_transfer_counts_once_and_the_last_one_confirms() {
    let app = open().await;
    deliver(&app, "teapot", 1).await;
    app.send(order("1", "teapot", 1)).await.unwrap();
    app.drained().await.unwrap();
    for _ in 0..2 {
        app.record(transfer("1", "bank-1", 2_000)).await.unwrap();
    }
    let bill = || app.query(GetBill { order_id: "1".into() });
    assert_eq!(bill().await.unwrap(), Bill { cents: 3_250, paid_cents: 2_000 });
    assert_eq!(row(&app, "1").await.status(), Status::Placed);

    app.record(transfer("1", "bank-2", 1_250)).await.unwrap();
    assert_eq!(row(&app, "1").await.status(), Status::Confirmed);
    // Money that nobody waits for is recorded all the same.
    app.record(transfer("2", "bank-3", 5)).await.unwrap();
    assert_code(app.query(GetBill { order_id: "2".into() }).await, PaymentRejection::NoBill);
    assert_eq!(events(&app, "payments", "2").await, ["PaymentReceived"]);
}

#[tokio::test]
async fn an_order_out_of_stock_is_held() {
    let app = open().await;
    deliver(&app, "kettle", 2).await;
    app.send(order("1", "kettle", 3)).await.unwrap();
    let row = row(&app, "1").await;
    assert_eq!((row.status(), &*row.reason), (Status::Held, "3 of kettle wanted, 2 there"));
    assert_eq!(events(&app, "orders", "1").await, ["OrderPlacedV2", "OrderHeld"]);
    assert!(app.events("payments", "1").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_declined_payment_releases_the_stock_and_cancels_the_order() {
    let app = open().await;
    deliver(&app, "samovar", 1).await;
    app.send(order("1", "samovar", 1)).await.unwrap();
    let row = row(&app, "1").await;
    assert_eq!((row.status(), &*row.reason), (Status::Cancelled, "over the card's limit"));
    assert_eq!(events(&app, "stock", "samovar").await, ["StockReceived", "StockReserved", "StockReleased"]);
    assert_eq!(events(&app, "payments", "1").await, ["PaymentDeclined"]);
}

#[tokio::test]
async fn the_same_key_places_an_order_once() {
    let app = open().await;
    let send = || app.send(order("1", "kettle", 1)).idempotency_key("click");
    let (first, second) = (send().await.unwrap(), send().await.unwrap());
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    assert_eq!(first.events, second.events);
    assert_code(app.send(order("1", "kettle", 1)).idempotency_key("other click").await, OrderRejection::Exists);
}

#[tokio::test]
async fn what_the_rules_refuse_stores_nothing() {
    let app = open().await;
    assert_code(app.send(order("1", "kettle", 0)).await, OrderRejection::Empty);
    assert_code(app.send(order("1", "unicorn", 1)).await, OrderRejection::NoPrice);
    let cancel = CancelOrder { order_id: "1".into(), reason: String::new() };
    assert_code(app.send(cancel).await, OrderRejection::NotPending);
    let release = ReleaseStock { sku: "kettle".into(), order_id: "1".into(), quantity: 1 };
    assert_code(app.send(release).await, StockRejection::NotReserved);
    assert!(app.read_log(0, 10).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn an_old_order_is_read_in_its_current_version() {
    let app = open().await;
    deliver(&app, "kettle", 1).await;
    let old = OrderPlaced { order_id: "1".into(), sku: "kettle".into(), quantity: 1, total_cents: 3_900 };
    app.import(OrderPlaced::DOMAIN, "1").event(&old, None).await.unwrap();
    pay(&app, "1").await;
    let row = row(&app, "1").await;
    assert_eq!((row.status(), row.total_cents, &*row.currency), (Status::Confirmed, 3_900, "USD"));
    let current = app.events("orders", "1").await.unwrap()[0].payload.decode::<OrderPlacedV2>().unwrap();
    assert_eq!((current.total_cents, &*current.currency), (3_900, "USD"));
    assert_code(app.send(order("1", "kettle", 1)).await, OrderRejection::Exists);
}

#[tokio::test]
async fn a_restart_finds_everything_done() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::Sqlite(folder.path().join("shop.db"));
    let mut seen = Vec::new();
    for expected in [Day { done: 9, done_before: 0 }, Day { done: 0, done_before: 9 }] {
        let app = components::shop(storage.clone()).start().await.unwrap();
        assert_eq!(demo::day(&app).await.unwrap(), expected);
        let rows = app.view::<OrderRow>().unwrap().all().await.unwrap();
        seen.push((rows, app.read_log(0, 1_000).await.unwrap().records));
        app.shutdown().await.unwrap();
    }
    let statuses: Vec<_> = seen[0].0.iter().map(|(_, row)| row.status()).collect();
    assert_eq!(statuses, [Status::Confirmed, Status::Confirmed, Status::Held, Status::Cancelled]);
    assert_eq!(seen[0], seen[1]);
}
