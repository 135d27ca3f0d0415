//! `bench [--only NAME]`: measures, prints a table, and writes `target/bench.json`.
//!
//! A ceiling is the same rows written by a bare loop to the same tables on the same disk, in the same run, in turns with
//! the measurement. Every figure is the median of three rounds.

angzarr_runtime::include_protos!();

mod figure;
mod notes;
mod sqlite;

use std::path::PathBuf;

use clap::Parser;
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
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the table is what the program is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.folder)?;
    let figures: Vec<Figure> = sqlite::measure(&arguments.folder, &arguments.only).await?;
    println!("{}", figure::table(&figures));
    std::fs::write(&arguments.out, serde_json::to_string_pretty(&figures)? + "\n")?;
    Ok(())
}
