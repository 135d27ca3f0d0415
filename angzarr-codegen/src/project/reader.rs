//! From YAML to a project, with a place for every mistake.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use angzarr_model::codes;
use angzarr_model::names::nearest;
use saphyr::{MarkedYaml, Marker, ScanError, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Pattern, Project, PythonSettings, RustSettings};
use crate::lang::rust::unusable_extern;
use crate::report::{Source, Sources};
use crate::{Place, Report};

/// Reads the text of a project file; all mistakes come at once, sorted by place.
pub(super) fn read(path: &Path, text: &str) -> Result<Project, Vec<Report>> {
    let mut reader = Reader::new(path);
    let sources = Sources::new(BTreeMap::from([(reader.file.clone(), Source::new(path, text.to_owned()))]));
    let project = Project { path: path.to_path_buf(), sources, ..Project::default() };
    let project = reader.document(project, text);
    if reader.found.is_empty() {
        return Ok(project);
    }
    Err(reader.findings(path, text))
}

/// Collects what is wrong with a file.
pub(crate) struct Reader {
    /// How findings call the file.
    file: String,
    /// What its paths are relative to.
    folder: PathBuf,
    pub(crate) found: Vec<Report>,
}

impl Reader {
    pub(crate) fn new(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { file: path.display().to_string(), folder, found: Vec::new() }
    }

    /// What was found in the file with this text, sorted by place.
    pub(crate) fn findings(self, path: &Path, text: &str) -> Vec<Report> {
        let sources = Sources::new(BTreeMap::from([(self.file, Source::new(path, text.to_owned()))]));
        Report::sorted(self.found.into_iter().map(|report| report.from(&sources)).collect())
    }

