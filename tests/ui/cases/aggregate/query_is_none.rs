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
    query(place: Place => Summary),
)]
enum OrdersDefinition {}

fn main() {}
