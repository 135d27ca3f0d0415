use angzarr_runtime::{Deadline, prost};

#[derive(Clone, PartialEq, prost::Message, Deadline)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[deadline(name = "ui.v1.Place", domain = "orders", root = order_id)]
struct Place {
    #[prost(string, tag = "1")]
    order_id: String,
    #[prost(double, tag = "2")]
    weight: f64,
}

fn main() {}
