//! Handlers may be called like methods that every type has.
#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Aggregate, Context, Rejection};
use messages::*;

#[derive(Clone, Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(into: Place => Placed),
    command(clone: Cancel => Canceled),
    command(decode: Reserve => Canceled),
)]
struct OrderBook;

impl Orders for OrderBook {
    fn into(&self, _: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        Ok(Placed { order_id: command.order_id, customer: None })
    }

    fn clone(&self, _: &Order, command: Cancel, _: &Context) -> Result<Canceled, Rejection> {
        Ok(Canceled { order_id: command.order_id })
    }

    fn decode(&self, _: &Order, _: Reserve, _: &Context) -> Result<Canceled, Rejection> {
        Ok(Canceled::default())
    }

    fn apply_placed(_: &mut Order, _: Placed) {}

    fn apply_canceled(_: &mut Order, _: Canceled) {}
}

fn main() {
    OrderBook.register();
}
