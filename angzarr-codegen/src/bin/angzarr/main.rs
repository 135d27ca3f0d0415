//! The `angzarr` command: one file a subcommand. Data goes to standard output, findings to standard error.

mod breaking;
mod console;
mod docs;
mod generate;
mod graph;
mod input;
mod ir;
mod lock;
mod save;
mod upcast;

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
    /// Write down what is stored, so that later changes can be held against it.
    Lock(lock::Write),
    /// Find changes that would break what is stored.
    Breaking(breaking::Breaking),
    /// Begin a new version of an event: the message, and the upcaster that leads to it.
    Upcast(upcast::Upcast),
    /// Draw domains, components and what passes between them.
    Graph(graph::Draw),
    /// Write a catalogue of domains, commands, events and views in Markdown.
    Docs(docs::Docs),
    /// Print what was understood as JSON, for other programs.
    Ir(ir::Ir),
}

fn main() -> ExitCode {
    let exit = match Arguments::parse().command {
        Command::Gen(language) => generate::run(language),
        Command::Lock(write) => lock::run(write),
        Command::Breaking(breaking) => breaking::run(breaking),
        Command::Upcast(upcast) => upcast::run(upcast),
        Command::Graph(draw) => graph::run(draw),
        Command::Docs(docs) => docs::run(docs),
        Command::Ir(ir) => ir::run(ir),
    };
    exit.into()
}
