use angzarr_runtime::{Aggregate, Event, prost};

#[path = "../messages.rs"]
mod messages;

use messages::{Order, Place};

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.PlacedLongAgo", domain = "orders", retired)]
struct PlacedLongAgo {}

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(place: Place => PlacedLongAgo),
)]
enum OrdersDefinition {}

fn main() {}
