//! The messages of all cases, written by hand as prost would write them.
#![allow(dead_code, reason = "no case uses all of them")]
#![allow(clippy::unused_self, clippy::trivially_copy_pass_by_ref, reason = "prost writes `as_str_name` like this")]

use angzarr_runtime::{Command, Deadline, Event, Query, RejectionCode, Union, prost};

macro_rules! named {
    ($($message:ident),*) => {$(
        impl prost::Name for $message {
            const NAME: &'static str = stringify!($message);
            const PACKAGE: &'static str = "ui.v1";
        }
    )*};
}
named!(Order, Row, Flow, Summary);

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Order {
    #[prost(uint32, tag = "1")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message, angzarr_runtime::Row)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Row {
    #[prost(uint32, tag = "1")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Flow {
    #[prost(bool, tag = "1")]
    pub started: bool,
}

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Place", domain = "orders", root = order_id)]
pub struct Place {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Cancel", domain = "orders", root = order_id)]
pub struct Cancel {
    #[prost(string, tag = "1")]
    pub order_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Reserve", domain = "stock", root = number)]
pub struct Reserve {
    #[prost(uint64, tag = "1")]
    pub number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Customer {
    #[prost(string, tag = "1")]
    pub id: String,
    #[prost(double, tag = "2")]
    pub weight: f64,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.PlacedOld", domain = "orders", retired)]
pub struct PlacedOld {
    #[prost(string, tag = "1")]
    pub order_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Placed", domain = "orders")]
pub struct Placed {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(message, optional, tag = "2")]
    pub customer: Option<Customer>,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Canceled", domain = "orders")]
pub struct Canceled {
    #[prost(string, tag = "1")]
    pub order_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Begun", domain = "flow")]
pub struct Begun {}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Paid", domain = "orders", root = order_id, idempotency_key = number)]
pub struct Paid {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(uint64, tag = "2")]
    pub number: u64,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Counted", domain = "stock", root = number, idempotency_key = number)]
pub struct Counted {
    #[prost(uint64, tag = "1")]
    pub number: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Summary {
    #[prost(uint32, tag = "1")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message, Query)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[query(name = "ui.v1.GetOrder", domain = "orders", root = order_id, answer = Summary)]
pub struct GetOrder {
    #[prost(string, tag = "1")]
    pub order_id: String,
}

#[derive(Clone, PartialEq, prost::Message, Deadline)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[deadline(name = "ui.v1.Overdue", domain = "flow")]
pub struct Overdue {}

#[derive(Clone, PartialEq, prost::Message, Union)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[union(step = paying::Step, fact Counted(Counted), command Reserve(Reserve))]
pub struct Paying {
    #[prost(oneof = "paying::Step", tags = "1, 2")]
    pub step: Option<paying::Step>,
}

pub mod paying {
    #[derive(Clone, PartialEq, angzarr_runtime::prost::Oneof)]
    #[prost(prost_path = "::angzarr_runtime::prost")]
    pub enum Step {
        #[prost(message, tag = "1")]
        Counted(super::Counted),
        #[prost(message, tag = "2")]
        Reserve(super::Reserve),
    }
}

#[derive(Clone, PartialEq, prost::Message, Union)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[union(event = order_event::Event, event Placed(Placed), event Canceled(Canceled))]
pub struct OrderEvent {
    #[prost(oneof = "order_event::Event", tags = "1, 2")]
    pub event: Option<order_event::Event>,
}

pub mod order_event {
    #[derive(Clone, PartialEq, angzarr_runtime::prost::Oneof)]
    #[prost(prost_path = "::angzarr_runtime::prost")]
    pub enum Event {
        #[prost(message, tag = "1")]
        Placed(super::Placed),
        #[prost(message, tag = "2")]
        Canceled(super::Canceled),
    }
}

#[derive(Clone, PartialEq, prost::Message, Union)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[union(step = step::Step, event Begun(Begun), command Reserve(Reserve))]
pub struct Step {
    #[prost(oneof = "step::Step", tags = "1, 2")]
    pub step: Option<step::Step>,
}

pub mod step {
    #[derive(Clone, PartialEq, angzarr_runtime::prost::Oneof)]
    #[prost(prost_path = "::angzarr_runtime::prost")]
    pub enum Step {
        #[prost(message, tag = "1")]
        Begun(super::Begun),
        #[prost(message, tag = "2")]
        Reserve(super::Reserve),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, RejectionCode)]
pub enum Refusal {
    Exists,
}

impl Refusal {
    pub fn as_str_name(&self) -> &'static str {
        "EXISTS"
    }
}
