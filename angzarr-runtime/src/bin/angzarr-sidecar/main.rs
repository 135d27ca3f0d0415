//! `angzarr-sidecar`: the coordinators beside services in any language. `docs/sidecar.md` tells how it is run.

mod arguments;
mod log;
mod run;
mod signals;
mod telemetry;

use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;

use angzarr_runtime::Error;
use angzarr_runtime::config::Config;
use arguments::{HELP, Wanted};
use run::Ended;
use signals::Signals;
use telemetry::Telemetry;
use tokio::runtime::Builder;

/// Documented in [`HELP`] and in `docs/sidecar.md`.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const CONFIGURATION: u8 = 3;
const CUT_OFF: u8 = 4;

const THREADS: &str = "TOKIO_WORKER_THREADS";

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Wanted::Help) => said(HELP.trim_end()),
        Ok(Wanted::Version) => said(concat!("angzarr-sidecar ", env!("CARGO_PKG_VERSION"))),
        Ok(Wanted::Check(file)) => check(&file),
        Ok(Wanted::Run(file)) => start(&file),
        Err(error) => told(USAGE, &format!("error: {error}; see angzarr-sidecar --help")),
    }
}

fn check(file: &Path) -> ExitCode {
    match Config::read(file) {
        Ok(_) => said(&format!("{}: no mistakes", file.display())),
        Err(error) => told(CONFIGURATION, &error.to_string()),
    }
}

fn start(file: &Path) -> ExitCode {
    let config = match Config::read(file) {
        Ok(config) => config,
        Err(error) => return told(CONFIGURATION, &error.to_string()),
    };
    let Some(threads) = threads() else {
        return told(CONFIGURATION, &format!("error: {THREADS} is no number from 1 on"));
    };
    let runtime = match Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(FAILED, &format!("error: cannot start threads: {error}")),
    };
    let telemetry = {
        let _within = runtime.enter();
        match Telemetry::begin(&config) {
            Ok(telemetry) => telemetry,
            Err(error) => return told(CONFIGURATION, &format!("error: {error}")),
        }
    };
    let ended = runtime.block_on(async {
        let signals = Signals::new().map_err(|error| Error::Setup(format!("cannot listen to signals: {error}")))?;
        run::run(config, &telemetry, signals).await
    });
    let code = match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::CutOff) => CUT_OFF.into(),
        Err(error) => {
            tracing::error!(code = error.code(), help = error.help(), %error, "cannot go on");
            FAILED.into()
        }
    };
    telemetry.end();
    code
}

/// How many threads it works with: half as many as there are processors, unless tokio's own variable says otherwise. The
/// service beside it needs the others, and a call that comes alone takes longer where threads take work from each other.
fn threads() -> Option<usize> {
    match std::env::var_os(THREADS).filter(|given| !given.is_empty()) {
        None => Some(available_parallelism().map_or(1, NonZero::get).div_ceil(2)),
        Some(given) => given.to_str()?.parse().ok().map(NonZero::get),
    }
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn said(text: &str) -> ExitCode {
    println!("{text}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "the log has not begun, and what is wrong may be where it is configured")]
fn told(code: u8, text: &str) -> ExitCode {
    eprintln!("{text}");
    code.into()
}
