//! A definition on the user's own type defines the trait and binds the type.
#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Aggregate, Context, Refused, Rejection};
use messages::*;

/// Takes orders.
#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    snapshot(every = 10, version = 1, shape = "abc"),
    rejections = Refusal,
    command(place: Place => Placed, doc = "Places.", at = "ui.proto:1:2"),
    command(cancel: Cancel => stream OrderEvent(event Placed, event Canceled)),
    compensation(unreserve: Reserve => Canceled),
)]
struct OrderBook {
    limit: u32,
}

impl Orders for OrderBook {
    fn place(&self, state: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        if state.quantity > self.limit {
            return Err(Rejection::new(Refusal::Exists, "too many"));
        }
        Ok(Placed { order_id: command.order_id, customer: None })
    }

    fn cancel(&self, _: &Order, command: Cancel, _: &Context) -> Result<Vec<OrderEvent>, Rejection> {
        Ok(vec![Canceled { order_id: command.order_id }.into()])
    }

    fn unreserve(&self, _: &Order, refused: Refused<Reserve>, _: &Context) -> Canceled {
        Canceled { order_id: refused.command.number.to_string() }
    }

    fn apply_placed(state: &mut Order, _: Placed) {
        state.quantity += 1;
    }

    fn apply_canceled(state: &mut Order, _: Canceled) {
        state.quantity = 0;
    }
}

fn main() {
    OrderBook { limit: 3 }.register();
}
