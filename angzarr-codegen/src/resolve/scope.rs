//! Names of messages and enums in options, resolved by protobuf's own rules.

use std::collections::BTreeSet;

use prost_reflect::{DescriptorPool, FileDescriptor};

/// What a name can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Message,
    Enum,
}

/// Finds the full name of what `name` means inside `scope`, the full name of a service.
///
/// A leading dot makes it absolute. Otherwise scopes are searched from the innermost outwards for the first segment;
/// where that is found, the rest must be found too.
///
/// # Errors
/// A sentence that says what is in the way.
pub(super) fn resolve(file: &FileDescriptor, scope: &str, name: &str, wanted: Wanted) -> Result<String, String> {
    let full = find(file.parent_pool(), scope, name)?;
    let (declared_in, kind) = match file.parent_pool().get_message_by_name(&full) {
        Some(message) => (message.parent_file(), Wanted::Message),
        None => match file.parent_pool().get_enum_by_name(&full) {
            Some(ty) => (ty.parent_file(), Wanted::Enum),
            None => return Err(format!("`{full}` is neither a message nor an enum")),
        },
    };
    if kind != wanted {
        return Err(match wanted {
            Wanted::Message => format!("`{full}` is an enum, not a message"),
            Wanted::Enum => format!("`{full}` is a message, not an enum"),
        });
    }
    if !visible(file).contains(declared_in.name()) {
        return Err(format!("`{full}` is not imported; its file is {}", declared_in.name()));
    }
    Ok(full)
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
