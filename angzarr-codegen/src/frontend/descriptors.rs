//! Descriptors that another compiler has linked already.

use std::collections::BTreeSet;
use std::path::PathBuf;

use angzarr_model::codes;
use prost_reflect::DescriptorPool;

use super::{FOREIGN_PACKAGES, Protos, error};
use crate::Request;
use crate::report::{Columns, Place, Report, Sources};

/// Takes the files of a request from an encoded set.
///
/// # Errors
/// One report if the set is none, cannot be linked or holds no file to work on; one for every file that is not in it.
pub(super) fn read(encoded: &[u8], request: &Request) -> Result<Protos, Vec<Report>> {
    // Only decoding the bytes keeps options that are extensions.
    let pool = DescriptorPool::decode(encoded).map_err(|error| vec![error::of_set(&error)])?;
    let mut reports = Vec::new();
    let mut generate = named(&pool, &request.files, &mut reports);
    let mut services = named(&pool, &request.with, &mut reports);
    if request.files.is_empty() {
        let own = pool.files().filter(|file| !FOREIGN_PACKAGES.contains(&file.package_name()));
        generate = own.map(|file| file.name().to_owned()).filter(|name| !services.contains(name)).collect();
        if generate.is_empty() {
            let message = "the descriptor set holds no file of yours";
            reports.push(Report::of(codes::FILE_NOT_FOUND, message).help("build the set from the files to work on"));
        }
    }
    if !reports.is_empty() {
        return Err(Report::sorted(reports));
    }
    services.extend(generate.iter().cloned());
    let named = |name: &str| Some((name.to_owned(), super::source(&request.includes, name)?));
    // Without a directory there is no telling where they lie.
    let sources = pool.files().filter(|_| !request.includes.is_empty()).filter_map(|file| named(file.name())).collect();
    let (sources, columns) = (Sources::new(sources), Columns::TabStops);
    Ok(Protos { pool, generate, services, read: Vec::new(), sources, columns })
}

/// Which of the set's files are asked for.
fn named(pool: &DescriptorPool, files: &[PathBuf], reports: &mut Vec<Report>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for name in files.iter().map(|file| file.to_string_lossy().into_owned()) {
        if pool.get_file_by_name(&name).is_some() {
            names.insert(name);
        } else {
            let message = format!("file `{name}` is not in the descriptor set");
            let report = Report::of(codes::FILE_NOT_FOUND, message).at(Place::file(&name));
            reports.push(report.help("name files as the set does, relative to their include directory"));
        }
    }
    names
}
