//! An upcast without user code, for types that are written by hand.

use std::collections::HashMap;

use angzarr_runtime::component::{Component, Registration, UpcasterLogic};
use angzarr_runtime::{Emission, Event, Payload, Upcaster, prost};

#[derive(Clone, PartialEq, prost::Message)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub struct Line {
    #[prost(string, tag = "1")]
    pub sku: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[prost(prost_path = "::angzarr_runtime::prost")]
pub enum Colour {
    None = 0,
    Red = 5,
}

pub mod payment {
    #[derive(Clone, PartialEq, angzarr_runtime::prost::Oneof)]
    #[prost(prost_path = "::angzarr_runtime::prost")]
    pub enum Payment {
        #[prost(string, tag = "7")]
        Card(String),
        #[prost(message, tag = "8")]
        Gift(super::Line),
    }
}

/// The older version's own; a member was added since.
pub mod old {
    pub mod payment {
        #[derive(Clone, PartialEq, angzarr_runtime::prost::Oneof)]
        #[prost(prost_path = "::angzarr_runtime::prost")]
        pub enum Payment {
            #[prost(string, tag = "7")]
            Card(String),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.Placed", domain = "orders", retired, stored_as("ui.Placed"))]
pub struct Placed {
    #[prost(string, tag = "1")]
    pub order_id: String,
    #[prost(sint64, tag = "2")]
    pub amount: i64,
    #[prost(message, repeated, tag = "3")]
    pub lines: Vec<crate::Line>,
    #[prost(map = "string, message", tag = "4")]
    pub parts: HashMap<String, Line>,
    #[prost(uint32, repeated, tag = "5")]
    pub numbers: Vec<u32>,
    #[prost(string, tag = "6")]
    pub dropped: String,
    #[prost(oneof = "old::payment::Payment", tags = "7")]
    pub payment: Option<old::payment::Payment>,
    #[prost(uint32, tag = "9")]
    pub quantity: u32,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(
    name = "ui.v1.PlacedV2",
    domain = "orders",
    renamed_from(r#type = order_id, total = amount),
    upcast_default(
        currency = "USD",
        bytes = b"\x00\xff",
        colour = Colour::Red as i32,
        line = Line { sku: "a".into() },
        words = Vec::new(),
        height = -5,
        quantity = 1,
    )
)]
pub struct PlacedV2 {
    #[prost(string, tag = "20")]
    pub r#type: String,
    #[prost(sint64, tag = "2")]
    pub total: i64,
    #[prost(message, repeated, tag = "21")]
    pub lines: Vec<Line>,
    #[prost(map = "string, message", tag = "3")]
    pub parts: HashMap<String, Line>,
    #[prost(uint32, repeated, tag = "4")]
    pub numbers: Vec<u32>,
    #[prost(oneof = "payment::Payment", tags = "7, 8")]
    pub payment: Option<payment::Payment>,
    #[prost(string, tag = "6")]
    pub currency: String,
    #[prost(bytes = "vec", tag = "10")]
    pub bytes: Vec<u8>,
    #[prost(enumeration = "Colour", tag = "11")]
    pub colour: i32,
    #[prost(message, optional, tag = "12")]
    pub line: Option<Line>,
    #[prost(string, repeated, tag = "13")]
    pub words: Vec<String>,
    #[prost(int64, optional, tag = "14")]
    pub height: Option<i64>,
    #[prost(string, optional, tag = "15")]
    pub note: Option<String>,
    #[prost(uint32, tag = "9")]
    pub quantity: u32,
}

#[derive(Upcaster)]
#[upcaster(define = History, name = "ui.v1.app.History", domain = "orders", upcast(to_v2: Placed => PlacedV2))]
struct Past;

impl History for Past {}

fn line(sku: &str) -> Line {
    Line { sku: sku.into() }
}

fn main() {
    let old = Placed {
        order_id: "o1".into(),
        amount: -7,
        lines: vec![line("b"), line("c")],
        parts: HashMap::from([("p".into(), line("d"))]),
        numbers: vec![1, 300],
        dropped: "gone".into(),
        payment: Some(old::payment::Payment::Card("c1".into())),
        quantity: 3,
    };
    let new = PlacedV2 {
        r#type: "o1".into(),
        total: -7,
        lines: old.lines.clone(),
        parts: old.parts.clone(),
        numbers: old.numbers.clone(),
        payment: Some(payment::Payment::Card("c1".into())),
        currency: "USD".into(),
        bytes: vec![0, 255],
        colour: 5,
        line: Some(line("a")),
        words: Vec::new(),
        height: Some(-5),
        note: None,
        quantity: 3,
    };
    let Registration::Upcaster(logic) = Past.register() else { panic!("no upcaster") };
    let upcast = |payload: &Payload| match logic.upcast(payload).unwrap().as_slice() {
        [Emission::Event(event)] => (event.type_name.to_string(), event.decode::<PlacedV2>().unwrap()),
        other => panic!("{other:?}"),
    };
    assert_eq!(upcast(&Payload::event(&old)), ("ui.v1.PlacedV2".to_owned(), new));
    // Zeros are not on the wire, and are copied all the same: the default is for versions that lack the field.
    let zero = upcast(&Payload::event(&Placed::default())).1;
    assert_eq!((zero.quantity, zero.currency.as_str()), (0, "USD"));

    for broken in [&b"\x0a\x05ab"[..], &b"\x0a\x01\xff"[..], &b"\x07"[..], &b"\x13"[..]] {
        let payload = Payload { type_name: "ui.v1.Placed".into(), value: broken.into() };
        assert_eq!(logic.upcast(&payload).unwrap_err().code(), "PAYLOAD_MALFORMED", "{broken:?}");
    }
    assert_eq!(logic.spec().stored_as[0].stored_as, ["ui.Placed"]);
}
