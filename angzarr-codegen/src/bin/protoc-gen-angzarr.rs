//! The plugin that `protoc --angzarr_out=DIR --angzarr_opt=lang=rust` and `buf generate` run.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::Parser;

/// Generates code from annotated protos: a plugin of protoc and buf, which run it and write what it answers.
///
/// It reads a request from standard input. `angzarr gen` does the same for people.
#[derive(Debug, Parser)]
#[command(
    name = "protoc-gen-angzarr",
    version,
    after_help = "For example: protoc -I proto --angzarr_out=src/generated --angzarr_opt=lang=rust shop.proto"
)]
struct Arguments {}

fn main() -> ExitCode {
    // What protoc and buf want to know, they ask in the request.
    let Arguments {} = Arguments::parse();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "protoc-gen-angzarr: {error}; protoc and buf run this program, not people");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    let answer = angzarr_codegen::plugin::answer(&request)?;
    for warning in &answer.warnings {
        writeln!(io::stderr(), "{warning}\n")?;
    }
    io::stdout().write_all(&answer.response)?;
    Ok(())
}
