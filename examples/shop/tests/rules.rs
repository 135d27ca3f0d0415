//! What the aggregates decide, each by itself.

use angzarr_runtime::{Rejection, testing};
use shop::components::{OrderBook, PriceList, Till, Warehouse};
use shop::orders::v1::order::Status;
use shop::orders::v1::{
    CancelOrder, ConfirmOrder, Order, OrderCancelled, OrderConfirmed, OrderHeld, OrderPlacedV2, OrderRejection,
    PlaceOrder, VoucherEarned,
};
use shop::payments::v1::{
    Bill, GetBill, PaymentCaptured, PaymentDeclined, PaymentReceived, PaymentRejection, PaymentRequested,
    RequestPayment,
};
use shop::stock::v1::{
    Article, ReceiveStock, ReleaseStock, ReserveStock, StockReceived, StockRejection, StockReleased, StockReserved,
};

fn book() -> OrderBook {
    OrderBook { prices: PriceList::from([("kettle", 4_500)]), voucher_from_cents: 10_000 }
}

fn place(quantity: u32) -> PlaceOrder {
    PlaceOrder { order_id: "1".into(), sku: "kettle".into(), quantity }
}

fn placed(quantity: u32, total_cents: u64) -> OrderPlacedV2 {
    OrderPlacedV2 { order_id: "1".into(), sku: "kettle".into(), quantity, total_cents, currency: "USD".into() }
}

fn confirm() -> ConfirmOrder {
    ConfirmOrder { order_id: "1".into() }
}

fn confirmed() -> OrderConfirmed {
    OrderConfirmed { order_id: "1".into() }
}

#[test]
fn an_order_is_placed_once() {
    testing::aggregate(book())
        .when(place(2))
        .then_events(placed(2, 9_000))
        .then_state(|order: &Order| assert_eq!(order.status(), Status::Placed))
        .when(place(1))
        .then_rejected(OrderRejection::Exists);
}

#[test]
fn an_order_needs_pieces_and_a_price() {
    let unicorn = PlaceOrder { sku: "unicorn".into(), ..place(1) };
    testing::aggregate(book())
        .when(place(0))
        .then_rejected(OrderRejection::Empty)
        .when(unicorn)
        .then_rejected(OrderRejection::NoPrice);
}

#[test]
fn a_large_order_earns_a_voucher() {
    testing::aggregate(book())
        .given(placed(3, 13_500))
        .when(confirm())
        .then_events((confirmed(), VoucherEarned { order_id: "1".into(), cents: 675 }));
    testing::aggregate(book()).given(placed(2, 9_000)).when(confirm()).then_events(confirmed());
}

#[test]
fn only_a_pending_order_is_cancelled() {
    let cancel = CancelOrder { order_id: "1".into(), reason: "changed my mind".into() };
    let cancelled = OrderCancelled { order_id: "1".into(), reason: "changed my mind".into() };
    testing::aggregate(book())
        .when(cancel.clone())
        .then_rejected(OrderRejection::NotPending)
        .given(placed(2, 9_000))
        .when(cancel.clone())
        .then_events(cancelled)
        .when(confirm())
        .then_rejected(OrderRejection::NotPending)
        .when(cancel)
        .then_rejected(OrderRejection::NotPending);
}

#[test]
fn an_order_whose_pieces_are_refused_is_held() {
    let reserve = ReserveStock { sku: "kettle".into(), order_id: "1".into(), quantity: 2 };
    let refusal = Rejection::new(StockRejection::OutOfStock, "2 of kettle wanted, 1 there");
    testing::aggregate(book())
        .given(placed(2, 9_000))
        .when_refused(reserve, refusal)
        .then_events(OrderHeld { order_id: "1".into(), reason: "2 of kettle wanted, 1 there".into() })
        .when(confirm())
        .then_rejected(OrderRejection::NotPending);
}

#[test]
fn stock_is_reserved_and_released() {
    let (sku, order_id) = ("kettle".to_owned(), "1".to_owned());
    let reserve = |quantity| ReserveStock { sku: sku.clone(), order_id: order_id.clone(), quantity };
    let release = |quantity| ReleaseStock { sku: sku.clone(), order_id: order_id.clone(), quantity };
    testing::aggregate(Warehouse)
        .when(ReceiveStock { sku: sku.clone(), quantity: 4 })
        .then_events(StockReceived { sku: sku.clone(), quantity: 4 })
        .when(reserve(5))
        .then_rejected(StockRejection::OutOfStock)
        .when(reserve(3))
        .then_events(StockReserved { sku: sku.clone(), order_id: order_id.clone(), quantity: 3 })
        .when(release(4))
        .then_rejected(StockRejection::NotReserved)
        .when(release(1))
        .then_events(StockReleased { sku: sku.clone(), order_id: order_id.clone(), quantity: 1 })
        .then_state(|article: &Article| assert_eq!(*article, Article { available: 2, reserved: 2 }));
}

fn request(cents: u64) -> RequestPayment {
    RequestPayment { order_id: "1".into(), cents, currency: "USD".into() }
}

fn requested(cents: u64) -> PaymentRequested {
    PaymentRequested { order_id: "1".into(), cents, currency: "USD".into() }
}

fn transfer(name: &str, cents: u64) -> PaymentReceived {
    PaymentReceived { order_id: "1".into(), transfer: name.into(), cents }
}

#[test]
fn a_payment_is_requested_up_to_the_limit() {
    let declined = PaymentDeclined { order_id: "1".into(), reason: "over the card's limit".into() };
    testing::aggregate(Till { limit_cents: 50_000 })
        .when(request(50_000))
        .then_events(requested(50_000))
        .when(request(50_000))
        .then_rejected(PaymentRejection::Answered);
    testing::aggregate(Till { limit_cents: 50_000 })
        .when(request(50_001))
        .then_events(declined)
        .when_asked(GetBill { order_id: "1".into() })
        .then_rejected(PaymentRejection::NoBill);
}

#[test]
fn the_last_transfer_captures_the_payment() {
    let captured = PaymentCaptured { order_id: "1".into(), cents: 3_250, currency: "USD".into() };
    testing::aggregate(Till { limit_cents: 50_000 })
        .given(requested(3_250))
        .when_recorded(transfer("bank-1", 2_000))
        .then_events(transfer("bank-1", 2_000))
        .when_asked(GetBill { order_id: "1".into() })
        .then_answer::<GetBill>(Bill { cents: 3_250, paid_cents: 2_000 })
        .when_recorded(transfer("bank-2", 1_250))
        .then_events((transfer("bank-2", 1_250), captured));
}

#[test]
fn money_that_nobody_waits_for_is_recorded_all_the_same() {
    testing::aggregate(Till { limit_cents: 50_000 })
        .when_recorded(transfer("bank-1", 5))
        .then_events(transfer("bank-1", 5));
}
