//! Proto files or a descriptor set in, linked descriptors out. Nothing here knows what an annotation means.

mod descriptors;
mod error;
mod followed;
mod include;
mod not_found;
mod sound;
mod suggest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use angzarr_model::codes;
use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileMetadata, FileResolver, GoogleFileResolver};

use crate::report::{Columns, Source, Sources};
use crate::{Report, Request};
pub(crate) use descriptors::EncodedSet;
use descriptors::{Set, Shared};
pub(crate) use include::{BYTE_ORDER_MARK, Include, missing_directory, name_below};
use suggest::Known;

/// The annotations themselves travel with the generator, so that their version is always the one it understands.
const EMBEDDED: [(&str, &str); 2] = [
    ("angzarr/v1/options.proto", include_str!("../proto/angzarr/v1/options.proto")),
    ("angzarr/v1/types.proto", include_str!("../proto/angzarr/v1/types.proto")),
];

/// What services and runtimes, and their callers, tell each other, beside those.
const SERVICES: [(&str, &str); 5] = [
    ("angzarr/v1/business.proto", include_str!("../proto/angzarr/v1/business.proto")),
    ("angzarr/v1/coordinator.proto", include_str!("../proto/angzarr/v1/coordinator.proto")),
    ("angzarr/v1/description.proto", include_str!("../proto/angzarr/v1/description.proto")),
    ("angzarr/v1/gateway.proto", include_str!("../proto/angzarr/v1/gateway.proto")),
    ("angzarr/v1/query.proto", include_str!("../proto/angzarr/v1/query.proto")),
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
/// What keeps a descriptor set from being looked into.
pub(crate) fn read(request: &Request) -> Result<(Protos, Vec<Report>), Vec<Report>> {
    let set = request.descriptors.as_deref().map(Set::decode).transpose()?.map(Arc::new);
    let mut files = request.files.clone();
    if let Some(set) = set.as_ref().filter(|_| files.is_empty()) {
        files = set.own().map(PathBuf::from).filter(|name| !request.with.contains(name)).collect();
        if files.is_empty() {
            let report = Report::of(codes::FILE_NOT_FOUND, "the descriptor set holds no file of yours");
            return Err(vec![report.help("build it from the files to work on")]);
        }
    }
    let columns = if set.is_some() { Columns::TabStops } else { Columns::Bytes };
    let places = |resolver: &mut ChainFileResolver| match &set {
        Some(set) => resolver.add(Shared(set.clone())),
        None if request.includes.is_empty() => resolver.add(Include::new(Path::new("."))),
        None => request.includes.iter().for_each(|include| resolver.add(Include::new(include))),
    };
    let compilers = Compilers { with: &request.with, places: &places, text: &|name| source(request, name) };
    let (protos, reports) = compilers.protos(&files, columns);
    let explain = |report| not_found::explain(report, &request.includes, set.as_deref());
    let mut reports: Vec<Report> = reports.into_iter().map(explain).collect();
    let missing = if set.is_none() { include::missing(&request.includes) } else { Vec::new() };
    if !missing.is_empty() {
        // That a file is not found follows from that.
        reports.retain(|report| report.code != codes::FILE_NOT_FOUND.id);
        reports.extend(missing);
    }
    Ok((protos, reports))
}

/// The same, looking for proto files, and for their texts by name, elsewhere than in the request's directories.
pub(crate) fn read_from(
    request: &Request,
    places: &dyn Fn(&mut ChainFileResolver),
    text: &dyn Fn(&str) -> Option<Source>,
) -> (Protos, Vec<Report>) {
    Compilers { with: &request.with, places, text }.protos(&request.files, Columns::Bytes)
}

/// The files of [`SERVICES`], linked.
///
/// # Errors
/// A mistake of this crate.
pub(crate) fn service_protos() -> Result<DescriptorPool, protox::Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(Embedded(&EMBEDDED));
    resolver.add(Embedded(&SERVICES));
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_source_info(true).include_imports(true);
    for (name, _) in SERVICES {
        compiler.open_file(name)?;
    }
    Ok(compiler.descriptor_pool())
}

/// Makes compilers that find what a request asks for.
struct Compilers<'a> {
    /// Files to read, but not to generate.
    with: &'a [PathBuf],
    /// Adds the places where files lie.
    places: &'a dyn Fn(&mut ChainFileResolver),
    /// The text of a file that was not compiled from one on disk.
    text: Text<'a>,
}

/// Texts by the names of files.
type Text<'a> = &'a dyn Fn(&str) -> Option<Source>;

/// A compiler with all files that link, and the errors of those that do not.
struct Linked {
    compiler: Compiler,
    generate: BTreeSet<String>,
    services: BTreeSet<String>,
    failed: Failed,
}

/// Files that do not parse or link, with the first error of each.
type Failed = BTreeMap<PathBuf, Failure>;

/// Why a file does not link, and what it could have named.
struct Failure {
    error: protox::Error,
    known: Known,
}

