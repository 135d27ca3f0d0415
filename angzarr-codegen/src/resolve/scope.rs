//! Names of messages and enums in options, resolved by protobuf's own rules.

use std::collections::BTreeSet;

use angzarr_model::names::{last_segment, nearest};
use prost_reflect::{DescriptorPool, FileDescriptor};

/// What a name can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Message,
    Enum,
}

/// Why a name has no meaning.
pub(super) struct Unresolved {
    /// A sentence that says what is in the way.
    pub(super) reason: String,
    /// The name that was probably meant.
    pub(super) suggestion: Option<String>,
}

impl Unresolved {
    pub(super) fn because(reason: String) -> Self {
        Unresolved { reason, suggestion: None }
    }
}

/// Finds the full name of what `name` means inside `scope`, the full name of a service.
///
/// A leading dot makes it absolute. Otherwise scopes are searched from the innermost outwards for the first segment;
/// where that is found, the rest must be found too.
///
/// # Errors
/// What is in the way.
pub(super) fn resolve(file: &FileDescriptor, scope: &str, name: &str, wanted: Wanted) -> Result<String, Unresolved> {
    let full = find(file.parent_pool(), scope, name).map_err(|reason| {
        let suggestion = suggestion(file, scope, name, wanted);
        Unresolved { reason, suggestion }
    })?;
    let (declared_in, kind) = match file.parent_pool().get_message_by_name(&full) {
        Some(message) => (message.parent_file(), Wanted::Message),
        None => match file.parent_pool().get_enum_by_name(&full) {
            Some(ty) => (ty.parent_file(), Wanted::Enum),
            None => return Err(Unresolved::because(format!("`{full}` is neither a message nor an enum"))),
        },
    };
    if kind != wanted {
        return Err(Unresolved::because(match wanted {
            Wanted::Message => format!("`{full}` is an enum, not a message"),
            Wanted::Enum => format!("`{full}` is a message, not an enum"),
        }));
    }
    if !visible(file).contains(declared_in.name()) {
        let reason = format!("`{full}` is not imported; its file is {}", declared_in.name());
        return Err(Unresolved::because(reason));
    }
    Ok(full)
}

/// The type of the wanted kind whose name is the same elsewhere, or else comes closest among those that can be seen; as
/// it has to be written in `scope`.
fn suggestion(file: &FileDescriptor, scope: &str, name: &str, wanted: Wanted) -> Option<String> {
    let (pool, visible) = (file.parent_pool(), visible(file));
    let types: Vec<(String, bool)> = match wanted {
        Wanted::Message => pool
            .all_messages()
            .map(|ty| (ty.full_name().to_owned(), visible.contains(ty.parent_file().name())))
            .collect(),
        Wanted::Enum => {
            pool.all_enums().map(|ty| (ty.full_name().to_owned(), visible.contains(ty.parent_file().name()))).collect()
        }
    };
    let last = last_segment(name);
    let same = types.iter().map(|(full, _)| full).filter(|full| last_segment(full) == last).min();
    let near = || {
        let seen = || types.iter().filter(|(_, visible)| *visible).map(|(full, _)| full);
        let near = nearest(last, seen().map(|full| last_segment(full)))?;
        seen().filter(|full| last_segment(full) == near).min()
    };
    let full = same.or_else(near)?;
    let short = last_segment(full);
    let shortest = if find(pool, scope, short).is_ok_and(|found| &found == full) { short } else { full };
    Some(shortest.to_owned())
}

fn find(pool: &DescriptorPool, scope: &str, name: &str) -> Result<String, String> {
    if let Some(absolute) = name.strip_prefix('.') {
        return if exists(pool, absolute) {
            Ok(absolute.to_owned())
        } else {
            Err(format!("nothing is named `{absolute}`"))
        };
    }
    let first = name.split('.').next().unwrap_or(name);
    let mut scope = Some(scope);
    while let Some(current) = scope {
        let inside = |name: &str| if current.is_empty() { name.to_owned() } else { format!("{current}.{name}") };
        if exists(pool, &inside(first)) {
            let full = inside(name);
            return if exists(pool, &full) {
                Ok(full)
            } else {
                Err(format!("`{name}` means `{full}` here, which does not exist; a leading dot makes a name absolute"))
            };
        }
        scope = match current.rsplit_once('.') {
            Some((outer, _)) => Some(outer),
            None if current.is_empty() => None,
            None => Some(""),
        };
    }
    Err(format!("nothing is named `{name}`"))
}

fn exists(pool: &DescriptorPool, full: &str) -> bool {
    let package = |file: FileDescriptor| {
        file.package_name().strip_prefix(full).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    !full.is_empty()
        && (pool.get_message_by_name(full).is_some()
            || pool.get_enum_by_name(full).is_some()
            || pool.files().any(package))
}

/// Names of the files whose types a file may use: itself, its imports, and what those import publicly.
fn visible(file: &FileDescriptor) -> BTreeSet<String> {
    let mut names = BTreeSet::from([file.name().to_owned()]);
    let mut open: Vec<FileDescriptor> = file.dependencies().collect();
    while let Some(next) = open.pop() {
        if names.insert(next.name().to_owned()) {
            open.extend(next.public_dependencies());
        }
    }
    names
}
