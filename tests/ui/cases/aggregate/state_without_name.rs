#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Aggregate, prost};
use messages::*;

/// Nothing says under which name its snapshots would be kept.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Nameless {}

#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Nameless,
    command(place: Place => Placed),
)]
enum OrdersDefinition {}

fn main() {}
