#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Projector;
use messages::*;

#[derive(Projector)]
#[projector(define = Board, name = "ui.v1.app.Board", view = Row, on(on_placed: Placed => Row))]
enum Definition {}

fn main() {}
