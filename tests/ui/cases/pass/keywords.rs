//! Words of Rust as names of methods, fields and types.
#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Aggregate, Command, Context, Event, Failure, Projector, Rejection, prost};
use messages::Order;

#[derive(Clone, PartialEq, prost::Message, Command)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[command(name = "ui.v1.Move", domain = "orders", root = r#type)]
struct Move {
    #[prost(string, tag = "1")]
    r#type: String,
}

#[derive(Clone, PartialEq, prost::Message, Event)]
#[prost(prost_path = "::angzarr_runtime::prost")]
#[event(name = "ui.v1.self", domain = "orders")]
struct Self_ {
    #[prost(string, tag = "1")]
    r#type: String,
}

#[derive(Aggregate)]
#[aggregate(
    define = Trait,
    name = "ui.v1.app.Trait",
    domain = "orders",
    state = Order,
    command(r#fn: Move => Self_),
)]
struct Impl;

impl Trait for Impl {
    fn r#fn(&self, _: &Order, command: Move, _: &Context) -> Result<Self_, Rejection> {
        Ok(Self_ { r#type: command.r#type })
    }

    fn apply_self(_: &mut Order, _: Self_) {}
}

#[derive(Projector)]
#[projector(define = r#gen, name = "ui.v1.app.gen", on(r#yield: Self_ => (), key(r#type)))]
struct Rows;

impl r#gen for Rows {
    async fn r#yield(&self, _: Self_, _: &Context) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {
    Impl.register();
    Rows.register();
}
