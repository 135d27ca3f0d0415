//! Orders: placed, then confirmed, cancelled or held.

use std::collections::BTreeMap;

use angzarr_runtime::{Aggregate, Context, Failure, Refused, Rejection, Saga, Upcaster, ensure};

use crate::orders::v1::app::{Fulfilment, OrderHistory, Orders};
use crate::orders::v1::order::Status;
use crate::orders::v1::{
    CancelOrder, ConfirmOrder, Order, OrderCancelled, OrderConfirmed, OrderEvent, OrderHeld, OrderPlacedV2,
    OrderRejection, PlaceOrder, VoucherEarned,
};
use crate::stock::v1::ReserveStock;

/// Cents for one piece of each article.
pub type PriceList = BTreeMap<&'static str, u64>;

/// The rules of orders.
#[derive(Aggregate, Debug)]
#[aggregate(Orders)]
pub struct OrderBook {
    /// What can be ordered.
    pub prices: PriceList,
    /// An order of so many cents earns a voucher.
    pub voucher_from_cents: u64,
}

impl Orders for OrderBook {
    fn place(&self, order: &Order, command: PlaceOrder, _: &Context) -> Result<OrderPlacedV2, Rejection> {
        let PlaceOrder { order_id, sku, quantity } = command;
        ensure!(order.status() == Status::Unknown, OrderRejection::Exists, "order {order_id} was placed before");
        ensure!(quantity > 0, OrderRejection::Empty, "order {order_id} is for no pieces");
        let Some(price) = self.prices.get(sku.as_str()) else {
            return Err(Rejection::new(OrderRejection::NoPrice, format!("there is no price for {sku:?}")));
        };
        let total_cents = price * u64::from(quantity);
        Ok(OrderPlacedV2 { order_id, sku, quantity, total_cents, currency: "USD".into() })
    }

    fn confirm(&self, order: &Order, command: ConfirmOrder, _: &Context) -> Result<Vec<OrderEvent>, Rejection> {
        let ConfirmOrder { order_id } = command;
        pending(order, &order_id)?;
        let mut events = vec![OrderConfirmed { order_id: order_id.clone() }.into()];
        if order.total_cents >= self.voucher_from_cents {
            events.push(VoucherEarned { order_id, cents: order.total_cents / 20 }.into());
        }
        Ok(events)
    }

    fn cancel(&self, order: &Order, command: CancelOrder, _: &Context) -> Result<OrderCancelled, Rejection> {
        let CancelOrder { order_id, reason } = command;
        pending(order, &order_id)?;
        Ok(OrderCancelled { order_id, reason })
    }

    fn hold(&self, _: &Order, refused: Refused<ReserveStock>, _: &Context) -> OrderHeld {
        OrderHeld { order_id: refused.command.order_id, reason: refused.rejection.message }
    }

    fn apply_order_placed_v2(order: &mut Order, event: OrderPlacedV2) {
        order.set_status(Status::Placed);
        order.total_cents = event.total_cents;
    }

    fn apply_order_confirmed(order: &mut Order, _: OrderConfirmed) {
        order.set_status(Status::Confirmed);
    }

    // Nothing is decided on vouchers yet.
    fn apply_voucher_earned(_: &mut Order, _: VoucherEarned) {}

    fn apply_order_cancelled(order: &mut Order, _: OrderCancelled) {
        order.set_status(Status::Cancelled);
    }

    fn apply_order_held(order: &mut Order, _: OrderHeld) {
        order.set_status(Status::Held);
    }
}

fn pending(order: &Order, order_id: &str) -> Result<(), Rejection> {
    let status = order.status();
    ensure!(status == Status::Placed, OrderRejection::NotPending, "order {order_id} is {}", status.as_str_name());
    Ok(())
}

/// Orders as the release before stored them.
#[derive(Upcaster, Debug)]
#[upcaster(OrderHistory)]
pub struct OldOrders;

// What becomes of each field stands at the messages.
impl OrderHistory for OldOrders {}

/// Has reserved what was ordered.
#[derive(Saga, Debug)]
#[saga(Fulfilment)]
pub struct StockClerk;

impl Fulfilment for StockClerk {
    async fn on_order_placed(&self, event: OrderPlacedV2, _: &Context) -> Result<ReserveStock, Failure> {
        Ok(ReserveStock { sku: event.sku, order_id: event.order_id, quantity: event.quantity })
    }
}
