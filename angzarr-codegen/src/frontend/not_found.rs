//! Files that are not where they were looked for, and the one that was perhaps meant.

use std::path::{Path, PathBuf};

use angzarr_model::codes;
use angzarr_model::names::nearest;

use super::EMBEDDED;
use super::descriptors::Set;
use crate::Report;

/// Says what else is there; other findings stay as they are.
pub(super) fn explain(mut report: Report, includes: &[PathBuf], set: Option<&Set>) -> Report {
    // The compiler keeps the kind of its errors to itself, so they are told by their words.
    let name = report.message.split('\'').nth(1).map(str::to_owned);
    let Some(name) = name.filter(|_| report.code == codes::FILE_NOT_FOUND.id) else { return report };
    if set.is_some() && report.message.starts_with("file ") {
        report.message = format!("`{name}` is not among the compiled protos");
        "give names as compilers have them, relative to their include directories".clone_into(&mut report.help);
    }
    let known = match set {
        Some(set) => set.own().map(str::to_owned).collect(),
        None => beside(includes, &name),
    };
    let (folder, file) = split(&name);
    let files = known.iter().map(|name| split(name)).filter(|(its, _)| *its == folder).map(|(_, file)| file);
    // That all of them end in the same way makes them no more alike.
    let near = nearest(stem(file), files.map(stem)).map(|near| format!("{folder}{near}.proto"));
    report.suggest(near.as_deref())
}

/// Names of the protos in the folder of a name, wherever that folder is.
fn beside(includes: &[PathBuf], name: &str) -> Vec<String> {
    let here = [PathBuf::from(".")];
    let includes = if includes.is_empty() { &here } else { includes };
    let (folder, _) = split(name);
    let entries = includes.iter().filter_map(|include| Path::new(include).join(folder).read_dir().ok()).flatten();
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let on_disk = files.filter(|file| file.ends_with(".proto")).map(|file| format!("{folder}{file}"));
    on_disk.chain(EMBEDDED.iter().map(|(name, _)| (*name).to_owned())).collect()
}

/// The folder of a name with the slash behind it, and what is left.
fn split(name: &str) -> (&str, &str) {
    name.split_at(name.rfind('/').map_or(0, |slash| slash + 1))
}

fn stem(file: &str) -> &str {
    file.strip_suffix(".proto").unwrap_or(file)
}
