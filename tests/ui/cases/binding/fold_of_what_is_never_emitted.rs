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
struct OrderBook;

impl Orders for OrderBook {
    fn place(&self, _: &Order, _: Place, _: &Context) -> Result<Placed, Rejection> {
        Ok(Placed::default())
    }

    fn apply_placed(_: &mut Order, _: Placed) {}

    fn apply_reserve(_: &mut Order, _: Reserve) {}
}

fn main() {}
