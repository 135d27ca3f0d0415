//! `angzarr completions` and `angzarr man`: what a shell and man(1) want to know.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Arguments;
use crate::console::{Exit, print_text, unusable};

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Which shell.
    shell: Shell,
}

pub(crate) fn completions(arguments: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "angzarr", &mut script);
    print_text(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// One page, with a section for each subcommand after the command's own.
pub(crate) fn man() -> Exit {
    let mut page = Vec::new();
    match render(&mut page) {
        Ok(()) => print_text(&String::from_utf8_lossy(&page)),
        Err(error) => return unusable(&format!("cannot render the page: {error}")),
    }
    Exit::Done
}

fn render(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = Arguments::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let title = subcommand.get_bin_name().unwrap_or_else(|| subcommand.get_name()).to_uppercase();
        page.extend(format!(".SH {title}\n").bytes());
        let man = clap_mangen::Man::new(subcommand.clone());
        man.render_description_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}
