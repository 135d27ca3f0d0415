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
    on(on_placed: Placed => Begun, starts),
    deadline(on_overdue: Overdue => Begun, key(id), starts),
)]
enum FlowsDefinition {}

fn main() {}
