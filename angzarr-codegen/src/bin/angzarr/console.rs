//! What is printed where, and how the command ends.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;

use angzarr_codegen::output::OutputError;
use angzarr_codegen::{ProjectError, Report, Severity};
use clap::ValueEnum;

/// How the command ends; the numbers are part of its interface and stand in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// Mistakes in the input, changes that break what is stored, or files that are not up to date; warnings are none.
    Findings = 1,
    /// Wrong usage, as clap has it too.
    Usage = 2,
    /// Files that cannot be read or written, or nothing to compare with.
    Io = 3,
    /// A mistake of Angzarr itself.
    Internal = 4,
}

/// The table of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done; warnings do not count
  1  mistakes in the input, changes that break what is stored, or files that are not up to date
  2  wrong usage
  3  a file cannot be read or written, or there is nothing to compare with
  4  a mistake of angzarr itself";

/// What only a mistake of Angzarr itself can cause.
const INTERNAL: &str = angzarr_codegen::model::codes::INTERNAL.id;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Prints a line of data.
pub(crate) fn print(line: &dyn Display) {
    say(&mut std::io::stdout(), line);
}

/// Prints text that has its line ends already.
pub(crate) fn print_text(text: &str) {
    let mut out = std::io::stdout();
    // A reader that went away is no reason to fail.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line for whoever watches, not for programs.
pub(crate) fn tell(line: &dyn Display) {
    say(&mut std::io::stderr(), line);
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
    if reports.iter().any(|report| report.code == INTERNAL) {
        return Exit::Internal;
    }
    let errors = reports.iter().any(|report| report.severity == Severity::Error);
    if errors { Exit::Findings } else { Exit::Done }
}

/// Prints why there is nothing to do as it was asked for.
pub(crate) fn usage(error: &dyn Display) -> Exit {
    tell(&format!("error: {error}\n\nFor more information, try '--help'."));
    Exit::Usage
}

/// Prints which file cannot be read or written.
pub(crate) fn unusable(error: &dyn Display) -> Exit {
    tell(&format!("error: {error}"));
    Exit::Io
}

/// Prints why output is not written.
pub(crate) fn output_error(error: &OutputError) -> Exit {
    match error {
        OutputError::Refused(reports) => findings(reports),
        OutputError::Io { .. } => unusable(error),
    }
}

/// Prints why a project cannot be used.
pub(crate) fn project_error(error: &ProjectError) -> Exit {
    match error {
        ProjectError::Findings(reports) => findings(reports),
        ProjectError::Io { .. } => unusable(error),
    }
}

/// A reader that went away is no reason to fail.
fn say(to: &mut dyn Write, line: &dyn Display) {
    let _ = writeln!(to, "{line}");
}
