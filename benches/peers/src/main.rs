//! `peers --postgres URL --out FILE [--only PREFIX]`: what other event sourcing crates reach on a running server.
//!
//! The figures go to the file as a JSON list, the same shape as `target/bench.json`; nothing is printed but errors.

mod database;
mod driver;
mod figure;
mod peer;
mod peers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use clap::Parser;
use database::Databases;
use figure::Figure;
use peer::Result;
use sqlx::postgres::PgConnectOptions;

/// Measures peer crates on PostgreSQL, all of them on the same domain.
#[derive(Debug, Parser)]
struct Arguments {
    /// A running server, as a user who may create databases; the peers get databases of their own, dropped afterwards
    #[arg(long, value_name = "URL")]
    postgres: String,
    /// Where the figures are written, as JSON
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only figures whose name starts with this, like `peers.esrs`
    #[arg(long, value_name = "PREFIX", default_value = "")]
    only: String,
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a failure has to be told somewhere, and the figures are in a file")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    // A file that cannot be written is better found before the measurement than after it.
    write(&[], &arguments.out)?;
    let server = PgConnectOptions::from_str(&arguments.postgres)
        .map_err(|error| format!("--postgres does not hold the URL of a PostgreSQL server: {error}"))?;
    let mut databases = Databases::connect(server).await?;
    let measured = tokio::select! {
        measured = driver::measure(&mut databases, &arguments.only) => measured,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
    };
    // Whatever went wrong, the server is left as it was found.
    let dropped = databases.drop_all().await;
    write(&measured?, &arguments.out)?;
    dropped
}

fn write(figures: &[Figure], file: &Path) -> Result<()> {
    std::fs::write(file, serde_json::to_string_pretty(figures)? + "\n")
        .map_err(|error| format!("{}: {error}", file.display()).into())
}
