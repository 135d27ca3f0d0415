#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Context, Failure, Projector};
use messages::*;

#[derive(Projector)]
#[projector(define = Board, name = "ui.v1.app.Board", view = Row, on(on_placed: Placed => (), key(order_id)))]
struct Rows;

impl Board for Rows {
    async fn on_placed(&self, row: Option<Row>, _: Placed, _: &Context) -> Result<Option<Row>, Failure> {
        Ok(row)
    }
}

#[derive(Projector)]
#[projector(define = Mail, name = "ui.v1.app.Mail", on(on_placed: Placed => ()))]
struct Letters;

impl Mail for Letters {
    async fn on_placed(&self, _: Placed, _: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {
    Rows.register();
    Letters.register();
}
