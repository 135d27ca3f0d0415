//! Errors of one file that have one cause, as one report.

use super::EMBEDDED;
use crate::report::{RelatedPlace, Report};

/// Puts together what follows from an import that is missing, and from a file that declares what another one declares.
pub(super) fn by_cause(reports: Vec<Report>) -> Vec<Report> {
    let mut together: Vec<(Cause, Report)> = Vec::new();
    let mut others = Vec::new();
    let declared: Vec<String> =
        reports.iter().filter_map(|report| Some(declared_twice(report)?.0.to_owned())).collect();
    for report in reports {
        let inside = |name: &str| {
            declared.iter().any(|outer| name.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.')))
        };
        if declared_twice(&report).is_some_and(|(name, _)| inside(name)) {
            continue;
        }
        let Some(cause) = cause(&report) else {
            others.push(report);
            continue;
        };
        match together.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, first)) => {
                let label = cause.label().to_owned();
                first.related.extend(report.place.map(|place| RelatedPlace { place, label }));
            }
            None => together.push((cause.clone(), cause.help(report))),
        }
    }
    others.extend(together.into_iter().map(|(_, report)| report));
    others
}

#[derive(Clone, PartialEq, Eq)]
enum Cause {
    /// A proto of Angzarr is used, and not imported.
    NotImported(&'static str),
    /// The names of another file are declared again.
    DeclaredIn(String),
}

impl Cause {
    /// What stands beside the places behind the first one.
    fn label(&self) -> &'static str {
        match self {
            Cause::NotImported(_) => "used here, too",
            Cause::DeclaredIn(_) => "this, too",
        }
    }

    fn help(&self, report: Report) -> Report {
        match self {
            Cause::NotImported(file) => report.help(format!("write `import \"{file}\";`")),
            Cause::DeclaredIn(file) => report.help(format!("rename it, or leave out this file or `{file}`")),
        }
    }
}

fn cause(report: &Report) -> Option<Cause> {
    if let Some((_, file)) = declared_twice(report) {
        return Some(Cause::DeclaredIn(file.to_owned()));
    }
    let name = report.message.strip_prefix("name '")?.strip_suffix("' is not defined")?;
    let word = name.strip_prefix("angzarr.v1.")?.split('.').next()?;
    let words = |text: &'static str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    EMBEDDED.iter().find(|(_, text)| words(text).any(|known| known == word)).map(|(file, _)| Cause::NotImported(file))
}

/// The name that is declared in another file as well, and that file. The compiler keeps the kind of its errors to
/// itself, so they are told by their words.
fn declared_twice(report: &Report) -> Option<(&str, &str)> {
    let (name, file) = report.message.strip_prefix("name '")?.split_once("' is already defined in file '")?;
    Some((name, file.strip_suffix('\'')?))
}
