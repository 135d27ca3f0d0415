//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short};

/// Read where no other file is named.
const DEFAULT_FILE: &str = "sidecar.yaml";

pub(crate) const HELP: &str = "\
Runs beside services with business code: keeps their events, and serves whoever sends commands and reads.

Usage: angzarr-sidecar [OPTIONS]

Options:
  -c, --config FILE   What it is told; sidecar.yaml if nothing is said
      --check-config  Tell every mistake in that file, and end
  -h, --help          Print this, and end
  -V, --version       Print the version, and end

It ends on SIGTERM or SIGINT once what has begun is done, and at once on a second one.

Exit codes:
  0  done
  1  it could not start, or not go on
  2  wrong usage
  3  the configuration cannot be read, or is wrong
  4  it ended before everything was done
";

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Run(PathBuf),
    Check(PathBuf),
    Help,
    Version,
}

/// Takes the words behind the program's name.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Wanted, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(words);
    let (mut file, mut wanted): (PathBuf, fn(PathBuf) -> Wanted) = (DEFAULT_FILE.into(), Wanted::Run);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('c') | Long("config") => file = parser.value()?.into(),
            Long("check-config") => wanted = Wanted::Check,
            Short('h') | Long("help") => return Ok(Wanted::Help),
            Short('V') | Long("version") => return Ok(Wanted::Version),
            other => return Err(other.unexpected()),
        }
    }
    Ok(wanted(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Wanted, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_taken() {
        assert_eq!(parsed(""), Ok(Wanted::Run("sidecar.yaml".into())));
        assert_eq!(parsed("-c a.yaml"), Ok(Wanted::Run("a.yaml".into())));
        assert_eq!(parsed("--check-config --config=a.yaml"), Ok(Wanted::Check("a.yaml".into())));
        assert_eq!(parsed("--check-config -V"), Ok(Wanted::Version));
        assert_eq!(parsed("-h --nonsense"), Ok(Wanted::Help));
        for line in ["a.yaml", "--nonsense", "-c", "--check-config=yes"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
