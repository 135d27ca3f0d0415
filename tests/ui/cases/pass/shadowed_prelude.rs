//! Names of the prelude may mean something else where a derive stands, and methods may be called like common ones.
#[path = "../messages.rs"]
mod messages;

#[no_implicit_prelude]
#[allow(dead_code, non_camel_case_types, reason = "they only have to be there")]
mod shadowed {
    use super::messages::{
        Begun, Cancel, Canceled, Flow, Order, Place, Placed, PlacedOld, Refusal, Reserve, Row, Step,
    };
    use ::angzarr_runtime::component::Component;
    use ::angzarr_runtime::{Aggregate, Context, Failure, ProcessManager, Projector, Rejection, Saga, Upcaster};

    struct Vec;
    struct Option;
    struct Result;
    struct String;
    struct Box;
    struct Some;
    struct None;
    struct Ok;
    struct Err;
    struct Send;
    struct Sync;
    struct Sized;
    struct From;
    mod core {}
    mod std {}
    mod prost {}
    mod angzarr_runtime {}

    #[derive(Aggregate)]
    #[aggregate(
        define = Orders,
        name = "ui.v1.app.Orders",
        domain = "orders",
        state = Order,
        rejections = Refusal,
        command(into: Place => Placed),
        command(clone: Cancel => stream Canceled),
        compensation(drop: Reserve => ()),
    )]
    struct OrderBook;

    impl Orders for OrderBook {
        fn into(&self, _: &Order, command: Place, _: &Context) -> ::core::result::Result<Placed, Rejection> {
            ::core::result::Result::Ok(Placed { order_id: command.order_id, customer: ::core::option::Option::None })
        }

        fn clone(
            &self,
            _: &Order,
            _: Cancel,
            _: &Context,
        ) -> ::core::result::Result<::std::vec::Vec<Canceled>, Rejection> {
            ::core::result::Result::Ok(::std::vec![])
        }

        fn drop(&self, _: &Order, _: ::angzarr_runtime::Refused<Reserve>, _: &Context) {}

        fn apply_placed(_: &mut Order, _: Placed) {}

        fn apply_canceled(_: &mut Order, _: Canceled) {}
    }

    #[derive(Saga)]
    #[saga(define = Fulfilment, name = "ui.v1.app.Fulfilment", on(to_string: Placed => Reserve, key(customer.id, order_id)))]
    struct Sender;

    impl Fulfilment for Sender {
        async fn to_string(&self, _: Placed, _: &Context) -> ::core::result::Result<Reserve, Failure> {
            ::core::result::Result::Ok(Reserve { number: 1 })
        }
    }

    #[derive(Projector)]
    #[projector(define = Board, name = "ui.v1.app.Board", view = Row, on(poll: Placed => ()))]
    struct Rows;

    impl Board for Rows {
        async fn poll(
            &self,
            row: ::core::option::Option<Row>,
            _: Placed,
            _: &Context,
        ) -> ::core::result::Result<::core::option::Option<Row>, Failure> {
            ::core::result::Result::Ok(row)
        }
    }

    #[derive(ProcessManager)]
    #[process_manager(
        define = Checkout,
        name = "ui.v1.app.Checkout",
        domain = "flow",
        state = Flow,
        on(on_placed: Placed => Step(event Begun, command Reserve), starts),
    )]
    struct Desk;

    impl Checkout for Desk {
        async fn on_placed(&self, _: &Flow, _: Placed, _: &Context) -> ::core::result::Result<Step, Failure> {
            ::core::result::Result::Ok(::core::convert::From::from(Begun {}))
        }

        fn apply_begun(_: &mut Flow, _: Begun) {}
    }

    #[derive(Upcaster)]
    #[upcaster(define = History, name = "ui.v1.app.History", domain = "orders", upcast(to_placed: PlacedOld => stream Placed))]
    struct Past;

    impl History for Past {
        fn to_placed(&self, _: PlacedOld) -> ::core::result::Result<::std::vec::Vec<Placed>, Failure> {
            ::core::result::Result::Ok(::std::vec![])
        }
    }

    pub fn run() {
        OrderBook.register();
        Sender.register();
        Rows.register();
        Desk.register();
        Past.register();
    }
}

fn main() {
    shadowed::run();
}
