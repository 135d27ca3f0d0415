#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Upcaster;
use messages::*;

#[derive(Upcaster)]
#[upcaster(define = Past, name = "ui.v1.app.Past", domain = "orders", upcast(to_new: PlacedOld => Placed), upcast(to_new: Placed => Canceled))]
enum Definition {}

fn main() {}
