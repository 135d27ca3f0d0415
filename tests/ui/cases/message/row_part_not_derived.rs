use angzarr_runtime::{Row, prost};

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct Part {}

#[derive(Clone, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct OrderRow {
    #[prost(message, optional, tag = "1")]
    part: Option<Part>,
}

fn main() {}
