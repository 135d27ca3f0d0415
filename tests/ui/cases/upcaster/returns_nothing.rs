#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Upcaster;
use messages::*;

#[derive(Upcaster)]
#[upcaster(define = Past, name = "ui.v1.app.Past", domain = "orders", upcast(to_placed: PlacedOld => ()))]
enum Definition {}

fn main() {}
