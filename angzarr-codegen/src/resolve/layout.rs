//! Packages that would import each other. protobuf forbids it between files and Go between packages, so components that
//! would make such a circle are refused in every language.

use std::collections::{BTreeMap, BTreeSet};

use angzarr_model::codes;
use prost_reflect::ServiceDescriptor;

use super::{Context, FOREIGN_PACKAGES};

/// Which package imports which.
pub(super) struct Layout(BTreeMap<String, BTreeSet<String>>);

impl Layout {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in context.protos.pool.files() {
            let others = file.dependencies().map(|import| import.package_name().to_owned());
            let others =
                others.filter(|other| other != file.package_name() && !FOREIGN_PACKAGES.contains(&other.as_str()));
            imports.entry(file.package_name().to_owned()).or_default().extend(others);
        }
        Layout(imports)
    }

    /// Reports a component whose package imports itself through others.
    pub(super) fn check(&self, context: &mut Context<'_>, service: &ServiceDescriptor) {
        let package = service.package_name();
        let Some(through) = self.direct(package).find(|import| self.reaches(import, package)) else { return };
        let span = context.spans.at(&service.parent_file(), &[service.path(), &[super::component::NAME]].concat());
        let message = format!(
            "`{}` lies in package `{package}`, which imports `{through}`, which imports `{package}`",
            service.full_name()
        );
        context.found.report(codes::BAD_LAYOUT, span, message);
    }

    fn direct(&self, package: &str) -> impl Iterator<Item = &String> {
        self.0.get(package).into_iter().flatten()
    }

    fn reaches(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            if next == to {
                return true;
            }
            open.extend(self.direct(next).map(String::as_str).filter(|import| seen.insert(import)));
        }
        false
    }
}
