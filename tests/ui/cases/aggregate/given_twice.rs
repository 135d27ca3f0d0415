#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Aggregate;
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    domain = "other",
    snapshot(every = 1, every = 2),
    command(place: Place => Placed, doc = "one", doc = "two"),
)]
enum OrdersDefinition {}

fn main() {}
