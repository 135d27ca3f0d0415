use angzarr_runtime::{Command, prost};

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Place", domain = "orders", root = id)]
struct Place {
    #[prost(string, tag = "1")]
    order_id: String,
    #[prost(double, tag = "2")]
    weight: f64,
}

fn main() {}
