//! The `angzarr` command: one file a subcommand. Data goes to standard output, findings to standard error.

mod breaking;
mod console;
mod docs;
mod explain;
mod generate;
mod graph;
mod input;
mod ir;
mod lock;
mod new;
#[cfg(feature = "operate")]
mod operate;
#[cfg(unix)]
mod run;
mod save;
mod shell;
mod upcast;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use console::Exit;

/// Code generation for event sourcing and CQRS from annotated protos.
#[derive(Debug, Parser)]
#[command(name = "angzarr", version, after_help = console::EXIT_CODES)]
struct Arguments {
    /// Form of the findings on standard error.
    #[arg(long, global = true, value_enum, default_value_t)]
    format: console::Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate code from annotated protos.
    Gen(generate::Generate),
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
    /// Explain a finding by its code, or list all codes.
    Explain(explain::Explain),
    /// Write a new project: protos, components, tests, a command line, CI.
    New(new::New),
    /// Run services and their sidecars on this machine, from one file.
    #[cfg(unix)]
    Run(run::Run),
    #[cfg(feature = "operate")]
    #[command(flatten)]
    Operate(operate::Operate),
    /// Print a script that completes the words of this command in a shell.
    Completions(shell::Completions),
    /// Print a manual page, in the format of man(1).
    Man(shell::Man),
}

fn main() -> ExitCode {
    let Arguments { format, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error).into(),
    };
    console::write_findings_as(format);
    let exit = match command {
        Command::Gen(arguments) => generate::run(&arguments),
        Command::Lock(arguments) => lock::run(&arguments),
        Command::Breaking(arguments) => breaking::run(&arguments),
        Command::Upcast(arguments) => upcast::run(&arguments),
        Command::Graph(arguments) => graph::run(&arguments),
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Ir(arguments) => ir::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        #[cfg(unix)]
        Command::Run(arguments) => run::run(&arguments),
        #[cfg(feature = "operate")]
        Command::Operate(operation) => operate::run(&operation),
        Command::Completions(arguments) => shell::completions(&arguments),
        Command::Man(arguments) => shell::man(&arguments),
    };
    console::end(exit).into()
}

/// Prints help that was asked for, or what is wrong with the arguments.
fn misused(error: &clap::Error) -> Exit {
    if !error.use_stderr() {
        console::keep(error.print());
        return console::end(Exit::Done);
    }
    let arguments: Vec<String> = std::env::args_os().map(|one| one.to_string_lossy().into_owned()).collect();
    let format = console::wanted_format(&arguments);
    if format == console::Format::Text {
        console::keep(error.print());
        return Exit::Usage;
    }
    console::write_findings_as(format);
    // The paragraphs behind the first one show the usage.
    let text = error.render().to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    console::usage(&what.strip_prefix("error: ").unwrap_or(what))
}
