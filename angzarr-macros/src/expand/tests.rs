//! The code that derives write, kind by kind, as files to read.

use std::fs;
use std::path::Path;

use crate::attribute::{Parsed, Vocabulary, parse};

/// Compares with the file of that name; writes the file and fails if it differs.
fn assert_golden(name: &str, vocabulary: Vocabulary, definition: &str) {
    let input: syn::DeriveInput = syn::parse_str(definition).unwrap();
    let tokens = match parse(&input, vocabulary).unwrap() {
        Parsed::Bind(path) => super::bind(&input, vocabulary.attribute, &path),
        Parsed::Define(definition) => super::define(&input, vocabulary.attribute, &definition),
    };
    written(name, tokens);
}

fn written(name: &str, tokens: proc_macro2::TokenStream) {
    let code = prettyplease::unparse(&syn::parse2(tokens).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name).with_extension("rs");
    if fs::read_to_string(&file).ok().as_deref() != Some(&*code) {
        fs::write(&file, code).unwrap();
        panic!("{} differed and was written anew; read what changed and run again", file.display());
    }
}

#[test]
fn aggregate() {
    let definition = r#"
        #[doc = " Takes orders."]
        #[aggregate(define = Orders, name = "shop.v1.app.Orders", domain = "orders", state = super::Order,
            snapshot(every = 100, version = 1, shape = "abc"), rejections = Refusal,
            command(place: Place => Placed, doc = "Says more.", at = "orders.proto:1:2"),
            command(r#move: Move => stream Moves(event Placed, event Moved)),
            fact(record_payment: Paid => stream Placed), compensation(hold: ::stock::Reserve => ()),
            query(get: GetOrder => Summary))]
        pub enum OrdersDefinition {}
    "#;
    assert_golden("aggregate", Vocabulary::AGGREGATE, definition);
}

#[test]
fn aggregate_with_io() {
    let definition = r#"
        #[aggregate(define = Orders, name = "shop.v1.app.Orders", domain = "orders", state = Order,
            command(place: Place => stream Placed, io), fact(record_payment: Paid => Booked, io),
            compensation(hold: Reserve => (), io), query(get: GetOrder => Summary, io))]
        pub enum OrdersDefinition {}
    "#;
    assert_golden("aggregate_with_io", Vocabulary::AGGREGATE, definition);
}

#[test]
fn saga() {
    let definition = r#"
        #[saga(define = Sends, name = "shop.v1.app.Sends",
            on(on_placed: Placed => Reserve, key(order_id, customer.id)),
            on(on_moved: Moved => stream ::stock::Reserve), on(on_paid: Paid => fact ::stock::Sold))]
        enum SendsDefinition {}
    "#;
    assert_golden("saga", Vocabulary::SAGA, definition);
}

#[test]
fn projector_with_a_view() {
    let definition = r#"
        #[projector(define = Board, name = "shop.v1.app.Board", view = Row, delivery(attempts = 3, on_failure = Skip),
            on(on_placed: Placed => ()))]
        pub(crate) enum BoardDefinition {}
    "#;
    assert_golden("projector_with_a_view", Vocabulary::PROJECTOR, definition);
}

#[test]
fn projector_without_a_view() {
    let definition = r#"
        #[projector(define = Mail, name = "shop.v1.app.Mail", on(on_placed: Placed => ()))]
        pub(crate) enum MailDefinition {}
    "#;
    assert_golden("projector_without_a_view", Vocabulary::PROJECTOR, definition);
}

#[test]
fn process_manager() {
    let definition = r#"
        #[process_manager(define = Flow, name = "shop.v1.app.Flow", domain = "flow", state = State,
            on(on_placed: Placed => stream Step(event Begun, command Reserve), key(order_id), starts),
            on(on_moved: Moved => command Reserve), compensation(hold: Reserve => ()),
            deadline(on_overdue: Overdue => Begun))]
        pub enum FlowDefinition {}
    "#;
    assert_golden("process_manager", Vocabulary::PROCESS_MANAGER, definition);
}

#[test]
fn upcaster() {
    let definition = r#"
        #[upcaster(define = History, name = "shop.v1.app.History", domain = "orders",
            upcast(to_placed: Old => Placed, hook), upcast(to_old: Oldest => Older), upcast(split: Older => stream Either(event Old, event Moved)))]
        pub enum HistoryDefinition {}
    "#;
    assert_golden("upcaster", Vocabulary::UPCASTER, definition);
}

#[test]
fn event() {
    let definition = r#"
        #[event(name = "shop.v1.Placed", domain = "orders", retired, stored_as("shop.Placed", "shop.Put"),
            renamed_from(r#type = kind), upcast_default(currency = "USD", colour = 2, at = decoded(b"\x08\x01")))]
        pub struct Placed {
            #[prost(string, tag = "1")]
            pub currency: String,
            #[prost(enumeration = "super::Colour", optional, tag = "2")]
            pub colour: Option<i32>,
            #[prost(message, optional, boxed, tag = "3")]
            pub at: Option<Box<::prost_types::Timestamp>>,
            #[prost(btree_map = "string, message", tag = "4")]
            pub r#type: BTreeMap<String, super::super::Part>,
            #[prost(oneof = "placed::Payment", tags = "5, 7")]
            pub payment: Option<placed::Payment>,
            #[prost(bytes = "bytes")]
            pub numbered_by_prost: Bytes,
        }
    "#;
    let input: syn::DeriveInput = syn::parse_str(definition).unwrap();
    written("event", super::message::event(&input));
}

#[test]
fn binding() {
    let definition =
        "#[aggregate(crate::Orders)] struct Book<P: Prices, const LIMIT: u32> where P: Clone { prices: P }";
    assert_golden("binding", Vocabulary::AGGREGATE, definition);
}
