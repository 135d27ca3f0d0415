//! `shop [--store sqlite:PATH]`

use std::process::ExitCode;

use angzarr_runtime::{Error, Storage};
use clap::Parser;
use shop::{components, demo, report};

/// A day in the shop. Run it twice: the second run finds everything done.
#[derive(Parser)]
struct Arguments {
    /// Where events and views are kept: `sqlite:PATH`, or `memory`
    #[arg(long, value_name = "STORAGE", default_value = "sqlite:shop.db")]
    store: Storage,
}

#[tokio::main]
async fn main() -> ExitCode {
    match work(Arguments::parse().store).await {
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

#[expect(clippy::print_stdout, reason = "the tables are what the program is for")]
async fn work(storage: Storage) -> Result<(), Error> {
    let app = components::shop(storage).start().await?;
    let day = demo::day(&app).await?;
    match day.done {
        0 => println!("Everything was done before: {} deliveries, orders and transfers.\n", day.done_before),
        done => println!("{done} deliveries, orders and transfers done, {} were done before.\n", day.done_before),
    }
    println!("{}\n\nOrder 1001:\n{}", report::orders(&app).await?, report::history(&app, "1001").await?);
    app.shutdown().await
}
