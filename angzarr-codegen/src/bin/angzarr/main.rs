//! The `angzarr` command: one file a subcommand. Data goes to standard output, findings to standard error.

mod console;
mod generate;
mod input;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Gen(generate::Language),
}

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Gen(language) => generate::run(language),
    };
    exit.into()
}
