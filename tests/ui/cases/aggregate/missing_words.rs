#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Aggregate;
use messages::*;

#[derive(Aggregate)]
#[aggregate(command(place: Place => Placed))]
enum OrdersDefinition {}

fn main() {}
