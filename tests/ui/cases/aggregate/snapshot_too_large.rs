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
    snapshot(every = 5_000_000_000),
    command(place: Place => Placed),
)]
enum OrdersDefinition {}

fn main() {}
