use angzarr_runtime::{Row, prost};

#[derive(Clone, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[row(with(text))]
struct OrderRow {
    #[prost(string, tag = "1")]
    text: String,
}

fn main() {}
