#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Aggregate, Saga};
use messages::*;

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(place: Place => Placed),
)]
pub enum OrdersDefinition {}

#[derive(Saga)]
#[saga(define = Sends, name = "ui.v1.app.Sends", on(on_placed: Placed => Reserve))]
pub enum SendsDefinition {}

#[derive(Saga)]
#[saga(Sends)]
#[saga(Sends)]
struct Sender;

fn main() {}
