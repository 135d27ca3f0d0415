//! Where lines of the log go: to standard error, as text or as JSON.

use angzarr_runtime::config::LogFormat;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Begins to log what the variable `RUST_LOG` asks for, like `info,angzarr_runtime=debug`; `info` if it is not set.
pub(crate) fn begin(format: LogFormat) -> Result<(), String> {
    let targets = match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.is_empty() => {
            wanted.parse::<Targets>().map_err(|error| format!("RUST_LOG cannot be understood: {error}"))?
        }
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
    Ok(())
}
