#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Aggregate, Command, Event, prost};
use messages::Order;

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Ship", domain = "orders", root = number)]
pub struct Ship {
    #[prost(string, tag = "1")]
    pub order_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Shipped")]
pub struct Shipped {}

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(ship: Ship => Shipped),
)]
pub enum OrdersDefinition {}

fn main() {}
