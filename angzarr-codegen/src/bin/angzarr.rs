//! The `angzarr` command. Data goes to standard output, findings to standard error; exit code 1 means mistakes in the
//! input (warnings are none), 2 means wrong usage or a file that cannot be written.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use angzarr_codegen::{Request, output};
use clap::{Args, Parser, Subcommand};

/// Findings in the input.
const FINDINGS: u8 = 1;
/// Wrong usage, as clap has it too, and I/O.
const UNUSABLE: u8 = 2;

/// Code generation for event sourcing and CQRS from annotated protos.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate code.
    #[command(subcommand)]
    Gen(Language),
}

#[derive(Debug, Subcommand)]
enum Language {
    /// Messages with derives, and a definition for each component; for the crate angzarr-runtime.
    Rust(Generate),
}

#[derive(Args, Debug)]
struct Generate {
    /// Directory that names of files and imports are relative to; may be repeated. Without any: the current one.
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    includes: Vec<PathBuf>,
    /// Directory to write to; created if needed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// File whose services own events or commands used here; read, not generated. May be repeated.
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// Rust module, as absolute path, of a package that is not generated here. May be repeated.
    #[arg(long = "extern", value_name = "PACKAGE=PATH", value_parser = mapping)]
    extern_paths: Vec<(String, String)>,
    /// Proto files to generate.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let Command::Gen(Language::Rust(arguments)) = Arguments::parse().command;
    let request = Request {
        includes: arguments.includes,
        files: arguments.files,
        with: arguments.with,
        extern_paths: arguments.extern_paths.into_iter().collect(),
    };
    let generated = match angzarr_codegen::generate(&request) {
        Ok(generated) => generated,
        Err(reports) => {
            for report in reports {
                say(&mut std::io::stderr(), &report);
            }
            return ExitCode::from(FINDINGS);
        }
    };
    for warning in &generated.warnings {
        say(&mut std::io::stderr(), warning);
    }
    match output::write(&arguments.out, &generated.files) {
        Ok(summary) => {
            let line = format!("{} written, {} unchanged", summary.written, summary.unchanged);
            say(&mut std::io::stdout(), &line);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&mut std::io::stderr(), &format!("error: {error}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

fn mapping(text: &str) -> Result<(String, String), String> {
    let (package, path) =
        text.split_once('=').ok_or("expected PACKAGE=PATH, like shop.stock.v1=::stock::shop::stock::v1")?;
    Ok((package.to_owned(), path.to_owned()))
}

/// A reader that went away is no reason to fail.
fn say(to: &mut dyn Write, line: &dyn std::fmt::Display) {
    let _ = writeln!(to, "{line}");
}
