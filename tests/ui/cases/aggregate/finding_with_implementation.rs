#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Aggregate, Context, Rejection};
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "Our Orders",
    state = Order,
    command(place: Place => Placed),
)]
struct OrderBook;

// What is found in the attribute does not make the implementation wrong as well.
impl Orders for OrderBook {
    fn place(&self, _: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        Ok(Placed { order_id: command.order_id, customer: None })
    }

    fn apply_placed(_: &mut Order, _: Placed) {}
}

fn main() {}
