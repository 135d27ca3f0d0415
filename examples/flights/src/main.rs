//! `flights --data FILE --store sqlite:PATH --report OUT.json`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use angzarr_runtime::{App, Error, Storage};
use clap::Parser;
use flights::feed::Feed;
use flights::report::Report;
use flights::{components, departures, run};
use indicatif::{ProgressBar, ProgressStyle};

/// Feeds a month of departures to event-sourced flights and aircraft, and reports what became of them.
///
/// Killed at any moment and started again, it ends with the same report.
#[derive(Parser)]
struct Arguments {
    /// The month, as .csv or .csv.gz
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where events and views are kept: `sqlite:PATH`, or `memory`
    #[arg(long, value_name = "STORAGE")]
    store: Storage,
    /// The report, as JSON
    #[arg(long, value_name = "OUT.json")]
    report: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Data(#[from] flights::problem::Problems),
    #[error("{}", told(.0))]
    Runtime(#[from] Error),
    #[error("error[REPORT_NOT_WRITTEN]: cannot write {}: {reason}\n  help: check that the folder exists and is yours", path.display())]
    Report { path: PathBuf, reason: std::io::Error },
}

fn told(error: &Error) -> String {
    format!("error[{}]: {error}\n  help: {}", error.code(), error.help())
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    match work(Arguments::parse()).await {
        Ok(report) => {
            #[expect(clippy::print_stdout, reason = "the table is what the program is for")]
            {
                println!("{}", report.tables());
            }
            ExitCode::SUCCESS
        }
        Err(failed) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command line program")]
            {
                eprintln!("{failed}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn work(arguments: Arguments) -> Result<Report, Failed> {
    let started = Instant::now();
    let feed = Feed::new(departures::read(&arguments.data)?);
    let app = components::register(App::builder(arguments.store)).start().await?;
    let bar = progress_bar(&feed);
    let fed = run::feed(&app, &feed, || bar.inc(1)).await;
    bar.finish_and_clear();
    let result = match fed {
        Ok(()) => run::report(&app).await,
        Err(error) => Err(error),
    };
    // The storage is closed in order whatever happened; what happened first is what is told.
    let closed = app.shutdown().await;
    let mut report = result?;
    closed?;
    report.seconds = started.elapsed().as_secs_f64();
    let json = serde_json::to_string_pretty(&report).map_err(std::io::Error::from);
    json.and_then(|json| std::fs::write(&arguments.report, json + "\n"))
        .map_err(|reason| Failed::Report { path: arguments.report, reason })?;
    Ok(report)
}

fn progress_bar(feed: &Feed) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(feed.len()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {human_pos}/{human_len} {per_sec}") {
        bar.set_style(style);
    }
    bar
}
