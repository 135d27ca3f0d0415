//! What follows from events: the saga, the checkout, the board and the upcaster, each by itself.

use angzarr_runtime::Rejection;
use angzarr_runtime::testing::{self, ProcessManagerTest};
use shop::checkout::v1::{CheckoutStarted, PaymentOverdue, RefundDue};
use shop::components::{Board, Cashier, OldOrders, StockClerk, TIME_TO_PAY};
use shop::orders::v1::order::Status;
use shop::orders::v1::{
    CancelOrder, ConfirmOrder, OrderCancelled, OrderConfirmed, OrderHeld, OrderPlaced, OrderPlacedV2, OrderRejection,
    OrderRow,
};
use shop::payments::v1::{PaymentCaptured, PaymentDeclined, PaymentRejection, RequestPayment};
use shop::stock::v1::{ReleaseStock, ReserveStock, StockRejection, StockReserved};

fn placed() -> OrderPlacedV2 {
    OrderPlacedV2 {
        order_id: "1".into(),
        sku: "kettle".into(),
        quantity: 2,
        total_cents: 9_000,
        currency: "USD".into(),
    }
}

fn reserved() -> StockReserved {
    StockReserved { sku: "kettle".into(), order_id: "1".into(), quantity: 2 }
}

fn captured() -> PaymentCaptured {
    PaymentCaptured { order_id: "1".into(), cents: 9_000, currency: "USD".into() }
}

fn undone(reason: &str) -> (ReleaseStock, CancelOrder) {
    let release = ReleaseStock { sku: "kettle".into(), order_id: "1".into(), quantity: 2 };
    (release, CancelOrder { order_id: "1".into(), reason: reason.into() })
}

#[test]
fn what_is_ordered_is_reserved() {
    testing::saga(StockClerk).when(placed()).then_commands(ReserveStock {
        sku: "kettle".into(),
        order_id: "1".into(),
        quantity: 2,
    });
}

/// A checkout that waits for the money.
fn waiting() -> ProcessManagerTest {
    let OrderPlacedV2 { order_id, sku, quantity, total_cents, currency } = placed();
    testing::process_manager(Cashier)
        .when(placed())
        .then_events(CheckoutStarted { order_id, sku, quantity, total_cents, currency })
        .then_commands(())
        .when(reserved())
}

#[test]
fn the_money_is_asked_for_once_the_pieces_are_reserved() {
    waiting()
        .then_commands(RequestPayment { order_id: "1".into(), cents: 9_000, currency: "USD".into() })
        .then_deadline("payment", TIME_TO_PAY, PaymentOverdue { order_id: "1".into() });
}

#[test]
fn a_paid_order_is_confirmed_and_never_overdue() {
    waiting()
        .when(captured())
        .then_commands(ConfirmOrder { order_id: "1".into() })
        .then_no_deadline("payment")
        .advance(TIME_TO_PAY)
        .then_nothing()
        .when(OrderConfirmed { order_id: "1".into() })
        .then_completed();
}

#[test]
fn a_declined_payment_undoes_everything() {
    waiting()
        .when(PaymentDeclined { order_id: "1".into(), reason: "over the card's limit".into() })
        .then_commands(undone("over the card's limit"))
        .advance(TIME_TO_PAY)
        .then_nothing();
}

#[test]
fn a_bill_that_is_not_paid_in_time_undoes_everything() {
    waiting()
        .advance(TIME_TO_PAY / 2)
        .then_nothing()
        .advance(TIME_TO_PAY / 2)
        .then_commands(undone("not paid in time"));
}

#[test]
fn money_that_comes_too_late_is_to_be_paid_back() {
    let confirm = ConfirmOrder { order_id: "1".into() };
    let refused = Rejection::new(OrderRejection::NotPending, "order 1 is CANCELLED");
    waiting()
        .advance(TIME_TO_PAY)
        .when(captured())
        .then_commands(confirm.clone())
        .when_refused(confirm, refused)
        .then_events(RefundDue { order_id: "1".into(), cents: 9_000, currency: "USD".into() })
        .then_completed();
}

#[test]
fn without_a_bill_everything_is_undone() {
    let request = RequestPayment { order_id: "1".into(), cents: 9_000, currency: "USD".into() };
    waiting()
        .when_refused(request, Rejection::new(PaymentRejection::Answered, "requested before"))
        .then_commands(undone("requested before"))
        .advance(TIME_TO_PAY)
        .then_nothing();
}

#[test]
fn what_is_undone_already_leads_to_nothing() {
    let (release, cancel) = undone("not paid in time");
    waiting()
        .advance(TIME_TO_PAY)
        .when_refused(cancel, Rejection::new(OrderRejection::NotPending, "order 1 is CANCELLED"))
        .then_nothing()
        .when_refused(release, Rejection::new(StockRejection::NotReserved, "0 reserved"))
        .then_nothing();
}

#[test]
fn a_checkout_starts_with_the_order() {
    testing::process_manager(Cashier).when(reserved()).then_nothing().when(captured()).then_nothing();
}

#[test]
fn the_board_shows_where_an_order_stands() {
    let OrderPlacedV2 { order_id, sku, quantity, total_cents, currency } = placed();
    let row = |status: Status, reason: &str| OrderRow {
        order_id: order_id.clone(),
        sku: sku.clone(),
        quantity,
        total_cents,
        currency: currency.clone(),
        status: status.into(),
        reason: reason.into(),
    };
    let shown = || testing::projector(Board).of("1").given("1", row(Status::Placed, ""));
    testing::projector(Board).of("1").when(placed()).then_row("1", row(Status::Placed, ""));
    shown().when(OrderConfirmed { order_id: "1".into() }).then_row("1", row(Status::Confirmed, ""));
    shown()
        .when(OrderCancelled { order_id: "1".into(), reason: "no money".into() })
        .then_row("1", row(Status::Cancelled, "no money"));
    shown()
        .when(OrderHeld { order_id: "1".into(), reason: "no kettle".into() })
        .then_row("1", row(Status::Held, "no kettle"));
}

#[test]
fn an_order_that_the_board_does_not_know_gets_no_row() {
    testing::projector(Board).of("1").when(OrderConfirmed { order_id: "1".into() }).then_no_row("1");
}

#[test]
fn an_old_order_is_one_in_dollars() {
    let old = OrderPlaced { order_id: "1".into(), sku: "kettle".into(), quantity: 2, total_cents: 9_000 };
    testing::upcaster(OldOrders).when(old).then_events(placed());
}
