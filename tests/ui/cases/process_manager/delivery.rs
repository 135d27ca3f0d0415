#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::ProcessManager;
use messages::*;

#[derive(ProcessManager)]
#[process_manager(
    define = Flows,
    name = "ui.v1.app.Flows",
    domain = "flow",
    state = Flow,
    delivery(attempts = 0, timeout_ms = 0),
    on(on_placed: Placed => Begun, starts),
)]
enum FlowsDefinition {}

fn main() {}
