//! What `--check` finds: everything in a folder that a run would change, and everything that does not belong there.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use angzarr_model::codes;

use super::{Difference, OutputError, Plan};
use crate::{Place, Report};

/// One file that is not as it should be; `Display` is a line without its end, like `different: src/generated/mod.rs`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Drift {
    /// Path, beginning with the folder as it was given.
    pub path: String,
    /// What is wrong: `missing`, `different`, `orphaned`, `edited`, `stray` (no run wrote it) or `untracked` (git does
    /// not know it).
    pub kind: &'static str,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.path)
    }
}

impl Drift {
    /// The same as a finding, for programs and workflows.
    pub fn report(&self) -> Report {
        let Drift { path, kind } = self;
        let what = match *kind {
            "missing" => "is generated, and not there",
            "orphaned" => "is not generated any more",
            "edited" => "is not generated any more, but was edited",
            "stray" => "was not generated",
            "untracked" => "is as generated, but not known to git",
            _ => "is not as generated",
        };
        let report = Report::of(codes::NOT_AS_GENERATED, format!("`{path}` {what}"));
        report.at(Place::file(path))
    }
}

impl Difference {
    /// The word for it in lists.
    fn word(self) -> &'static str {
        match self {
            Difference::Missing => "missing",
            Difference::Different => "different",
            Difference::Orphaned => "orphaned",
            Difference::Edited => "edited",
        }
    }
}

impl Plan {
    /// What a run would change, the manifest too, sorted by path.
    pub fn pending(&self) -> Vec<Drift> {
        let changes = self.changes.iter().chain(&self.manifest_change);
        let mut drifts: Vec<Drift> = changes.map(|c| self.drift(&c.name, c.difference.word())).collect();
        drifts.sort();
        drifts
    }

    /// What a run would change, and besides, sorted by path: files in the folder that no run wrote, hidden ones
    /// excepted, and generated files that git neither tracks nor ignores, where the folder is in a work tree of git.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn drift_and_strays(&self) -> Result<Vec<Drift>, OutputError> {
        let mut drifts = self.pending();
        let changed: BTreeSet<&str> = self.changes.iter().map(|change| change.name.as_str()).collect();
        let mut strays = Vec::new();
        self.collect_strays(&self.directory, "", &changed, &mut strays)?;
        drifts.extend(strays.iter().map(|name| self.drift(name, "stray")));
        let generated = |name: &String| self.manifest.lists(name) || name == super::MANIFEST;
        drifts.extend(untracked(&self.directory).iter().filter(|n| generated(n)).map(|n| self.drift(n, "untracked")));
        drifts.sort();
        Ok(drifts)
    }

    fn drift(&self, name: &str, kind: &'static str) -> Drift {
        Drift { path: self.directory.join(name).display().to_string(), kind }
    }

    fn collect_strays(
        &self,
        folder: &Path,
        prefix: &str,
        changed: &BTreeSet<&str>,
        strays: &mut Vec<String>,
    ) -> Result<(), OutputError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(OutputError::io("read", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(OutputError::io("read", folder))?;
            let kind = entry.file_type().map_err(OutputError::io("read", folder))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                self.collect_strays(&entry.path(), &format!("{name}/"), changed, strays)?;
            } else if !self.manifest.lists(&name) && !changed.contains(name.as_str()) {
                strays.push(name);
            }
        }
        Ok(())
    }
}

/// Names in a folder that git neither tracks nor ignores; none where there is no git, or no work tree of it.
fn untracked(directory: &Path) -> Vec<String> {
    let listing = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["ls-files", "--others", "--exclude-standard", "-z", "--", "."])
        .output();
    match listing {
        Ok(listing) if listing.status.success() => {
            let names = listing.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
        }
        _ => Vec::new(),
    }
}
