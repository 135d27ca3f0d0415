//! The `angzarr` command: one file a subcommand. Data goes to standard output, findings to standard error.

mod console;
mod generate;
mod input;
mod ir;

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
    /// Print what was understood as JSON, for other programs.
    Ir(ir::Ir),
}

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Gen(language) => generate::run(language),
        Command::Ir(ir) => ir::run(ir),
    };
    exit.into()
}
