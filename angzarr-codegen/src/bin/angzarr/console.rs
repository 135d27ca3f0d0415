//! What is printed where, and how the command ends.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use angzarr_codegen::model::codes;
use angzarr_codegen::output::OutputError;
use angzarr_codegen::{Failure, ProjectError, Report, Severity};
use clap::ValueEnum;

/// How the command ends; the numbers are part of its interface and stand in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    /// Mistakes in the input, changes that break what is stored, files that are not up to date, or a sidecar that refuses;
    /// warnings are none.
    Findings = 1,
    /// Wrong usage, as clap has it too.
    Usage = 2,
    /// Files that cannot be read or written, nothing to compare with, or no sidecar to be reached.
    Io = 3,
    /// A mistake of Angzarr itself.
    Internal = 4,
}

/// The table of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done; warnings do not count
  1  mistakes in the input, changes that break what is stored, files that are not up to date, or a sidecar that refuses
  2  wrong usage
  3  a file cannot be read or written, there is nothing to compare with, or no sidecar can be reached
  4  a mistake of angzarr itself";

/// What only a mistake of Angzarr itself can cause, and what is none in the protos.
const INTERNAL: &str = codes::INTERNAL.id;
const UNREADABLE: &str = codes::UNREADABLE_FILE.id;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Prints a line of data.
pub(crate) fn print(line: &dyn Display) {
    print_text(&format!("{line}\n"));
}

/// Prints text that has its line ends already. What cannot be written is told by [`end`].
pub(crate) fn print_text(text: &str) {
    let mut out = std::io::stdout();
    keep(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Keeps the first error of printing for [`end`].
pub(crate) fn keep(printed: std::io::Result<()>) {
    if let Err(error) = printed {
        LOST.get_or_init(|| error);
    }
}

/// Prints a line for whoever watches, not for programs.
pub(crate) fn tell(line: &dyn Display) {
    say(&mut std::io::stderr(), line);
}

/// Why data did not reach standard output.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// How the command ends, once everything is printed.
pub(crate) fn end(exit: Exit) -> Exit {
    match LOST.get() {
        // A reader that went away has what it wanted.
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            unusable(&format!("cannot write to standard output: {error}"))
        }
        _ => exit,
    }
}

/// In which form findings and failures are written to standard error.
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

/// Settles the form in which this process writes findings and failures; the first call counts.
pub(crate) fn write_findings_as(format: Format) {
    FORMAT.get_or_init(|| format);
}

/// The form in which this process writes findings and failures.
pub(crate) fn format() -> Format {
    FORMAT.get().copied().unwrap_or_default()
}

/// The form that arguments ask for, though they cannot be understood as a whole.
pub(crate) fn wanted_format(arguments: &[String]) -> Format {
    let beside = arguments.iter().zip(arguments.iter().skip(1));
    let apart = beside.filter(|(flag, _)| *flag == "--format").map(|(_, value)| value.as_str());
    let joined = arguments.iter().filter_map(|argument| argument.strip_prefix("--format="));
    apart.chain(joined).find_map(|value| Format::from_str(value, false).ok()).unwrap_or_default()
}

/// Prints findings, and gives the end they lead to.
pub(crate) fn findings(reports: &[Report]) -> Exit {
    let format = format();
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
    if reports.iter().any(|report| report.code == UNREADABLE) {
        return Exit::Io;
    }
    let errors = reports.iter().any(|report| report.severity == Severity::Error);
    if errors { Exit::Findings } else { Exit::Done }
}

/// Prints why there is nothing to do as it was asked for.
pub(crate) fn usage(error: &dyn Display) -> Exit {
    fail(&Failure::new(error));
    if format() == Format::Text {
        tell(&"\nFor more information, try '--help'.");
    }
    Exit::Usage
}

/// Prints why something cannot be done that has to do with no file in particular.
pub(crate) fn unusable(error: &dyn Display) -> Exit {
    fail(&Failure::new(error));
    Exit::Io
}

/// Prints why a file cannot be read or written.
pub(crate) fn unusable_file(error: &dyn Display, path: &Path) -> Exit {
    fail(&Failure::new(error).about(path));
    Exit::Io
}

/// Prints why output is not written.
pub(crate) fn output_error(error: &OutputError) -> Exit {
    match error {
        OutputError::Refused(reports) => findings(reports),
        OutputError::Io { path, .. } => unusable_file(error, path),
    }
}

/// Prints why a project cannot be used.
pub(crate) fn project_error(error: &ProjectError) -> Exit {
    match error {
        ProjectError::Findings(reports) => findings(reports),
        ProjectError::Io { path, .. } => unusable_file(error, path),
    }
}

/// Prints why a program that was asked to do something does not.
#[cfg(feature = "operate")]
pub(crate) fn refused(failure: &Failure) -> Exit {
    fail(failure);
    Exit::Findings
}

/// Prints why a program cannot be asked to do anything.
#[cfg(feature = "operate")]
pub(crate) fn unreachable(failure: &Failure) -> Exit {
    fail(failure);
    Exit::Io
}

/// Whether nobody reads standard output any more, or nothing can be written to it: [`end`] tells which.
#[cfg(feature = "operate")]
pub(crate) fn is_lost() -> bool {
    LOST.get().is_some()
}

fn fail(failure: &Failure) {
    tell(&failure.render(match format() {
        Format::Text => angzarr_codegen::Format::Text,
        Format::Json => angzarr_codegen::Format::Json,
        Format::Github => angzarr_codegen::Format::Github,
    }));
}

/// There is nobody left to tell that this failed.
fn say(to: &mut dyn Write, line: &dyn Display) {
    let _ = writeln!(to, "{line}");
}
