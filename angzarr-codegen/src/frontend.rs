//! Proto files or a descriptor set in, linked descriptors out. Nothing here knows what an annotation means.

mod descriptors;
mod error;
mod suggest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use crate::report::{Columns, Source, Sources};
use crate::{Report, Request};
use suggest::Known;

/// The annotations themselves travel with the generator, so that their version is always the one it understands.
const EMBEDDED: [(&str, &str); 2] = [
    ("angzarr/v1/options.proto", include_str!("../proto/angzarr/v1/options.proto")),
    ("angzarr/v1/types.proto", include_str!("../proto/angzarr/v1/types.proto")),
];

/// Packages that belong to protobuf and to Angzarr itself; nothing in them is a user's.
pub(crate) const FOREIGN_PACKAGES: [&str; 2] = ["google.protobuf", "angzarr.v1"];

/// Everything that a run read.
pub(crate) struct Protos {
    /// All files, imports too, with their options undecoded.
    pub(crate) pool: DescriptorPool,
    /// Names of the files to generate.
    pub(crate) generate: BTreeSet<String>,
    /// Names of the files whose services count: those to generate and those of `--with`.
    pub(crate) services: BTreeSet<String>,
    /// Files on disk that were read.
    pub(crate) read: Vec<PathBuf>,
    /// Their texts.
    pub(crate) sources: Sources,
    /// What their places count as columns.
    pub(crate) columns: Columns,
}

impl Protos {
    /// Packages of the files to generate.
    pub(crate) fn generated_packages(&self) -> BTreeSet<String> {
        let files = self.pool.files().filter(|file| self.generate.contains(file.name()));
        files.map(|file| file.package_name().to_owned()).collect()
    }
}

/// Everything that a request asks for, linked, and a report for every file that does not parse or link or is not found;
/// the others can be checked all the same.
///
/// # Errors
/// What is wrong with a descriptor set.
pub(crate) fn read(request: &Request) -> Result<(Protos, Vec<Report>), Vec<Report>> {
    if let Some(encoded) = &request.descriptors {
        return descriptors::read(encoded, request).map(|protos| (protos, Vec::new()));
    }
    let here = vec![PathBuf::from(".")];
    let includes = if request.includes.is_empty() { &here } else { &request.includes };
    Ok(compile(request, includes.iter().map(|include| IncludeFileResolver::new(include.clone()))))
}

/// Parses and links the files of a request with everything they import, looking for them in the given places.
pub(crate) fn compile<R: FileResolver + 'static>(
    request: &Request,
    places: impl Iterator<Item = R>,
) -> (Protos, Vec<Report>) {
    let mut compiler = Compiler::with_file_resolver(resolver(places));
    compiler.include_source_info(true).include_imports(true);
    let mut failed = Vec::new();
    let generate = open(&mut compiler, &request.files, &mut failed);
    let mut services = open(&mut compiler, &request.with, &mut failed);
    let reports = reports(&compiler, request, &failed);
    services.extend(generate.iter().cloned());
    let read = compiler.files().filter_map(|file| file.path().map(Path::to_path_buf)).collect();
    let sources = Sources::new(sources(&compiler));
    let pool = compiler.descriptor_pool();
    (Protos { pool, generate, services, read, sources, columns: Columns::Bytes }, reports)
}

/// Opens files in the order of their names, whatever order they were given in; the descriptors' order follows it.
fn open<'a>(
    compiler: &mut Compiler,
    files: &'a [PathBuf],
    failed: &mut Vec<(&'a Path, protox::Error)>,
) -> BTreeSet<String> {
    let sorted: BTreeSet<&PathBuf> = files.iter().collect();
    let mut names = BTreeSet::new();
    for path in sorted {
        let before: BTreeSet<String> = opened(compiler);
        match compiler.open_file(path) {
            // A file that an earlier one imported is known already; it only stops being an import.
            Ok(_) => names.extend(opened(compiler).difference(&before).cloned()),
            Err(error) => failed.push((path.as_path(), error)),
        }
    }
    names
}

/// What is wrong with the files that failed. A file that several others import is reported once.
fn reports(compiler: &Compiler, request: &Request, failed: &[(&Path, protox::Error)]) -> Vec<Report> {
    if failed.is_empty() {
        return Vec::new();
    }
    let mut sources = sources(compiler);
    let names = failed.iter().filter_map(|(_, error)| error.file());
    sources.extend(names.filter_map(|name| Some((name.to_owned(), source(&request.includes, name)?))));
    let (sources, known) = (Sources::new(sources), Known::of(&compiler.descriptor_pool()));
    failed.iter().flat_map(|(path, error)| error::reports(path, error, &sources, &known)).collect()
}

/// For places; a text that has gone since it was compiled only makes them coarser.
fn sources(compiler: &Compiler) -> BTreeMap<String, Source> {
    let read = |path: &Path| Some(Source::new(path, std::fs::read_to_string(path).ok()?));
    compiler.files().filter_map(|file| Some((file.name().to_owned(), read(file.path()?)?))).collect()
}

/// The text of a file that is not compiled, if it is below one of the directories.
fn source(includes: &[PathBuf], name: &str) -> Option<Source> {
    let here = [PathBuf::from(".")];
    let includes = if includes.is_empty() { here.as_slice() } else { includes };
    includes.iter().find_map(|include| {
        let path = include.join(name);
        Some(Source::new(&path, std::fs::read_to_string(&path).ok()?))
    })
}

fn opened(compiler: &Compiler) -> BTreeSet<String> {
    compiler.files().filter(|file| !file.is_import()).map(|file| file.name().to_owned()).collect()
}

fn resolver<R: FileResolver + 'static>(places: impl Iterator<Item = R>) -> ChainFileResolver {
    let mut chain = ChainFileResolver::new();
    chain.add(Embedded);
    places.for_each(|place| chain.add(place));
    chain.add(GoogleFileResolver::new());
    chain
}

/// Finds Angzarr's own protos inside the program.
struct Embedded;

impl FileResolver for Embedded {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match EMBEDDED.iter().find(|(embedded, _)| *embedded == name) {
            Some((_, source)) => File::from_source(name, source),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}