    /// The documents of a text; at most one, unless that is wrong.
    fn load<'i>(&mut self, text: &'i str) -> Vec<MarkedYaml<'i>> {
        self.loaded(load(text, YamlLoader::default()))
    }

    /// The same, with scalars as they are written: a number keeps the zeros before it.
    pub(crate) fn load_written<'i>(&mut self, text: &'i str) -> Vec<MarkedYaml<'i>> {
        let mut loader = YamlLoader::default();
        loader.early_parse(false);
        self.loaded(load(text, loader))
    }

    fn loaded<'i>(&mut self, loaded: Result<Vec<MarkedYaml<'i>>, ScanError>) -> Vec<MarkedYaml<'i>> {
        let documents = loaded.unwrap_or_else(|error| {
            let place = self.place(Span::empty(*error.marker()));
            self.found.push(Report::of(codes::BAD_PROJECT, format!("not YAML: {}", error.info())).at(place));
            Vec::new()
        });
        // A file of comments only has no document; a second one would be ignored, so it is refused.
        if let Some(second) = documents.get(1) {
            self.wrong(second, "a project file has one document");
        }
        documents
    }

    /// Tells what the file as a whole lacks.
    pub(crate) fn missing(&mut self, message: &str) {
        self.found.push(Report::of(codes::BAD_PROJECT, message).at(Place::file(&self.file)));
    }

    /// Fills in what a text says.
    fn document(&mut self, mut project: Project, text: &str) -> Project {
        let documents = self.load(text);
        let keys = ["include", "files", "with", "lock", "languages"];
        for (key, value) in documents.first().map(|root| self.entries(root, &keys)).unwrap_or_default() {
            match key {
                "include" => {
                    let includes = self.strings(value).into_iter();
                    project.include_places = includes.map(|(name, place)| (self.folder.join(name), place)).collect();
                    project.includes = project.include_places.iter().map(|(path, _)| path.clone()).collect();
                }
                "files" => project.files = self.patterns(value),
                "with" => project.with = self.patterns(value),
                "lock" => project.lock = self.string(value).map(|lock| self.folder.join(lock)),
                _ => {
                    for (name, language) in self.entries(value, &["python", "rust"]) {
                        match name {
                            "python" => project.python = Some(self.python(language)),
                            _ => project.rust = Some(self.rust(language)),
                        }
                    }
                }
            }
        }
        if project.includes.is_empty() {
            project.includes.push(self.folder.clone());
        }
        if project.files.is_empty() {
            project.files.push(Pattern { text: "**/*.proto".to_owned(), place: Place::file(&self.file) });
        }
        project
    }

    fn python(&mut self, node: &MarkedYaml<'_>) -> PythonSettings {
        let mut settings = PythonSettings::default();
        for (key, value) in self.entries(node, &["out", "program"]) {
            let folder = self.string(value).map(|folder| self.folder.join(folder));
            match key {
                "out" => settings.out = folder,
                _ => settings.program = folder,
            }
        }
        settings
    }

    fn rust(&mut self, node: &MarkedYaml<'_>) -> RustSettings {
        let mut settings = RustSettings::default();
        for (key, value) in self.entries(node, &["out", "extern"]) {
            match key {
                "out" => settings.out = self.string(value).map(|out| self.folder.join(out)),
                _ => settings.extern_paths = self.extern_paths(value),
            }
        }
        settings
    }

    /// The entries of a mapping whose keys are known; `rust:` with nothing behind it is an empty one.
    pub(crate) fn entries<'n, 'i>(
        &mut self,
        node: &'n MarkedYaml<'i>,
        known: &[&'n str],
    ) -> Vec<(&'n str, &'n MarkedYaml<'i>)> {
        let Some(mapping) = node.data.as_mapping() else {
            if !is_null(node) {
                self.wrong(node, &format!("expected a mapping with some of {}", listed(known)));
            }
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (key, value) in mapping {
            let name = match &key.data {
                YamlData::Representation(written, ..) => written,
                data => data.as_str().unwrap_or_default(),
            };
            match known.iter().find(|known| **known == name) {
                Some(known) => entries.push((*known, value)),
                None => {
                    let report = Report::of(codes::UNKNOWN_KEY, format!("unknown key `{name}`"));
                    let report = report.help(format!("here may stand {}", listed(known))).at(self.place(key.span));
                    self.found.push(report.suggest(nearest(name, known.iter().copied())));
                }
            }
        }
        entries
    }

    fn string(&mut self, node: &MarkedYaml<'_>) -> Option<String> {
        match node.data.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.wrong(node, "expected a text");
                None
            }
        }
    }

    /// A list of texts, each with its place.
    fn strings(&mut self, node: &MarkedYaml<'_>) -> Vec<(String, Place)> {
        let Some(list) = node.data.as_sequence() else {
            self.wrong(node, "expected a list, like [proto]");
            return Vec::new();
        };
        list.iter().filter_map(|item| Some((self.string(item)?, self.place(item.span)))).collect()
    }

    fn patterns(&mut self, node: &MarkedYaml<'_>) -> Vec<Pattern> {
        self.strings(node).into_iter().map(|(text, place)| Pattern { text, place }).collect()
    }

    /// Modules by package.
    fn extern_paths(&mut self, node: &MarkedYaml<'_>) -> BTreeMap<String, String> {
        let Some(mapping) = node.data.as_mapping() else {
            self.wrong(node, "expected a mapping, like shop.stock.v1: \"::stock::shop::stock::v1\"");
            return BTreeMap::new();
        };
        let mut paths = BTreeMap::new();
        for (key, value) in mapping {
            let (Some(package), Some(path)) = (self.string(key), self.string(value)) else { continue };
            if let Some(why) = unusable_extern(&package, &path) {
                let place = self.place(key.span);
                self.found.push(Report::of(codes::BAD_EXTERN, why).at(place));
            }
            paths.insert(package, path);
        }
        paths
    }

    pub(crate) fn wrong(&mut self, node: &MarkedYaml<'_>, message: &str) {
        let place = self.place(node.span);
        self.found.push(Report::of(codes::BAD_PROJECT, message).at(place));
    }

    fn place(&self, span: Span) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let point = |marker: Marker| (number(marker.line()), number(marker.col()).saturating_add(1));
        let ((line, column), (end_line, end_column)) = (point(span.start), point(span.end));
        Place { line, column, end_line, end_column, ..Place::file(&self.file) }
    }
}

/// Whether nothing stands there.
pub(crate) fn is_null(node: &MarkedYaml<'_>) -> bool {
    match &node.data {
        YamlData::Representation(written, ScalarStyle::Plain, None) => matches!(&**written, "" | "~" | "null"),
        data => data.is_null(),
    }
}

fn load<'i>(text: &'i str, mut loader: YamlLoader<'i, MarkedYaml<'i>>) -> Result<Vec<MarkedYaml<'i>>, ScanError> {
    shallow(text)?;
    Parser::new_from_str(text).load(&mut loader, true)?;
    match loader.error() {
        Some(error) => Err(error.clone()),
        None => Ok(loader.into_documents()),
    }
}

