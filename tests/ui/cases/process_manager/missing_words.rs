#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::ProcessManager;
use messages::*;

#[derive(ProcessManager)]
#[process_manager(define = Flows, name = "ui.v1.app.Flows", on(on_placed: Placed => Begun, starts))]
enum Definition {}

fn main() {}
