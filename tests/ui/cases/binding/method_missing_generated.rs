//! A definition as the generator prints it: the error shows the proto's line.

#[path = "../messages.rs"]
mod messages;

pub mod app {
    #[derive(Debug, ::angzarr_runtime::Aggregate)]
    #[aggregate(
        define = Orders,
        name = "ui.v1.app.Orders",
        domain = "orders",
        state = super::messages::Order,
        snapshot(every = 0, version = 0, shape = "33df82b527235d87"),
        command(place: super::messages::Place => super::messages::Placed, io, at = "ui/v1/app/orders.proto:12:7"),
        query(get: super::messages::GetOrder => super::messages::Summary, at = "ui/v1/app/orders.proto:13:7"),
    )]
    pub enum OrdersDefinition {}
}

use angzarr_runtime::Aggregate;

#[derive(Aggregate)]
#[aggregate(app::Orders)]
struct OrderBook;

impl app::Orders for OrderBook {
    fn apply_placed(_: &mut messages::Order, _: messages::Placed) {}
}

fn main() {}
