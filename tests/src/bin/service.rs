//! `service ADDRESS`: the components of the shop, served until it is told to end.

use angzarr_runtime::transport::{Address, Service};
use shop::components::{Board, Cashier, OldOrders, OrderBook, PriceList, StockClerk, Till, Warehouse};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = std::env::args().nth(1).ok_or("usage: service ADDRESS")?.parse()?;
    let prices = PriceList::from([("kettle", 4_500)]);
    let service = Service::new(shop::DESCRIPTION)
        .register(OrderBook { prices, voucher_from_cents: 10_000 })
        .register(OldOrders)
        .register(Warehouse)
        .register(Till { limit_cents: 50_000 })
        .register(StockClerk)
        .register(Cashier)
        .register(Board);
    Ok(service.run(&address).await?)
}
