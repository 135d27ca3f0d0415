#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Saga;
use messages::*;

#[derive(Saga)]
#[saga(define = Sends, name = "ui.v1.app.Sends", on(on_placed: Placed => Reserve, key(customer.weight)))]
enum Definition {}

fn main() {}
