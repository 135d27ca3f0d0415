//! What the shop does as a whole: commands in, events and views out.
#![expect(clippy::unwrap_used, reason = "in a helper of a test, a panic is how the test fails")]

use angzarr_runtime::testing::{self, AppTest};
use angzarr_runtime::{Event, Storage, SyncMode};
use shop::checkout::v1::{CheckoutStarted, RefundDue};
use shop::components::{self, TIME_TO_PAY};
use shop::demo::{self, Day};
use shop::orders::v1::order::Status;
use shop::orders::v1::{
    OrderCancelled, OrderConfirmed, OrderHeld, OrderPlaced, OrderPlacedV2, OrderRejection, OrderRow, PlaceOrder,
};
use shop::payments::v1::{GetBill, PaymentCaptured, PaymentDeclined, PaymentReceived, PaymentRequested};
use shop::stock::v1::{ReceiveStock, StockReceived, StockRejection, StockReleased, StockReserved};

/// A shop with so many pieces of an article.
async fn open(sku: &str, quantity: u32) -> AppTest {
    let app = testing::start(components::shop(Storage::Memory)).await;
    app.when(ReceiveStock { sku: sku.into(), quantity }).await.then_events(received(sku, quantity));
    app
}

fn received(sku: &str, quantity: u32) -> StockReceived {
    StockReceived { sku: sku.into(), quantity }
}

fn reserved(sku: &str, quantity: u32) -> StockReserved {
    StockReserved { sku: sku.into(), order_id: "1".into(), quantity }
}

fn released(sku: &str, quantity: u32) -> StockReleased {
    StockReleased { sku: sku.into(), order_id: "1".into(), quantity }
}

fn order(sku: &str, quantity: u32) -> PlaceOrder {
    PlaceOrder { order_id: "1".into(), sku: sku.into(), quantity }
}

fn placed(sku: &str, quantity: u32, total_cents: u64) -> OrderPlacedV2 {
    OrderPlacedV2 { order_id: "1".into(), sku: sku.into(), quantity, total_cents, currency: "USD".into() }
}

fn started(sku: &str, quantity: u32, total_cents: u64) -> CheckoutStarted {
    CheckoutStarted { order_id: "1".into(), sku: sku.into(), quantity, total_cents, currency: "USD".into() }
}

fn cancelled(reason: &str) -> OrderCancelled {
    OrderCancelled { order_id: "1".into(), reason: reason.into() }
}

/// What the bank tells of a transfer.
fn transfer(cents: u64) -> PaymentReceived {
    PaymentReceived { order_id: "1".into(), transfer: "bank-1".into(), cents }
}

/// Where the order stands on the board, and why.
async fn status(app: &AppTest) -> (Status, String) {
    let row: OrderRow = app.row("1").await.unwrap();
    (row.status(), row.reason)
}

#[tokio::test]
async fn an_order_in_stock_is_paid_and_confirmed() {
    let app = open("teapot", 4).await;
    let sent = app.send(order("teapot", 3)).correlation_id("visit-7").sync(SyncMode::Simple).await.unwrap();
    assert_eq!(sent.events[0].payload.decode::<OrderPlacedV2>().unwrap(), placed("teapot", 3, 9_750));
    app.settled().await;
    let bill = app.when_asked(GetBill { order_id: "1".into() }).await.unwrap();
    let captured = PaymentCaptured { order_id: "1".into(), cents: 9_750, currency: "USD".into() };
    app.when_recorded(transfer(bill.cents)).await.then_events((transfer(9_750), captured.clone()));

    assert_eq!(status(&app).await, (Status::Confirmed, String::new()));
    let confirmed = OrderConfirmed { order_id: "1".into() };
    app.stream("orders", "1").await.then_events((placed("teapot", 3, 9_750), confirmed));
    app.stream("stock", "teapot").await.then_events((received("teapot", 4), reserved("teapot", 3)));
    let requested = PaymentRequested { order_id: "1".into(), cents: 9_750, currency: "USD".into() };
    app.stream("payments", "1").await.then_events((requested, transfer(9_750), captured));

    let requested = &app.events("payments", "1").await.unwrap()[0];
    assert_eq!(&*requested.trace.correlation_id, "visit-7");
    let confirmed = &app.events("orders", "1").await.unwrap()[1];
    let cause = confirmed.trace.cause.as_ref().unwrap();
    assert_eq!((&*cause.component, &*cause.domain), ("shop.checkout.v1.app.Checkout", "payments"));
    assert_eq!(app.dead_letters().await, []);
}

