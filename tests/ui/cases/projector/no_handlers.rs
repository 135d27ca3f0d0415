#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::Projector;
use messages::*;

#[derive(Projector)]
#[projector(define = Board, name = "ui.v1.app.Board")]
enum Definition {}

fn main() {}
