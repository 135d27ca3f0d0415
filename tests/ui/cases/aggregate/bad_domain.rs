#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Aggregate;
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "Our Orders",
    state = Order,
    command(place: Place => Placed),
)]
enum OrdersDefinition {}

fn main() {}
