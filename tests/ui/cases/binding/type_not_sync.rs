#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Aggregate, Context, Rejection, Saga};
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(place: Place => Placed),
)]
pub enum OrdersDefinition {}

#[derive(Saga)]
#[saga(define = Sends, name = "ui.v1.app.Sends", on(on_placed: Placed => Reserve))]
pub enum SendsDefinition {}

#[derive(Aggregate)]
#[aggregate(Orders)]
struct OrderBook {
    count: std::cell::Cell<u32>,
}

impl Orders for OrderBook {
    fn place(&self, _: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        Ok(Placed { order_id: command.order_id, customer: None })
    }

    fn apply_placed(_: &mut Order, _: Placed) {}
}

fn main() {}
