use angzarr_runtime::{Event, prost};

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Place", domain = "orders", lane = "old.Place")]
struct Place {
    #[prost(string, tag = "1")]
    order_id: String,
    #[prost(double, tag = "2")]
    weight: f64,
}

fn main() {}
