//! `servers postgres -- COMMAND…`: one server for a whole run of tests.

use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use angzarr_servers::Postgres;
use angzarr_servers::postgres::VARIABLE;

const USAGE: &str = "usage: servers postgres -- COMMAND…: starts PostgreSQL, sets ANGZARR_TEST_POSTGRES, runs COMMAND";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = match words.as_slice() {
        ["postgres", "--", program, arguments @ ..] => run(program, arguments),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
    };
    ran.unwrap_or_else(|error| {
        // If not even this can be said, the exit code has to do.
        let _ = writeln!(io::stderr(), "{error}");
        ExitCode::from(2)
    })
}

/// The command's exit code; 128 and the signal's number if a signal ended it, as shells do.
fn run(program: &str, arguments: &[&str]) -> io::Result<ExitCode> {
    let server = Postgres::start()?;
    let status = Command::new(program).args(arguments).env(VARIABLE, server.url()).status()?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}
