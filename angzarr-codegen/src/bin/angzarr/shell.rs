//! `angzarr completions` and `angzarr man`: what a shell and man(1) want to know.

use angzarr_codegen::model::names::nearest;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Arguments;
use crate::console::{Exit, print_text, unusable, usage};

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Shell that the script is for.
    shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Subcommand whose page is wanted. Without it, the page of the command itself.
    subcommand: Option<String>,
}

pub(crate) fn completions(arguments: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "angzarr", &mut script);
    print_text(&String::from_utf8_lossy(&script));
    Exit::Done
}

pub(crate) fn man(arguments: &Man) -> Exit {
    let mut command = Arguments::command();
    // Gives subcommands their full names.
    command.build();
    let command = match &arguments.subcommand {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(subcommand) => subcommand.clone(),
            None => {
                let meant = nearest(name, command.get_subcommands().map(clap::Command::get_name));
                let meant = meant.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
                return usage(&format!("there is no subcommand `{name}`{meant}"));
            }
        },
    };
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => print_text(&String::from_utf8_lossy(&page)),
        Err(error) => return unusable(&format!("cannot print the page: {error}")),
    }
    Exit::Done
}
