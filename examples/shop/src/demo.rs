//! A day in the shop.

use angzarr_runtime::{App, Error, Event, Outcome};

use crate::orders::v1::{OrderPlaced, PlaceOrder};
use crate::payments::v1::{GetBill, PaymentReceived};
use crate::stock::v1::ReceiveStock;

/// What the customers want: one is served, one asks for too many, one for something too dear.
const ORDERS: [(&str, &str, u32); 3] = [("1001", "teapot", 4), ("1002", "kettle", 5), ("1003", "samovar", 1)];

/// What came of the day's work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Deliveries, orders and transfers that were stored now.
    pub done: usize,
    /// Those that an earlier run had stored.
    pub done_before: usize,
}

/// Takes in deliveries, one order of the release before, the orders of the day, and what the bank tells in the evening;
/// waits until all that follows from them is done. Run again, it changes nothing.
///
/// # Errors
/// The first rejection, what the store can yield, or a consumer that stopped.
pub async fn day(app: &App) -> Result<Day, Error> {
    let mut outcomes = Vec::new();
    for sku in ["kettle", "teapot", "samovar"] {
        let delivery = ReceiveStock { sku: sku.into(), quantity: 4 };
        outcomes.push(app.send(delivery).idempotency_key("delivery-17").await?);
    }
    outcomes.push(import_old_order(app).await?);
    // The old order takes its kettle before today's orders want theirs.
    app.drained().await?;
    for (order_id, sku, quantity) in ORDERS {
        let order = PlaceOrder { order_id: order_id.into(), sku: sku.into(), quantity };
        let key = format!("web-{order_id}");
        outcomes.push(app.send(order).idempotency_key(&key).correlation_id(&key).await?);
    }
    app.drained().await?;
    for order_id in ["0999", "1001"] {
        outcomes.push(transfer(app, order_id).await?);
    }
    app.drained().await?;
    let done_before = outcomes.iter().filter(|outcome| outcome.duplicate).count();
    Ok(Day { done: outcomes.len() - done_before, done_before })
}

/// History comes in as it was stored; nobody decides on it.
async fn import_old_order(app: &App) -> Result<Outcome, Error> {
    let old = OrderPlaced { order_id: "0999".into(), sku: "kettle".into(), quantity: 1, total_cents: 3_900 };
    app.import(OrderPlaced::DOMAIN, "0999").event(&old, None).idempotency_key("migration").await
}

/// The customer looks at the bill and pays it; the bank tells of that.
async fn transfer(app: &App, order_id: &str) -> Result<Outcome, Error> {
    let bill = app.query(GetBill { order_id: order_id.into() }).await?;
    let transfer = format!("bank-{order_id}");
    let fact = PaymentReceived { order_id: order_id.into(), transfer: transfer.clone(), cents: bill.cents };
    app.record(fact).correlation_id(transfer).await
}
