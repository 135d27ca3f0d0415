//! The list of what was generated in a folder: one line a file, the fingerprint of its bytes and its name.

use std::collections::BTreeMap;
use std::path::Path;

use angzarr_model::codes;
use uuid::Uuid;

use super::{Change, Difference, OutputError, place};
use crate::{Place, Report};

/// Name of the manifest in its folder. It belongs beside the files that it lists, in version control too.
pub const MANIFEST: &str = ".angzarr-manifest";

const COMMENT: &str = "# What angzarr generated in this folder, and a fingerprint of each file. Keep it beside them.\n";

/// Fingerprints by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest(BTreeMap<String, Uuid>);

impl Manifest {
    pub(super) fn insert(&mut self, name: &str, bytes: &[u8]) {
        self.0.insert(name.to_owned(), fingerprint(bytes));
    }

    pub(super) fn lists(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether these are the bytes that were written under that name.
    pub(super) fn wrote(&self, name: &str, bytes: &[u8]) -> bool {
        self.0.get(name) == Some(&fingerprint(bytes))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn text(&self) -> String {
        let lines = self.0.iter().map(|(name, fingerprint)| format!("{fingerprint} {name}\n"));
        std::iter::once(COMMENT.to_owned()).chain(lines).collect()
    }
}

fn fingerprint(bytes: &[u8]) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes)
}

/// Reads the manifest of a folder; a folder without one has an empty list.
pub(super) fn read(directory: &Path) -> Result<Manifest, OutputError> {
    let Some(bytes) = place::present(directory, MANIFEST)? else {
        return Ok(Manifest::default());
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut files = BTreeMap::new();
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        match entry(line) {
            Ok((name, fingerprint)) => drop(files.insert(name.to_owned(), fingerprint)),
            Err(message) => {
                let file = directory.join(MANIFEST).display().to_string();
                found.push(Report::of(codes::BAD_MANIFEST, message).at(Place {
                    line: number,
                    column: 1,
                    ..Place::file(&file)
                }));
            }
        }
    }
    if found.is_empty() { Ok(Manifest(files)) } else { Err(OutputError::Refused(found)) }
}

/// The manifest is input like any other: a name in it must not lead to a file elsewhere.
fn entry(line: &str) -> Result<(&str, Uuid), String> {
    let (fingerprint, name) = line.split_once(' ').ok_or("this line is no fingerprint and name")?;
    let fingerprint = fingerprint.parse().map_err(|_| format!("`{fingerprint}` is no fingerprint"))?;
    if !place::stays_inside(name) {
        return Err(format!("`{name}` leaves its folder"));
    }
    Ok((name, fingerprint))
}

/// What has to become of the manifest on disk.
pub(super) fn change(directory: &Path, after: &Manifest) -> Result<Option<Change>, OutputError> {
    let text = after.text();
    let before = place::present(directory, MANIFEST)?;
    if before.as_deref() == Some(text.as_bytes()) {
        return Ok(None);
    }
    let difference = if before.is_some() { Difference::Different } else { Difference::Missing };
    Ok(Some(Change { name: MANIFEST.to_owned(), difference, before: before.unwrap_or_default(), after: text }))
}
