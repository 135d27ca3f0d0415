#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Aggregate, Context, Refused, Rejection};
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(place: Place => Placed, io),
    command(cancel: Cancel => stream OrderEvent(event Placed, event Canceled)),
    fact(record: Paid => (), io),
    compensation(hold: Reserve => Canceled, io),
    query(get: GetOrder => Summary, io),
)]
struct OrderBook;

impl Orders for OrderBook {
    async fn place(&self, state: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        std::future::ready(()).await;
        Ok(Placed { order_id: format!("{}{}", command.order_id, state.quantity), customer: None })
    }

    fn cancel(&self, _: &Order, command: Cancel, _: &Context) -> Result<Vec<OrderEvent>, Rejection> {
        Ok(vec![Canceled { order_id: command.order_id }.into()])
    }

    async fn record(&self, _: &Order, _: Paid, _: &Context) {}

    async fn hold(&self, _: &Order, refused: Refused<Reserve>, _: &Context) -> Canceled {
        Canceled { order_id: refused.command.number.to_string() }
    }

    async fn get(&self, state: &Order, _: GetOrder, _: &Context) -> Result<Summary, Rejection> {
        Ok(Summary { quantity: state.quantity })
    }

    fn apply_placed(_: &mut Order, _: Placed) {}
    fn apply_canceled(_: &mut Order, _: Canceled) {}
    fn apply_paid(_: &mut Order, _: Paid) {}
}

fn main() {
    OrderBook.register();
}
