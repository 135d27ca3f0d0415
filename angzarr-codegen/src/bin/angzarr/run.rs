//! `angzarr run`: services and their sidecars on one machine, from one file.

mod check;
mod hosted;
mod output;
mod supervise;

use std::path::PathBuf;

use angzarr_codegen::standalone::{RUN_FILE, Standalone};
use clap::Args;

use crate::console::{Exit, print, project_error, unusable};
use hosted::Program;

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// File that names the services.
    #[arg(long, value_name = "FILE", default_value = RUN_FILE)]
    file: PathBuf,
    /// Program of the sidecar. Without it, the one that the file names, one beside this program, or one in PATH.
    #[arg(long, value_name = "PROGRAM")]
    sidecar: Option<PathBuf>,
    /// How often in a row something is started again that ends before it has run for 10 seconds.
    #[arg(long, value_name = "N", default_value_t = 8)]
    restarts: u32,
    /// Tell every mistake, and start nothing.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Run) -> Exit {
    let standalone = match Standalone::read(&arguments.file) {
        Ok(standalone) => standalone,
        Err(error) => return project_error(&error),
    };
    let programs = match check::programs(&standalone, arguments.sidecar.as_deref()) {
        Ok(programs) => programs,
        Err(exit) => return exit,
    };
    if arguments.check {
        print(&format!("{}: no mistakes", arguments.file.display()));
        return Exit::Done;
    }
    supervise::run(programs, arguments.restarts).unwrap_or_else(|error| unusable(&error))
}
