//! A component with a dependency that is chosen later.
#[path = "../messages.rs"]
mod messages;

use angzarr_runtime::component::Component;
use angzarr_runtime::{Aggregate, Context, Rejection};
use messages::*;

/// Takes orders.
#[derive(Aggregate)]
#[aggregate(
    define = Orders,
    name = "ui.v1.app.Orders",
    domain = "orders",
    state = Order,
    command(place: Place => Placed),
)]
pub enum OrdersDefinition {}

trait Prices: Send + Sync + 'static {
    fn price(&self) -> u32;
}

impl Prices for u32 {
    fn price(&self) -> u32 {
        *self
    }
}

#[derive(Aggregate)]
#[aggregate(crate::Orders)]
struct OrderBook<P, const LIMIT: u32>
where
    P: Prices,
{
    prices: P,
}

impl<P: Prices, const LIMIT: u32> Orders for OrderBook<P, LIMIT> {
    fn place(&self, _: &Order, command: Place, _: &Context) -> Result<Placed, Rejection> {
        assert!(self.prices.price() < LIMIT);
        Ok(Placed { order_id: command.order_id, customer: None })
    }

    fn apply_placed(_: &mut Order, _: Placed) {}
}

fn main() {
    OrderBook::<u32, 3> { prices: 1 }.register();
}
