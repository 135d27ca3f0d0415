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
    snapshots(every = 10),
    view = Row,
    deadline(get: Place => Placed),
    snapshot(often = 3),
    command(place: Place => Placed, lane(order_id)),
)]
enum OrdersDefinition {}

fn main() {}
