#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Upcaster;
use messages::*;

#[derive(Upcaster)]
#[upcaster(define = Past, name = "ui.v1.app.Past", upcast(to_placed: PlacedOld => Placed))]
enum Definition {}

fn main() {}
