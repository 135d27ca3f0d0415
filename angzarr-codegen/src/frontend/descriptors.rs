//! Descriptors that another compiler has made already.

use std::path::Path;
use std::sync::Arc;

use angzarr_model::codes;
use prost_reflect::prost::Message;
use prost_types::FileDescriptorSet;
use protox::file::{DescriptorSetFileResolver, File, FileResolver};

use super::{FOREIGN_PACKAGES, sound};
use crate::report::{Place, Report};

/// `google.protobuf.FileDescriptorSet`, its files encoded: their typed form has no room for options that are extensions.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EncodedSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) file: Vec<Vec<u8>>,
}

/// The files of an encoded set.
pub(super) struct Set {
    /// With their options as they are; only that keeps annotations.
    files: DescriptorSetFileResolver,
    /// Name and package of each.
    names: Vec<(String, String)>,
}

impl Set {
    /// Looks into a set, linking nothing yet.
    ///
    /// # Errors
    /// One report if it is none, or one for each fault of its files.
    pub(super) fn decode(encoded: &[u8]) -> Result<Self, Vec<Report>> {
        let bad = |error: &dyn std::fmt::Display| {
            let report = Report::of(codes::INVALID_FILE, format!("this is no descriptor set: {error}"));
            vec![report.help("give what protoc --include_imports --descriptor_set_out or buf build writes")]
        };
        let set = FileDescriptorSet::decode(encoded).map_err(|error| bad(&error))?;
        let files = DescriptorSetFileResolver::decode(encoded).map_err(|error| bad(&error))?;
        let faults = set.file.iter().flat_map(|file| {
            let place = Place::file(file.name());
            sound::faults(file).into_iter().map(move |fault| {
                let message = format!("`{}` is no file that a compiler would write: {fault}", place.file);
                let report = Report::of(codes::INVALID_FILE, message).at(place.clone());
                report.help("build the set with protoc or buf from files in proto2 or proto3")
            })
        });
        let faults: Vec<Report> = faults.collect();
        if !faults.is_empty() {
            return Err(Report::sorted(faults));
        }
        let names = set.file.iter().map(|file| (file.name().to_owned(), file.package().to_owned()));
        Ok(Set { files, names: names.collect() })
    }

    /// The names of all files that are not protobuf's or Angzarr's own.
    pub(super) fn own(&self) -> impl Iterator<Item = &str> {
        let own = self.names.iter().filter(|(_, package)| !FOREIGN_PACKAGES.contains(&package.as_str()));
        own.map(|(name, _)| name.as_str())
    }
}

/// A set that several compilers read.
pub(super) struct Shared(pub(super) Arc<Set>);

impl FileResolver for Shared {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        let name = path.to_str()?;
        self.0.names.iter().any(|(known, _)| known == name).then(|| name.to_owned())
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        self.0.files.open_file(name)
    }
}
