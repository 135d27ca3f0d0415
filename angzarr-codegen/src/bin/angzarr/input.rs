//! What to read: the same words for every subcommand.

use std::path::PathBuf;

use angzarr_codegen::Request;
use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct Input {
    /// Directory that names of files and imports are relative to; may be repeated. Without any: the current one.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    includes: Vec<PathBuf>,
    /// File whose services own events or commands used here; read, not generated. May be repeated.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Proto files to work on.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Input {
    pub(crate) fn request(self) -> Request {
        Request { includes: self.includes, files: self.files, with: self.with, ..Request::default() }
    }
}