impl Failure {
    fn new(error: protox::Error, compiler: &Compiler) -> Self {
        Failure { error, known: Known::of(&compiler.descriptor_pool()) }
    }
}

impl Compilers<'_> {
    fn protos(&self, files: &[PathBuf], columns: Columns) -> (Protos, Vec<Report>) {
        let Linked { compiler, generate, mut services, failed } = self.link(files, self.with);
        services.extend(generate.iter().cloned());
        let reports = reports(&compiler, self.text, &failed);
        let read = compiler.files().filter_map(|file| file.path().map(Path::to_path_buf)).collect();
        let sources = Sources::new(sources(&compiler, self.text));
        let pool = compiler.descriptor_pool();
        (Protos { pool, generate, services, read, sources, columns }, reports)
    }

    fn compiler(&self) -> Compiler {
        let mut resolver = ChainFileResolver::new();
        resolver.add(Embedded(&EMBEDDED));
        (self.places)(&mut resolver);
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_source_info(true).include_imports(true);
        compiler
    }

    /// Links everything, without the files that stand in the way. A compiler that has failed is not used any more: it
    /// keeps a part of what it could not link, and panics over that later.
    fn link(&self, files: &[PathBuf], with: &[PathBuf]) -> Linked {
        let mut failed = Failed::new();
        loop {
            let mut compiler = self.compiler();
            let generate = open(&mut compiler, files, &failed);
            let opened = generate.and_then(|generate| Ok((generate, open(&mut compiler, with, &failed)?)));
            match opened {
                Ok((generate, services)) => return Linked { compiler, generate, services, failed },
                Err((path, error)) => {
                    if failed.is_empty() {
                        failed = self.failing_alone(files.iter().chain(with));
                    }
                    // One that links alone collides with another one.
                    failed.entry(path).or_insert_with(|| Failure::new(error, &compiler));
                }
            }
        }
    }

    fn failing_alone<'a>(&self, files: impl Iterator<Item = &'a PathBuf>) -> Failed {
        let failure = |path: &PathBuf| {
            let mut compiler = self.compiler();
            let error = compiler.open_file(path).err()?;
            Some(Failure::new(error, &compiler))
        };
        files.filter_map(|path| Some((path.clone(), failure(path)?))).collect()
    }
}

/// Opens files in the order of their names, whatever order they were given in; the descriptors' order follows it.
///
/// # Errors
/// The first file that does not link.
fn open(
    compiler: &mut Compiler,
    files: &[PathBuf],
    failed: &Failed,
) -> Result<BTreeSet<String>, (PathBuf, protox::Error)> {
    let sorted: BTreeSet<&PathBuf> = files.iter().filter(|path| !failed.contains_key(*path)).collect();
    let mut names = BTreeSet::new();
    for path in sorted {
        let before: BTreeSet<String> = opened(compiler);
        compiler.open_file(path).map_err(|error| (path.clone(), error))?;
        // A file that an earlier one imported is known already; it only stops being an import.
        names.extend(opened(compiler).difference(&before).cloned());
    }
    Ok(names)
}

/// What is wrong with the files that failed. A file that several others import is reported once.
fn reports(compiler: &Compiler, text: Text<'_>, failed: &Failed) -> Vec<Report> {
    if failed.is_empty() {
        return Vec::new();
    }
    let mut sources = sources(compiler, text);
    let names = failed.values().filter_map(|failure| failure.error.file());
    sources.extend(names.filter_map(|name| Some((name.to_owned(), text(name)?))));
    let sources = Sources::new(sources);
    failed.iter().flat_map(|(path, one)| error::reports(path, &one.error, &sources, &one.known)).collect()
}

/// For places; a text that has gone since it was compiled only makes them coarser.
fn sources(compiler: &Compiler, text: Text<'_>) -> BTreeMap<String, Source> {
    let read = |path: &Path| Some(Source::new(path, std::fs::read_to_string(path).ok()?));
    let source = |file: FileMetadata| match file.path() {
        Some(path) => read(path),
        None => text(file.name()),
    };
    compiler.files().filter_map(|file| Some((file.name().to_owned(), source(file.clone())?))).collect()
}

/// The text of a file that was not compiled from it, if it is below one of the directories.
fn source(request: &Request, name: &str) -> Option<Source> {
    // Where the files of a set lie is known only if somebody says so.
    let here = [PathBuf::from(".")];
    let unsaid = request.includes.is_empty() && request.descriptors.is_none();
    let includes = if unsaid { here.as_slice() } else { request.includes.as_slice() };
    includes.iter().find_map(|include| {
        let path = include.join(name);
        Some(Source::new(&path, std::fs::read_to_string(&path).ok()?))
    })
}

fn opened(compiler: &Compiler) -> BTreeSet<String> {
    compiler.files().filter(|file| !file.is_import()).map(|file| file.name().to_owned()).collect()
}

/// Finds Angzarr's own protos inside the program.
struct Embedded(&'static [(&'static str, &'static str)]);

impl FileResolver for Embedded {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.iter().find(|(embedded, _)| *embedded == name) {
            Some((_, source)) => File::from_source(name, source),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}
