//! Where lines of the log go: to standard error, as text or as JSON.

use angzarr_runtime::config::LogFormat;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, Registry, fmt};

/// What the variable `RUST_LOG` asks for, like `info,angzarr_runtime=debug`; `info` if it is not set.
pub(crate) fn wanted() -> Result<Targets, String> {
    match std::env::var("RUST_LOG") {
        Ok(wanted) if !wanted.is_empty() => {
            wanted.parse().map_err(|error| format!("RUST_LOG cannot be understood: {error}"))
        }
        _ => Ok(Targets::new().with_default(LevelFilter::INFO)),
    }
}

/// Writes lines of that.
pub(crate) fn lines(format: LogFormat) -> Result<Box<dyn Layer<Registry> + Send + Sync>, String> {
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Ok(lines.with_filter(wanted()?).boxed())
}
