use angzarr_runtime::{Command, prost};

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command()]
struct Place {
    #[prost(string, tag = "1")]
    order_id: String,
    #[prost(double, tag = "2")]
    weight: f64,
}

fn main() {}
