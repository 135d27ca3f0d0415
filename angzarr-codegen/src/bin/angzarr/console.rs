//! What is printed where, and how the command ends.

use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;

use angzarr_codegen::Report;
use clap::ValueEnum;

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

/// In which form findings are written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people; in colours if standard error is a terminal and NO_COLOR is not set.
    #[default]
    Text,
    /// One JSON object a line for each finding.
    Json,
    /// Workflow commands of GitHub Actions, which show findings beside the lines they are about.
    Github,
}

static FORMAT: OnceLock<Format> = OnceLock::new();

/// Settles the form in which this process writes findings; the first call counts.
pub(crate) fn write_findings_as(format: Format) {
    FORMAT.get_or_init(|| format);
}

/// Prints findings, and gives the end they lead to.
pub(crate) fn findings(reports: &[Report]) -> Exit {
    let format = FORMAT.get().copied().unwrap_or_default();
    // It drops the colours where nobody could see them.
    let mut error = anstream::stderr();
    for report in reports {
        match format {
            // Findings are several lines long, so a free one stands between them.
            Format::Text => say(&mut error, &format!("{}\n", report.render(angzarr_codegen::Format::Coloured))),
            Format::Json => say(&mut error, &report.render(angzarr_codegen::Format::Json)),
            Format::Github => say(&mut error, &report.render(angzarr_codegen::Format::Github)),
        }
    }
    if let Some(first) = reports.first().filter(|_| format == Format::Text) {
        say(&mut error, &format!("`angzarr explain {}` says more.", first.code));
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
