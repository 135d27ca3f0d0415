//! Packages that would import each other. protobuf forbids it between files and Go between packages, so they are refused
//! in every language.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::{Diagnostic, Span, codes};
use prost_reflect::{FileDescriptor, ServiceDescriptor};

use super::{Context, FOREIGN_PACKAGES};

/// `dependency` in `FileDescriptorProto`.
const DEPENDENCY: i32 = 3;

/// Which package imports which.
pub(super) struct Layout {
    all: Graph,
    /// Without the files that hold components.
    messages: Graph,
}

/// From package to the packages that it imports, each with one import statement: its file and number there.
#[derive(Default)]
struct Graph(BTreeMap<String, BTreeMap<String, (FileDescriptor, usize)>>);

impl Layout {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let mut layout = Layout { all: Graph::default(), messages: Graph::default() };
        let mut files: Vec<FileDescriptor> = context.protos.pool.files().collect();
        files.sort_by(|a, b| a.name().cmp(b.name()));
        for file in files {
            if file.services().all(|service| context.annotations.component(&service).is_none()) {
                layout.messages.add(&file);
            }
            layout.all.add(&file);
        }
        layout
    }

    /// Reports messages of packages that import each other, once for each circle in which something is generated.
    pub(super) fn cycles(&self, context: &mut Context<'_>) {
        let mut told: BTreeSet<String> = BTreeSet::new();
        for package in context.protos.generated_packages() {
            if told.contains(&package) {
                continue;
            }
            let Some(circle) = self.messages.circle(&package) else { continue };
            let imports = chain(circle.get(1..).unwrap_or_default());
            let message = format!("package `{package}` imports {imports}");
            self.messages.report(context, &circle, |span| Diagnostic::new(codes::PACKAGE_CYCLE, span, message));
            told.extend(circle);
        }
    }

    /// Reports a component whose package imports itself through others, but would not without the component.
    pub(super) fn check(&self, context: &mut Context<'_>, service: &ServiceDescriptor) {
        let package = service.package_name();
        if self.messages.circle(package).is_some() {
            return;
        }
        let Some(circle) = self.all.circle(package) else { return };
        let span = context.spans.at(&service.parent_file(), &[service.path(), &[super::component::NAME]].concat());
        let message = format!("`{}` lies in package {}", service.full_name(), chain(&circle));
        let mut found = Diagnostic::new(codes::BAD_LAYOUT, span, message);
        for (span, label) in self.all.imports(context, &circle) {
            found = found.with(span, label);
        }
        context.found.add(found);
    }
}

/// `a`, which imports `b`, which imports `a`.
fn chain(circle: &[String]) -> String {
    let names: Vec<String> = circle.iter().map(|package| format!("`{package}`")).collect();
    names.join(", which imports ")
}

impl Graph {
    fn add(&mut self, file: &FileDescriptor) {
        for (number, import) in file.dependencies().enumerate() {
            let (from, to) = (file.package_name(), import.package_name());
            if from != to && !FOREIGN_PACKAGES.contains(&to) {
                let imports = self.0.entry(from.to_owned()).or_default();
                imports.entry(to.to_owned()).or_insert_with(|| (file.clone(), number));
            }
        }
    }

    fn direct(&self, package: &str) -> impl Iterator<Item = &str> {
        self.0.get(package).into_iter().flat_map(|imports| imports.keys().map(String::as_str))
    }

    /// The shortest way from a package through its imports back to itself, both ends included.
    fn circle(&self, package: &str) -> Option<Vec<String>> {
        let mut came: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = vec![package];
        let mut next = 0;
        while let Some(current) = open.get(next).copied() {
            for import in self.direct(current) {
                if import == package {
                    let mut way = vec![package.to_owned()];
                    let mut step = Some(current);
                    while let Some(here) = step {
                        way.push(here.to_owned());
                        step = came.get(here).copied();
                    }
                    way.reverse();
                    return Some(way);
                }
                if !came.contains_key(import) {
                    came.insert(import, current);
                    open.push(import);
                }
            }
            next += 1;
        }
        None
    }

    /// The import statements along a circle, each with what it does.
    fn imports(&self, context: &mut Context<'_>, circle: &[String]) -> Vec<(Span, String)> {
        let steps = circle.iter().zip(circle.iter().skip(1));
        let statements = steps.filter_map(|(from, to)| Some((self.0.get(from)?.get(to)?, from, to)));
        let statements = statements.map(|((file, number), from, to)| {
            let path = [DEPENDENCY, i32::try_from(*number).unwrap_or_default()];
            (context.spans.at(file, &path), format!("`{from}` imports `{to}`"))
        });
        statements.collect()
    }

    /// Adds a finding at the first import statement of a circle, with the others beside it.
    fn report(&self, context: &mut Context<'_>, circle: &[String], found: impl FnOnce(Span) -> Diagnostic) {
        let imports = self.imports(context, circle);
        let Some(((first, _), others)) = imports.split_first() else { return };
        let found = others.iter().fold(found(*first), |found, (span, label)| found.with(*span, label));
        context.found.add(found);
    }
}