#[tokio::test]
async fn an_order_out_of_stock_is_held() {
    let app = open("kettle", 2).await;
    app.when(order("kettle", 3)).await.then_events(placed("kettle", 3, 13_500));

    let reason = "3 of kettle wanted, 2 there".to_owned();
    assert_eq!(status(&app).await, (Status::Held, reason.clone()));
    let held = OrderHeld { order_id: "1".into(), reason };
    app.stream("orders", "1").await.then_events((placed("kettle", 3, 13_500), held));
    app.stream("stock", "kettle").await.then_events(received("kettle", 2)).then_refused(StockRejection::OutOfStock);
    app.stream("payments", "1").await.then_events(());
}

#[tokio::test]
async fn a_declined_payment_releases_the_stock_and_cancels_the_order() {
    let app = open("samovar", 1).await;
    app.when(order("samovar", 1)).await.then_events(placed("samovar", 1, 60_000));

    let reason = "over the card's limit";
    app.stream("orders", "1").await.then_events((placed("samovar", 1, 60_000), cancelled(reason)));
    let pieces = (received("samovar", 1), reserved("samovar", 1), released("samovar", 1));
    app.stream("stock", "samovar").await.then_events(pieces);
    let declined = PaymentDeclined { order_id: "1".into(), reason: reason.into() };
    app.stream("payments", "1").await.then_events(declined);
    assert_eq!(status(&app).await, (Status::Cancelled, reason.to_owned()));
}

#[tokio::test]
async fn a_bill_that_is_not_paid_in_time_cancels_the_order() {
    let app = open("kettle", 2).await;
    app.when(order("kettle", 1)).await.then_events(placed("kettle", 1, 4_500));
    app.advance(TIME_TO_PAY / 2).await;
    assert_eq!(status(&app).await.0, Status::Placed);

    app.advance(TIME_TO_PAY / 2).await;
    assert_eq!(status(&app).await, (Status::Cancelled, "not paid in time".to_owned()));
    let pieces = (received("kettle", 2), reserved("kettle", 1), released("kettle", 1));
    app.stream("stock", "kettle").await.then_events(pieces);

    // Money that comes too late is there all the same, but confirms nothing, and is to be paid back.
    app.when_recorded(transfer(4_500)).await;
    let refund = RefundDue { order_id: "1".into(), cents: 4_500, currency: "USD".into() };
    app.stream("checkout", "1").await.then_events((started("kettle", 1, 4_500), refund));
    app.stream("orders", "1").await.then_events((placed("kettle", 1, 4_500), cancelled("not paid in time")));
    assert_eq!(app.dead_letters().await, []);
}

#[tokio::test]
async fn the_same_key_places_an_order_once() {
    let app = open("kettle", 2).await;
    let send = || app.send(order("kettle", 1)).idempotency_key("click");
    let (first, second) = (send().await.unwrap(), send().await.unwrap());
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    assert_eq!(first.events, second.events);
    app.when(order("kettle", 1)).await.then_rejected(OrderRejection::Exists);
}

#[tokio::test]
async fn what_the_rules_refuse_stores_nothing() {
    let app = testing::start(components::shop(Storage::Memory)).await;
    app.when(order("kettle", 0)).await.then_rejected(OrderRejection::Empty);
    app.when(order("unicorn", 1)).await.then_rejected(OrderRejection::NoPrice);
    assert!(app.read_log(0, 10).await.unwrap().records.is_empty());
}

#[tokio::test]
async fn an_old_order_is_read_in_its_current_version() {
    let app = open("kettle", 1).await;
    let old = OrderPlaced { order_id: "1".into(), sku: "kettle".into(), quantity: 1, total_cents: 3_900 };
    app.import(OrderPlaced::DOMAIN, "1").event(&old, None).await.unwrap();
    app.settled().await;
    app.when_recorded(transfer(3_900)).await;

    let confirmed = OrderConfirmed { order_id: "1".into() };
    app.stream("orders", "1").await.then_events((placed("kettle", 1, 3_900), confirmed));
    app.when(order("kettle", 1)).await.then_rejected(OrderRejection::Exists);
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
