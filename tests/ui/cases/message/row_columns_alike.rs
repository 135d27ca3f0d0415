#![allow(non_snake_case)]

use angzarr_runtime::{Row, prost};

#[derive(Clone, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct OrderRow {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(string, tag = "2")]
    Text: String,
}

fn main() {}
