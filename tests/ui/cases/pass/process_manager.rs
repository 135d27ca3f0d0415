#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Context, Failure, ProcessManager};
use messages::*;

#[derive(ProcessManager)]
#[process_manager(
    define = Checkout,
    name = "ui.v1.app.Checkout",
    domain = "flow",
    state = Flow,
    on(on_placed: Placed => stream Step(event Begun, command Reserve), key(order_id), starts),
    on(on_canceled: Canceled => command Reserve, key(order_id)),
    on(on_begun: Begun => stream command crate::messages::Reserve),
)]
struct Desk;

impl Checkout for Desk {
    async fn on_placed(&self, _: &Flow, _: Placed, _: &Context) -> Result<Vec<Step>, Failure> {
        Ok(vec![Begun {}.into(), Reserve { number: 1 }.into()])
    }

    async fn on_canceled(&self, _: &Flow, _: Canceled, _: &Context) -> Result<Reserve, Failure> {
        Ok(Reserve { number: 2 })
    }

    async fn on_begun(&self, _: &Flow, _: Begun, _: &Context) -> Result<Vec<Reserve>, Failure> {
        Ok(Vec::new())
    }

    fn apply_begun(state: &mut Flow, _: Begun) {
        state.started = true;
    }
}

fn main() {
    Desk.register();
}
