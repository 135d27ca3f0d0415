use angzarr_runtime::{Query, prost};

#[derive(Clone, PartialEq, prost::Message, Query)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[query(name = "ui.v1.Place", domain = "orders", root = order_id, answer = Nowhere)]
struct Place {
    #[prost(string, tag = "1")]
    order_id: String,
    #[prost(double, tag = "2")]
    weight: f64,
}

fn main() {}
