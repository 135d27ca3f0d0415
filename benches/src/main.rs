//! `bench [--only NAME]`: measures, prints a table, and writes `target/bench.json`.
//!
//! A ceiling is the same rows written by a bare loop to the same tables on the same disk, in the same run, in turns with
//! the measurement. Every figure is the median of three rounds.

angzarr_runtime::include_protos!();

mod common;
mod consumer;
mod figure;
mod generate;
mod items;
mod notes;
mod peers;
mod postgres;
mod sidecar;
mod sqlite;

use std::path::PathBuf;

use angzarr_runtime::transport::Address;
use angzarr_servers::Postgres;
use clap::{Parser, Subcommand};
use common::Result;
use figure::Figure;

/// Measures what the runtime reaches on this machine.
#[derive(Parser)]
struct Arguments {
    /// Only figures whose name starts with this, like `store.sqlite`
    #[arg(long, default_value = "")]
    only: String,
    /// Where the figures are written, as JSON
    #[arg(long, default_value = "target/bench.json")]
    out: PathBuf,
    /// Where logs are kept while they are measured; removed afterwards
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// One whose consumer has many keys
    #[command(hide = true)]
    Keys {
        #[arg(long)]
        log: PathBuf,
    },
    /// The service of an aggregate, and what answers with nothing
    #[command(hide = true)]
    Notebook { service: Address, echo: Address },
    /// One of several processes on one log
    #[command(hide = true)]
    Worker {
        #[arg(long)]
        process: usize,
    },
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Worker { process }) => return postgres::worker(process).await,
        Some(Part::Notebook { service, echo }) => return sidecar::serve(&service, &echo).await,
        Some(Part::Keys { log }) => return consumer::keys(&log).await,
        None => {}
    }
    std::fs::create_dir_all(&arguments.folder)?;
    let (folder, only) = (&arguments.folder, &arguments.only);
    let concerns = |names: &str| names.starts_with(only.as_str()) || only.starts_with(names);
    let mut figures: Vec<Figure> = generate::measure(folder, only)?;
    figures.extend(sqlite::measure(folder, only).await?);
    figures.extend(consumer::measure(folder, only).await?);
    figures.extend(sidecar::measure(folder, only).await?);
    figures.extend(sidecar::measure_rest(folder, only).await?);
    // Ten minutes: by name only.
    if only.starts_with("soak") {
        figures.push(sidecar::soak(folder).await?);
    }
    let on_server = ["store.postgres", "consumer.latency.postgres", "sidecar.postgres", "peers"];
    if on_server.into_iter().any(concerns) {
        let server = Postgres::start()?;
        figures.extend(sidecar::measure_postgres(&server, folder, only).await?);
        figures.extend(consumer::measure_postgres(&server, only).await?);
        figures.extend(postgres::measure(&server, folder, only).await?);
        if concerns("peers") {
            figures.extend(peers::measure(&server, folder, only).await?);
        }
        server.stop()?;
    }
    println!("{}", figure::table(&figures));
    std::fs::write(&arguments.out, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(())
}
