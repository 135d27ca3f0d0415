#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::{Union, prost};
use messages::{Canceled, Placed, order_event};

#[derive(Clone, PartialEq, prost::Message, Union)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[union(step = order_event::Event, event Placed(Placed), event Canceled(Canceled))]
struct Either {
    #[prost(oneof = "order_event::Event", tags = "1, 2")]
    event: Option<order_event::Event>,
}

fn main() {}
