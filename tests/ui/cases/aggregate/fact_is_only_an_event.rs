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
    fact(place: Placed => ()),
)]
enum OrdersDefinition {}

fn main() {}
