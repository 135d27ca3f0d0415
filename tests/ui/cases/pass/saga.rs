#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Context, Failure, Saga};
use messages::*;

#[derive(Saga)]
#[saga(
    define = Fulfilment,
    name = "ui.v1.app.Fulfilment",
    on(on_placed: Placed => Reserve, key(customer.id)),
    on(on_canceled: Canceled => stream Reserve),
)]
struct Sender;

impl Fulfilment for Sender {
    async fn on_placed(&self, _: Placed, _: &Context) -> Result<Reserve, Failure> {
        std::future::ready(()).await;
        Ok(Reserve { number: 1 })
    }

    async fn on_canceled(&self, event: Canceled, _: &Context) -> Result<Vec<Reserve>, Failure> {
        Ok(vec![Reserve { number: event.order_id.parse()? }])
    }
}

fn main() {
    Sender.register();
}
