//! What derives write is quiet under the lints of a strict crate.
#![deny(warnings, missing_docs, missing_debug_implementations, unused_qualifications, unreachable_pub)]
#![deny(
    single_use_lifetimes,
    unused_lifetimes,
    elided_lifetimes_in_paths,
    let_underscore_drop,
    missing_copy_implementations
)]
#![deny(clippy::all, clippy::pedantic)]

#[allow(missing_copy_implementations, unreachable_pub, reason = "the messages are not what is tested")]
#[path = "../messages.rs"]
mod messages;

/// Public, so that lints about interfaces look at it.
#[allow(clippy::unused_async, reason = "the handlers here have nothing to wait for")]
pub mod app {
    use angzarr_runtime::{Aggregate, Context, Failure, ProcessManager, Projector, Rejection, Saga, Upcaster};

    use crate::messages::{
        Begun, Cancel, Canceled, Counted, Flow, GetOrder, Order, OrderEvent, Overdue, Paid, Paying, Place, Placed,
        PlacedOld, Refusal, Reserve, Row, Step, Summary,
    };

    /// Takes orders.
    #[derive(Clone, Copy, Debug, Aggregate)]
    #[aggregate(
        define = Orders,
        name = "ui.v1.app.Orders",
        domain = "orders",
        state = Order,
        snapshot(every = 10, version = 1, shape = "abc"),
        rejections = Refusal,
        command(place: Place => Placed),
        command(cancel: Cancel => stream OrderEvent(event Placed, event Canceled)),
        fact(record_payment: Paid => ()),
        compensation(unreserve: Reserve => ()),
        query(get: GetOrder => Summary),
    )]
    pub struct OrderBook;

    impl Orders for OrderBook {
        fn place(&self, _: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
            Ok(Placed { order_id: command.order_id, customer: None })
        }

        fn cancel(&self, _: &Order, command: Cancel, _: &Context) -> Result<Vec<OrderEvent>, Rejection> {
            Ok(vec![Canceled { order_id: command.order_id }.into()])
        }

        fn record_payment(&self, _: &Order, _: Paid, _: &Context) {}

        fn unreserve(&self, _: &Order, _: angzarr_runtime::Refused<Reserve>, _: &Context) {}

        fn get(&self, order: &Order, _: GetOrder, _: &Context) -> Result<Summary, Rejection> {
            Ok(Summary { quantity: order.quantity })
        }

        fn apply_paid(_: &mut Order, _: Paid) {}

        fn apply_placed(state: &mut Order, _: Placed) {
            state.quantity += 1;
        }

        fn apply_canceled(state: &mut Order, _: Canceled) {
            state.quantity = 0;
        }
    }

    /// Sends.
    #[derive(Clone, Copy, Debug, Saga)]
    #[saga(
        define = Fulfilment,
        name = "ui.v1.app.Fulfilment",
        delivery(attempts = 1, timeout_ms = 1, on_failure = Stop),
        on(on_placed: Placed => stream Reserve, key(customer.id)),
        on(on_paid: Paid => fact Counted),
    )]
    pub struct Sender;

    impl Fulfilment for Sender {
        async fn on_placed(&self, _: Placed, _: &Context) -> Result<Vec<Reserve>, Failure> {
            Ok(Vec::new())
        }

        async fn on_paid(&self, paid: Paid, _: &Context) -> Result<Counted, Failure> {
            Ok(Counted { number: paid.number })
        }
    }

    /// Shows.
    #[derive(Clone, Copy, Debug, Projector)]
    #[projector(define = Board, name = "ui.v1.app.Board", view = Row, on(on_placed: Placed => (), key(order_id)))]
    pub struct Rows;

    impl Board for Rows {
        async fn on_placed(&self, row: Option<Row>, _: Placed, _: &Context) -> Result<Option<Row>, Failure> {
            Ok(row)
        }
    }

    /// Writes.
    #[derive(Clone, Copy, Debug, Projector)]
    #[projector(define = Mail, name = "ui.v1.app.Mail", on(on_placed: Placed => ()))]
    pub struct Letters;

    impl Mail for Letters {
        async fn on_placed(&self, _: Placed, _: &Context) -> Result<(), Failure> {
            Ok(())
        }
    }

    /// Accompanies.
    #[derive(Clone, Copy, Debug, ProcessManager)]
    #[process_manager(
        define = Checkout,
        name = "ui.v1.app.Checkout",
        domain = "flow",
        state = Flow,
        on(on_placed: Placed => stream Step(event Begun, command Reserve), starts),
        on(on_canceled: Canceled => ()),
        deadline(on_overdue: Overdue => stream Paying(fact Counted, command Reserve)),
        compensation(give_up: Reserve => Begun),
    )]
    pub struct Desk;

    impl Checkout for Desk {
        async fn on_placed(&self, _: &Flow, _: Placed, _: &Context) -> Result<Vec<Step>, Failure> {
            Ok(Vec::new())
        }

        async fn on_canceled(&self, _: &Flow, _: Canceled, _: &Context) -> Result<(), Failure> {
            Ok(())
        }

        async fn on_overdue(&self, _: &Flow, _: Overdue, _: &Context) -> Result<Vec<Paying>, Failure> {
            Ok(vec![Counted { number: 1 }.into()])
        }

        async fn give_up(
            &self,
            _: &Flow,
            _: angzarr_runtime::Refused<Reserve>,
            _: &Context,
        ) -> Result<Begun, Failure> {
            Ok(Begun {})
        }

        fn apply_begun(state: &mut Flow, _: Begun) {
            state.started = true;
        }
    }

    /// Remembers.
    #[derive(Clone, Copy, Debug, Upcaster)]
    #[upcaster(define = History, name = "ui.v1.app.History", domain = "orders", upcast(to_placed: PlacedOld => Placed, hook))]
    pub struct Past;

    impl History for Past {
        fn to_placed(&self, event: PlacedOld) -> Result<Placed, Failure> {
            Ok(Placed { order_id: event.order_id, customer: None })
        }
    }
}

fn main() {
    use angzarr_runtime::component::Component;

    app::OrderBook.register();
    app::Sender.register();
    app::Rows.register();
    app::Letters.register();
    app::Desk.register();
    app::Past.register();
}
