//! The `angzarr` command: one file a subcommand. Data goes to standard output, findings to standard error.

mod console;
mod explain;
mod generate;
mod input;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Code generation for event sourcing and CQRS from annotated protos.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Form of the findings on standard error.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: console::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate code.
    #[command(subcommand)]
    Gen(generate::Language),
    /// Explain a finding by its code, or list all codes.
    Explain(explain::Explain),
}

fn main() -> ExitCode {
    let Arguments { format, command } = Arguments::parse();
    console::write_findings_as(format);
    let exit = match command {
        Command::Gen(language) => generate::run(language),
        Command::Explain(arguments) => explain::run(arguments),
    };
    exit.into()
}
