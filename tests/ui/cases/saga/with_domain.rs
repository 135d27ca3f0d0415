#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Saga;
use messages::*;

#[derive(Saga)]
#[saga(define = Sends, name = "ui.v1.app.Sends", domain = "orders", on(on_placed: Placed => Reserve))]
enum Definition {}

fn main() {}
