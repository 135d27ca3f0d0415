//! Proto files in, linked descriptors out. Nothing here knows what an annotation means.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use crate::{Report, Request};

/// The annotations themselves travel with the generator, so that their version is always the one it understands.
const EMBEDDED: [(&str, &str); 2] = [
    ("angzarr/v1/options.proto", include_str!("../proto/angzarr/v1/options.proto")),
    ("angzarr/v1/types.proto", include_str!("../proto/angzarr/v1/types.proto")),
];

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
    /// Their texts, by name.
    pub(crate) texts: BTreeMap<String, String>,
}

impl Protos {
    /// Packages of the files to generate.
    pub(crate) fn generated_packages(&self) -> BTreeSet<String> {
        let files = self.pool.files().filter(|file| self.generate.contains(file.name()));
        files.map(|file| file.package_name().to_owned()).collect()
    }
}

/// Parses and links the files of a request with everything they import.
///
/// # Errors
/// One report for every file that does not parse or link or is not found.
pub(crate) fn read(request: &Request) -> Result<Protos, Vec<Report>> {
    let here = vec![PathBuf::from(".")];
    let includes = if request.includes.is_empty() { &here } else { &request.includes };
    read_from(request, includes.iter().map(|include| IncludeFileResolver::new(include.clone())))
}

/// The same, looking for files in given places instead of the request's directories.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_from<R: FileResolver + 'static>(
    request: &Request,
    places: impl Iterator<Item = R>,
) -> Result<Protos, Vec<Report>> {
    let mut compiler = Compiler::with_file_resolver(resolver(places));
    compiler.include_source_info(true).include_imports(true);
    let mut reports = Vec::new();
    let generate = open(&mut compiler, &request.files, &mut reports);
    let mut services = open(&mut compiler, &request.with, &mut reports);
    if !reports.is_empty() {
        return Err(Report::sorted(reports));
    }
    services.extend(generate.iter().cloned());
    let read = compiler.files().filter_map(|file| file.path().map(Path::to_path_buf)).collect();
    let texts = texts(&compiler);
    Ok(Protos { pool: compiler.descriptor_pool(), generate, services, read, texts })
}

/// Takes a linked set of descriptors, as compilers write it; all of its files are generated, except for those of `with`.
///
/// # Errors
/// What is wrong with the set, in words.
pub(crate) fn decode(set: &[u8], with: &[PathBuf]) -> Result<Protos, String> {
    let pool = DescriptorPool::decode(set).map_err(|error| error.to_string())?;
    let services: BTreeSet<String> = pool.files().map(|file| file.name().to_owned()).collect();
    let generate = services.iter().filter(|name| !with.iter().any(|with| with.ends_with(name))).cloned().collect();
    Ok(Protos { pool, generate, services, read: Vec::new(), texts: BTreeMap::new() })
}

/// Opens files in the order of their names, whatever order they were given in; the descriptors' order follows it.
fn open(compiler: &mut Compiler, files: &[PathBuf], reports: &mut Vec<Report>) -> BTreeSet<String> {
    let sorted: BTreeSet<&PathBuf> = files.iter().collect();
    let mut names = BTreeSet::new();
    for path in sorted {
        let before: BTreeSet<String> = opened(compiler);
        match compiler.open_file(path) {
            // A file that an earlier one imported is known already; it only stops being an import.
            Ok(_) => names.extend(opened(compiler).difference(&before).cloned()),
            Err(error) => reports.extend(error::reports(path, &error)),
        }
    }
    names
}

/// For the places of words; a text that has gone since it was compiled only makes them coarser.
fn texts(compiler: &Compiler) -> BTreeMap<String, String> {
    let text = |path: &Path| std::fs::read_to_string(path).ok();
    compiler.files().filter_map(|file| Some((file.name().to_owned(), text(file.path()?)?))).collect()
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
