use angzarr_runtime::{Event, Upcaster, prost};

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Done", domain = "orders", retired)]
pub struct Done {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.DoneV2", domain = "orders", upcast_default(amount = "many"))]
pub struct DoneV2 {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(uint32, tag = "2")]
    pub amount: u32,
}

#[derive(Upcaster)]
#[upcaster(
    define = History,
    name = "ui.v1.app.History",
    domain = "orders",
    upcast(to_v2: Done => DoneV2),
)]
struct Past;

impl History for Past {}

fn main() {}
