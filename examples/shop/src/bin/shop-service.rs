//! `shop-service orders|payments ADDRESS`: components of the shop for the sidecar beside them.

use std::process::ExitCode;

use angzarr_runtime::Error;
use angzarr_runtime::transport::{Address, Service};
use clap::{Parser, ValueEnum};
use shop::components::{Board, Cashier, OldOrders, OrderBook, StockClerk, Till, price_list};

/// Serves components of the shop to the sidecar beside them. The stock has a service of its own, in Python.
#[derive(Parser)]
struct Arguments {
    /// Which of them
    part: Part,
    /// Where to listen, like 127.0.0.1:50061
    address: Address,
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Orders, the saga that has reserved what is ordered, and the board
    Orders,
    /// Payments, and the checkout that asks for them
    Payments,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { part, address } = Arguments::parse();
    match serve(part, &address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command line program")]
            {
                eprintln!("error[{}]: {error}\n  help: {}", error.code(), error.help());
            }
            ExitCode::FAILURE
        }
    }
}

async fn serve(part: Part, address: &Address) -> Result<(), Error> {
    // Both listen to orders, and some of these are of the release before.
    let service = Service::new(shop::DESCRIPTION).register(OldOrders);
    let service = match part {
        Part::Orders => {
            let orders = OrderBook { prices: price_list(), voucher_from_cents: 10_000 };
            service.register(orders).register(StockClerk).register(Board)
        }
        Part::Payments => service.register(Till { limit_cents: 50_000 }).register(Cashier),
    };
    service.run(address).await
}
