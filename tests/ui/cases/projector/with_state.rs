#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Projector;
use messages::*;

#[derive(Projector)]
#[projector(define = Board, name = "ui.v1.app.Board", state = Row, on(on_placed: Placed => ()))]
enum Definition {}

fn main() {}