/// Refuses what is nested deeper than any project file, since a tree is walked, and dropped, on the stack.
fn shallow(text: &str) -> Result<(), ScanError> {
    const DEEPEST: u32 = 32;
    let mut depth = 0_u32;
    for event in Parser::new_from_str(text) {
        match event? {
            (Event::SequenceStart(..) | Event::MappingStart(..), span) => {
                depth += 1;
                if depth > DEEPEST {
                    return Err(ScanError::new_str(span.start, "nested too deeply"));
                }
            }
            (Event::SequenceEnd | Event::MappingEnd, _) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let reports = read(Path::new("angzarr.yaml"), text).unwrap_err();
        reports.iter().map(Report::to_string).collect()
    }

    #[test]
    fn everything_that_can_be_said() {
        let text = "include: [proto, ../common]\nfiles: [\"shop/**/*.proto\"]\nwith: [stock.proto]\nlock: events.lock\n\
                    languages:\n  rust:\n    out: src/gen\n    extern: {shop.stock.v1: \"::stock::shop::stock::v1\"}\n";
        let project = read(Path::new("shop/angzarr.yaml"), text).unwrap();
        assert_eq!(project.includes, [Path::new("shop/proto"), Path::new("shop/../common")]);
        assert_eq!(project.files[0].text, "shop/**/*.proto");
        assert_eq!(project.with[0].text, "stock.proto");
        assert_eq!(project.lock, Some(PathBuf::from("shop/events.lock")));
        let rust = project.rust.unwrap();
        assert_eq!(rust.out, Some(PathBuf::from("shop/src/gen")));
        assert_eq!(rust.extern_paths["shop.stock.v1"], "::stock::shop::stock::v1");
    }

    #[test]
    fn nothing_said_means_every_proto_of_the_folder() {
        for text in ["", "# nothing\n", "{}\n"] {
            let project = read(Path::new("shop/angzarr.yaml"), text).unwrap();
            assert_eq!(project.includes, [Path::new("shop")], "{text}");
            assert_eq!(project.files[0].text, "**/*.proto");
            assert_eq!(project.rust, None);
        }
    }

    #[test]
    fn a_language_without_settings_is_one_all_the_same() {
        let project = read(Path::new("angzarr.yaml"), "languages:\n  rust:\n").unwrap();
        assert_eq!(project.rust, Some(RustSettings::default()));
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let text =
            "includes: [proto]\nfiles: all\nwith: [1]\nlock: [a]\nlanguages:\n  rust:\n    extrn: gen\n  cobol: {}\n";
        let found = found(text);
        let heads: Vec<String> = found.iter().map(|found| found.lines().take(2).collect()).collect();
        assert_eq!(
            heads,
            [
                "error[AZ0702]: unknown key `includes` --> angzarr.yaml:1:1",
                "error[AZ0701]: expected a list, like [proto] --> angzarr.yaml:2:8",
                "error[AZ0701]: expected a text --> angzarr.yaml:3:8",
                "error[AZ0701]: expected a text --> angzarr.yaml:4:7",
                "error[AZ0702]: unknown key `extrn` --> angzarr.yaml:7:5",
                "error[AZ0702]: unknown key `cobol` --> angzarr.yaml:8:3",
            ]
        );
        assert_eq!(
            found[0],
            "error[AZ0702]: unknown key `includes`\n --> angzarr.yaml:1:1\n  |\n1 | includes: [proto]\n  | ^^^^^^^^\n  |\n  \
             = help: did you mean `include`?\n  = help: here may stand `include`, `files`, `with`, `lock`, `languages`"
        );
    }

    #[test]
    fn modules_of_packages_have_places() {
        let text = "languages:\n  rust:\n    extern:\n      stock..v1: \"::stock\"\n      stock.v1: stock::v1\n";
        let heads: Vec<String> = found(text).iter().map(|found| found.lines().take(2).collect()).collect();
        assert_eq!(
            heads,
            [
                "error[AZ0007]: `stock..v1` is no package of yours --> angzarr.yaml:4:7",
                "error[AZ0007]: `stock::v1` is not an absolute path of a Rust module --> angzarr.yaml:5:7",
            ]
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_place() {
        let found = found("files: [\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("error[AZ0701]: not YAML: "), "{}", found[0]);
        assert!(found[0].contains("--> angzarr.yaml:"), "{}", found[0]);
    }

    #[test]
    fn nesting_without_end_is_an_error_like_any_other() {
        for open in ["[", "{a: ", "- "] {
            found(&open.repeat(100_000));
        }
    }
}
