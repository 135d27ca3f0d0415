//! The business rules, one file a domain.

mod board;
mod checkout;
mod orders;
mod payments;
mod stock;

pub use board::Board;
pub use checkout::{Cashier, TIME_TO_PAY};
pub use orders::{OldOrders, OrderBook, PriceList, StockClerk};
pub use payments::Till;
pub use stock::Warehouse;

use angzarr_runtime::{App, Storage, app::AppBuilder};

/// What can be ordered.
pub fn price_list() -> PriceList {
    PriceList::from([("kettle", 4_500), ("teapot", 3_250), ("samovar", 60_000)])
}

/// The shop with all its components; it runs after `start`.
pub fn shop(storage: Storage) -> AppBuilder {
    let prices = price_list();
    App::builder(storage)
        .register(OrderBook { prices, voucher_from_cents: 10_000 })
        .register(OldOrders)
        .register(Warehouse)
        .register(Till { limit_cents: 50_000 })
        .register(StockClerk)
        .register(Cashier)
        .register(Board)
}
