//! Rows of every kind of field, in a crate that is strict and has names of its own for everything.
#![deny(warnings, unused_qualifications, unreachable_pub, let_underscore_drop)]
#![deny(clippy::all, clippy::pedantic)]
#![allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "prost writes `as_str_name` like this")]

use std::collections::{BTreeMap, HashMap};

use angzarr_runtime::{Row, prost, prost_types, view};

#[derive(Clone, Debug, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[prost(skip_debug)]
#[row(without(foreign))]
struct OrderRow {
    #[prost(string, tag = "1")]
    r#type: String,
    #[prost(int32, optional, tag = "2")]
    json: Option<i32>,
    #[prost(enumeration = "Color", tag = "3")]
    color: i32,
    #[prost(enumeration(Color), optional, tag = "4")]
    maybe: Option<i32>,
    #[prost(enumeration = "Color", repeated, packed = "false", tag = "5")]
    colors: Vec<i32>,
    #[prost(bytes = "bytes", tag = "6")]
    raw: prost::bytes::Bytes,
    #[prost(bytes, repeated, tag = "7")]
    raws: Vec<Vec<u8>>,
    #[prost(message, optional, boxed, tag = "8")]
    inner: Option<Box<OrderRow>>,
    #[prost(btree_map = "string, enumeration(Color)", tag = "9")]
    by_name: BTreeMap<String, i32>,
    #[prost(map = "uint64, message", tag = "10")]
    by_number: HashMap<u64, Part>,
    #[prost(oneof = "Choice", tags = "11, 12, 13")]
    choice: Option<Choice>,
    #[prost(message, optional, tag = "14")]
    at: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "15")]
    foreign: Option<Foreign>,
    #[prost(string, required, default = "five", tag = "16")]
    needed: String,
}

#[derive(Clone, PartialEq, prost::Message, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct Part {}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
struct Foreign {}

#[derive(Clone, PartialEq, prost::Oneof, Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[row(without(Elsewhere))]
enum Choice {
    #[prost(string, tag = "11")]
    PlainText(String),
    #[prost(enumeration = "Color", tag = "12")]
    Color(i32),
    #[prost(message, tag = "13")]
    Elsewhere(Foreign),
}

#[derive(Clone, Copy, Debug, PartialEq, prost::Enumeration)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[repr(i32)]
enum Color {
    None = 0,
}

impl Color {
    fn as_str_name(&self) -> &'static str {
        "NONE"
    }
}

fn main() {
    let row = OrderRow { choice: Some(Choice::PlainText("t".into())), ..OrderRow::default() };
    assert_eq!(row.values().len(), OrderRow::COLUMNS.len());
    assert_eq!(view::json::rest(&row), r#"{"plain_text":"t"}"#);
    assert_eq!(Part::COLUMNS, []);
}
