//! The plugin that `protoc --angzarr_out=DIR --angzarr_opt=lang=rust` and `buf generate` run.

use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
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
