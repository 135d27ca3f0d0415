//! What is printed where, and how the command ends.

use std::io::Write;
use std::process::ExitCode;

use angzarr_codegen::Report;

/// How the command ends; the numbers are part of its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// Mistakes in the input; warnings are none.
    Findings = 1,
    /// Wrong usage, as clap has it too, and files that cannot be read or written.
    Unusable = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Prints a line of data.
pub(crate) fn print(line: &dyn std::fmt::Display) {
    say(&mut std::io::stdout(), line);
}

/// Prints findings, and gives the end they lead to.
pub(crate) fn findings(reports: &[Report]) -> Exit {
    for report in reports {
        say(&mut std::io::stderr(), report);
    }
    Exit::Findings
}

/// Prints why there is no more to do.
pub(crate) fn unusable(error: &dyn std::fmt::Display) -> Exit {
    say(&mut std::io::stderr(), &format!("error: {error}"));
    Exit::Unusable
}

/// A reader that went away is no reason to fail.
fn say(to: &mut dyn Write, line: &dyn std::fmt::Display) {
    let _ = writeln!(to, "{line}");
}
