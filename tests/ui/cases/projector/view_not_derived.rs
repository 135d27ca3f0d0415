#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Context, Failure, Projector};
use messages::{Order, Placed};

#[derive(Projector)]
#[projector(define = Board, name = "ui.v1.app.Board", view = Order, on(on_placed: Placed => ()))]
struct Rows;

impl Board for Rows {
    async fn on_placed(&self, row: Option<Order>, _: Placed, _: &Context) -> Result<Option<Order>, Failure> {
        Ok(row)
    }
}

fn main() {}
