#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Failure, Upcaster};
use messages::*;

#[derive(Upcaster)]
#[upcaster(
    define = History,
    name = "ui.v1.app.History",
    domain = "orders",
    upcast(to_placed: PlacedOld => Placed, hook),
    upcast(split: Placed => stream OrderEvent(event Placed, event Canceled)),
)]
struct Past;

impl History for Past {
    fn to_placed(&self, event: PlacedOld) -> Result<Placed, Failure> {
        Ok(Placed { order_id: event.order_id, customer: None })
    }

    fn split(&self, _: Placed) -> Result<Vec<OrderEvent>, Failure> {
        Ok(Vec::new())
    }
}

fn main() {
    Past.register();
}
